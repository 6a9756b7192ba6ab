"""D2 for rows deleted and others relabelled at once: refits near sums of smaller ones (D1c, D1f), choice by choice."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

import numpy as np

from certify.systems.head.rows.changes.base import Change
from certify.systems.head.rows.changes.both import BothChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.both_refits.walk import Walk
from certify.theorems.head.rows.method import INEXACT, Budget, Mask, Method, Part
from certify.theorems.head.rows.refitted.walk import LARGEST, LONGEST, PAIRED
from certify.theorems.head.rows.searches.ended import ended

LEAVES, INVERSES = 100_000_000, 1 << 27
"""Most choices; and most numbers of the inverses that are held."""

PRODUCT, ENTRY, LEAF = 4e-10, 1.5e-8, 4e-6
"""About the seconds of a product, of a slope, and of everything else of a choice."""

SEVERAL = 3.5
"""Times as many of a softmax head."""

TOGETHER = "rows are not deleted and relabelled at once, and enumeration counts out either"


class BothRefits(Method):
    """Any m₁ rows deleted and any m₂ others relabelled, of a logistic or small softmax head: every choice by itself.

    Attributes:
        walk: goes through all choices.
    """

    name: ClassVar[str] = "both_refits"
    walk: ClassVar[type[Walk]] = Walk

    def takes(self, change: Change) -> Change | str:
        """Both at once alone."""
        return change if isinstance(change, BothChange) else TOGETHER

    def able(self, head: Head, change: BothChange) -> str:
        """Whether the choices can be counted out."""
        if not head.read_off or not (head.loss.sigmoid and head.k == 1 or head.loss.shifted):
            return f"the loss is {head.loss.name}, and it is for logistic and softmax heads whose rows count the same"
        if head.phi_rad.any() or head.points_rad.any():
            return INEXACT
        if head.remaining:
            return "the weight decay changes with every row that is deleted"
        if not (change.deleted and change.relabelled and change.rows and head.m > 1):
            return "rows are not deleted and relabelled at once"
        if head.loss.shifted and not (head.k * head.m <= PAIRED and np.array_equal(head.Y, np.eye(head.k)[head.label])):
            return f"there are {head.k * head.m} weights, and forms of pairs of outputs are for up to {PAIRED}"
        longest = max(head.phi_norm.max(), head.points_norm.max(initial=0.0))
        if not longest < (LONGEST if head.loss.shifted else LARGEST):
            return "inputs are too long for sums of refits"
        leaves = change.leaves(head)
        if leaves > LEAVES:
            return f"there are {Decimal(leaves):.1e} choices, and {LEAVES:.0e} can be looked at one by one"
        if len(change.rows) * max(2, head.k) * (head.k * head.m) ** 2 > INVERSES:
            return f"an inverse for each of {len(change.rows)} rows is more than is held"
        return ""

    def complete(self, head: Head, change: BothChange) -> bool:
        """The choices that take most of a point are refitted first, which finds most that flip."""
        return not self.able(head, change)

    def seconds(self, head: Head, change: BothChange) -> float:
        """About the time of all choices, by their products."""
        each = head.k * (head.n * (head.m * PRODUCT + ENTRY) + len(head.points) * head.m * PRODUCT) + LEAF
        return each * change.leaves(head) * (SEVERAL if head.loss.shifted else 1.0)

    def prove(self, head: Head, change: BothChange, todo: Mask, budget: Budget) -> Part | None:
        """Both ends of every point, or nothing when the time is too short; flips that were met count."""
        if (needed := self.seconds(head, change)) > budget.left():
            why = f"all {Decimal(change.leaves(head)):.1e} choices take about {needed:.0f} s, and "
            why += f"{max(budget.left(), 0.0):.0f} are left"
            return Part(self.name, np.zeros_like(todo), why=why, late=True, begun=False)
        walk = self.walk(head, change, todo & (head.today >= 0), budget.check)
        proved = np.zeros_like(todo)
        with ended(walk), np.errstate(all="ignore"):
            walk.all()
            proved = walk.clear
        proved &= ~walk.found.flipped
        return Part(self.name, proved, walk.arrays() if proved.any() else {}, walk.found.flips(), why=walk.why,
                    late=walk.late)
