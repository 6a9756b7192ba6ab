"""D18: any one or two rows deleted from a softmax head, each choice by itself."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.method import Budget, Mask, Method, Part
from certify.theorems.head.rows.softmax_box import unmet
from certify.theorems.head.rows.softmax_by_choice.search import Search

SHARE = 0.97
"""Of the time that is left: what comes after decides next to nothing of such heads."""

EACH = 6.5e-5
"""Seconds for each entry of the training rows of all classes, a few more than digits takes at C = 10."""

LEAST, LARGE, MOST = 1 << 18, 40_000_000, 2000
"""Least entries of the training rows for every class, as other methods decide as much of fewer; most of what steps of
all rows do to all rows; and most weights."""

HELD, PASSES = 20_000_000, 20_000_000_000
"""Most margins of evaluation rows, one for each row that may go, as a slab holds them a few times over; and most
products with the matrix that a look at all rows forms between two looks at the clock."""


class SoftmaxByChoice(Method):
    """Two deleted rows of a softmax head (D18). No certificate states it: it has no checker."""

    name: ClassVar[str] = "softmax_by_choice"

    def able(self, head: Head, change: RowChange) -> str:
        """Whether the theorem applies."""
        if change.relabels:
            return "labels change, and choices of rows of several classes are for deletions"
        if change.count != 2:
            return f"{change.count} rows are deleted, and choices of rows of several classes are for 2"
        if why := unmet(head, change):
            return why
        if head.phi_rad.any() or head.points_rad.any():
            return "it needs inputs of the last layer that are known exactly"
        if head.n * head.k * head.m < LEAST:
            return f"the training rows of all classes have less than {LEAST} entries"
        if head.k * head.m > MOST:
            return f"there are {head.k * head.m} weights, and choices of rows of several classes are for {MOST}"
        if head.n * head.k * len(change.rows) > LARGE:
            return f"there are {head.n} rows of {head.k} classes, too many to look at choices one by one"
        if len(change.rows) * len(head.points) > HELD:
            return f"{len(change.rows)} rows may go and {len(head.points)} predictions are asked for: too many together"
        if (head.n + len(head.points)) * (head.k * head.m) ** 2 > PASSES:
            return f"there are {head.k * head.m} weights, too many for so many rows"
        return ""

    def sure(self, head: Head, change: RowChange, left: float) -> bool:
        """Where there is time for all: what no candidate proves is refitted, which finds rows that flip as well."""
        return not self.able(head, change) and EACH * head.n * head.k * head.m <= left

    def prove(self, head: Head, change: RowChange, todo: Mask, budget: Budget) -> Part | None:
        """The points that no two rows move, of those whose choices were all looked at, and rows that flip a point."""
        search = Search(head, change, budget.share(SHARE).left)
        with np.errstate(all="ignore"):
            proved = search.run(todo)
        return Part(self.name, proved, {}, search.found.flips(), why=search.why)
