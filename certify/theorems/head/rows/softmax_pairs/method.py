"""D16: any one or two rows deleted from a softmax head."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.method import Budget, Mask, Method, Part
from certify.theorems.head.rows.softmax_box import inexact, refusal
from certify.theorems.head.rows.softmax_by_choice.method import HELD, LEAST, PASSES
from certify.theorems.head.rows.softmax_pairs.tree import STEPS, Tree

SHARE = 0.95
"""Of the time that is left: trees of boxes come after."""

LARGE, STEPPED, MOST = 40_000_000, 160_000_000, 2000
"""Most changes of outputs that are held at once, of rows with steps at the root and of all rows beside hot ones; and
most weights."""

EACH = 6.5e-5
"""Seconds for each entry of the training rows of all classes, a few more than digits takes at C = 1."""


class SoftmaxPairs(Method):
    """Two deleted rows of a softmax head (D16)."""

    name: ClassVar[str] = "softmax_pairs"

    def able(self, head: Head, change: RowChange) -> str:
        """Whether the theorem applies."""
        if change.relabels:
            return "labels change, and pairs of single refits of several classes are for deletions"
        if change.count != 2:
            return f"{change.count} rows are deleted, and pairs of single refits of several classes are for 2"
        if why := refusal(head, change):
            return why
        if why := inexact(head):
            return why
        if head.k * head.m > MOST:
            return f"there are {head.k * head.m} weights, and pairs of single refits of several classes are for {MOST}"
        if head.n * head.k * min(len(change.rows), STEPS) > LARGE:
            return f"there are {head.n} rows of {head.k} classes, too many for pairs of single refits"
        if head.n * head.k * len(change.rows) > STEPPED:
            return f"{len(change.rows)} of {head.n} rows may go, too many for pairs of single refits"
        if len(change.rows) * len(head.points) > HELD:
            return f"{len(change.rows)} rows may go and {len(head.points)} predictions are asked for: too many together"
        if (head.n + len(head.points)) * (head.k * head.m) ** 2 > PASSES:
            return f"there are {head.k * head.m} weights, too many for so many rows"
        return ""

    def sure(self, head: Head, change: RowChange, left: float) -> bool:
        """Where there is time for all of a large head: what hot rows leave open is refitted, which finds what flips."""
        size = head.n * head.k * head.m
        return size >= LEAST and not self.able(head, change) and EACH * size <= left

    def prove(self, head: Head, change: RowChange, todo: Mask, budget: Budget) -> Part | None:
        """The points that no two rows move, if all was finished in time, and rows whose deletion flips a point."""
        tree = Tree(head, change, budget.share(SHARE).left)
        with np.errstate(all="ignore"):
            proved = tree.run(todo)
        return Part(self.name, proved, tree.arrays() if proved.any() else {}, tree.found.flips(), why=tree.why)
