"""D18: any one or two rows deleted from a softmax head, each choice by itself."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.method import Budget, Mask, Method, Part
from certify.theorems.head.rows.softmax_box import for_pairs
from certify.theorems.head.rows.softmax_by_choice.search import Search

SHARE = 0.97
"""Of the time that is left: what comes after decides next to nothing of such heads."""

EACH = 6.5e-5
"""Seconds for each entry of the training rows of all classes, a few more than digits takes at C = 10."""

LEAST, LARGE = 1 << 18, 40_000_000
"""Least entries of the training rows for every class, as other methods decide as much of fewer; and most of what steps
of all rows do to all rows."""


class SoftmaxByChoice(Method):
    """Two deleted rows of a softmax head (D18). No certificate states it: it has no checker."""

    name: ClassVar[str] = "softmax_by_choice"

    def able(self, head: Head, change: RowChange) -> str:
        """Whether the theorem applies."""
        if why := for_pairs(head, change, "choices of rows"):
            return why
        if head.n * head.k * head.m < LEAST:
            return f"the training rows of all classes have less than {LEAST} entries"
        if head.n * head.k * len(change.rows) > LARGE:
            return f"there are {head.n} rows of {head.k} classes, too many to look at choices one by one"
        return ""

    def sure(self, head: Head, change: RowChange, left: float) -> bool:
        """Where there is time for all: what no candidate proves is refitted, which finds rows that flip as well."""
        return not self.able(head, change) and EACH * head.n * head.k * head.m <= left

    def prove(self, head: Head, change: RowChange, todo: Mask, budget: Budget) -> Part | None:
        """The points that no two rows move, of those whose choices were all looked at, and rows that flip a point."""
        search = Search(head, change, budget.share(SHARE).left)
        with np.errstate(all="ignore"):
            proved = search.run(todo)
        return Part(self.name, proved, {}, search.found.flips(), why=search.why, late=search.late)
