"""D25: any three rows deleted from a softmax head, by sums of single steps."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.method import Budget, Mask, Method, Part
from certify.theorems.head.rows.softmax_box import for_pairs
from certify.theorems.head.rows.softmax_by_choice.method import LEAST
from certify.theorems.head.rows.softmax_sums.search import Search

ROWS, SHARE = 3, 0.9
"""Rows that are deleted; and part of the time that is left, as trees decide few of such heads."""

EACH = 6.5e-5
"""Seconds for each entry of the training rows of all classes, a few more than digits takes at C = 0.1."""

LARGE = 20_000_000
"""Most of what steps of all rows do to all rows."""


class SoftmaxSums(Method):
    """Three deleted rows of a softmax head (D25). No certificate states it: it has no checker."""

    name: ClassVar[str] = "softmax_sums"

    def able(self, head: Head, change: RowChange) -> str:
        """Whether the theorem applies."""
        if why := for_pairs(head, change, "sums of single steps", ROWS):
            return why
        if head.n * head.k * len(change.rows) > LARGE:
            return f"there are {head.n} rows of {head.k} classes, too many for sums of single steps"
        return ""

    def sure(self, head: Head, change: RowChange, left: float) -> bool:
        """Where there is time for most points of a large head; a search for changes that flip leaves little of it."""
        size = head.n * head.k * head.m
        return size >= LEAST and not self.able(head, change) and EACH * size <= left

    def prove(self, head: Head, change: RowChange, todo: Mask, budget: Budget) -> Part | None:
        """The points that no three rows move, of those whose choices were all looked at, and rows that flip a point."""
        own = budget.share(SHARE)
        search = Search(head, change, own.check, own.left)
        with np.errstate(all="ignore"):
            proved = search.run(todo)
        return Part(self.name, proved, {}, search.found.flips(), why=search.why, late=search.late)
