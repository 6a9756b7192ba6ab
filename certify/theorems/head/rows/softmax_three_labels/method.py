"""D27: any three changed labels of a softmax head."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.enumeration import Enumeration
from certify.theorems.head.rows.method import Budget, Mask, Method, Part
from certify.theorems.head.rows.softmax_box import MOST_WEIGHTS, inexact, unmet
from certify.theorems.head.rows.softmax_three_labels.search import Search

HELD, PASSES = 5_000_000, 2e12
"""Most entries of what steps do to the probabilities of rows, and margins of points; and most products of all nodes."""

EACH, NODE = 5e-11, 0.012
"""Seconds for a product, and for a node beside: a third of all changes come after one, as a rule."""


class ThreeLabels(Method):
    """Three changed labels of a softmax head (D27). No certificate states it: it has no checker."""

    name: ClassVar[str] = "softmax_three_labels"

    def able(self, head: Head, change: RowChange) -> str:
        """Whether the theorem applies."""
        if not change.relabels or change.count != 3:
            return "it is for three labels that change"
        if why := unmet(head, change) or inexact(head):
            return why
        changes, size = change.choices(head, 1), head.k * head.m
        if changes * max(head.n, len(head.points)) * head.k > HELD or float(changes) ** 3 * head.n * head.k > PASSES:
            return f"there are {changes} changes of one label among {head.n} rows, too many to look at all of three"
        return f"there are {size} weights, too many for so many choices" if size > MOST_WEIGHTS else ""

    def seconds(self, head: Head, change: RowChange) -> float:
        """About how long the bounds of all choices take; refits of those that they leave open come on top."""
        changes = float(change.choices(head, 1))
        return NODE * changes + EACH * changes**3 * head.n * head.k

    def sure(self, head: Head, change: RowChange, left: float) -> bool:
        """Where there is time for all, and not to refit all choices; it finds labels that flip points as well."""
        return not self.able(head, change) and self.seconds(head, change) <= left and (
            not Enumeration().sure(head, change, left))

    def prove(self, head: Head, change: RowChange, todo: Mask, budget: Budget) -> Part | None:
        """The points whose choices were all looked at, and labels that flip a point."""
        if (needed := self.seconds(head, change)) > budget.left():
            why = f"all choices of three labels take about {needed:.0f} s, and {max(budget.left(), 0.0):.0f} are left"
            return Part(self.name, np.zeros_like(todo), why=why, late=True, begun=False)
        search = Search(head, change, todo, budget.check)
        with np.errstate(all="ignore"):
            search.run()
        return Part(self.name, search.proved & ~search.found.flipped, {}, search.found.flips(), why=search.why,
                    late=search.late)
