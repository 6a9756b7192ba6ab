"""D1c for one row deleted and one other relabelled, as certificates state it."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from certify.format.errors import EnclosureError
from certify.problem.limits import OutOfTime
from certify.systems.head.rows.changes.base import Change
from certify.systems.head.rows.changes.both import BothChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.both_pairs.walk import PairWalk
from certify.theorems.head.rows.both_refits.method import TOGETHER, BothRefits
from certify.theorems.head.rows.method import Budget, Mask, Method, Part

LOOKS = 1_000_000_000
"""Most choices times rows: a checker looks at each, some 3 million a second, so for six minutes at most."""


class BothPairs(Method):
    """Any one row deleted and any one other relabelled, of a logistic head with one output: every choice by itself."""

    name: ClassVar[str] = "both_pairs"

    def takes(self, change: Change) -> Change | str:
        """Both at once alone."""
        return change if isinstance(change, BothChange) else TOGETHER

    def able(self, head: Head, change: BothChange) -> str:
        """Whether the choices can be counted out, and checked again."""
        if head.loss.shifted or (change.deleted, change.relabelled) != (1, 1):
            return "certificates state one row deleted and one other relabelled of a logistic head, and no more"
        if (leaves := change.leaves(head)) * head.n > LOOKS:
            return f"there are {leaves} choices of {head.n} rows, and a checker would take more than some minutes"
        return BothRefits().able(head, change)

    def complete(self, head: Head, change: BothChange) -> bool:
        """The choices that take most of a point are refitted first, which finds most that flip."""
        return not self.able(head, change)

    def seconds(self, head: Head, change: BothChange) -> float:
        """About the time of all choices, by their products."""
        return BothRefits().seconds(head, change)

    def prove(self, head: Head, change: BothChange, todo: Mask, budget: Budget) -> Part | None:
        """Both ends of every point, or nothing when the time is too short; flips that were met count."""
        walk = PairWalk(head, change, todo & (head.today >= 0), budget.check)
        proved, arrays, why, late = np.zeros_like(todo), dict[str, np.ndarray](), "", False
        try:
            with np.errstate(all="ignore"):
                walk.all()
            proved, arrays = walk.clear & ~walk.found.flipped, walk.stored
        except OutOfTime:
            why, late = "its time was up", True
        except (EnclosureError, np.linalg.LinAlgError):  # no float holds a number that it needs
            why = "a decomposition or a number was not finite"
        return Part(self.name, proved, arrays if proved.any() else {}, walk.found.flips(), why=why, late=late)
