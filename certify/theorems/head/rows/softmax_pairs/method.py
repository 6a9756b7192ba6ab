"""D16: any one or two rows deleted from a softmax head."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.method import Budget, Mask, Method, Part
from certify.theorems.head.rows.softmax_box import inexact, refusal
from certify.theorems.head.rows.softmax_pairs.tree import STEPS, Tree

SHARE = 0.9
"""Of the time that is left: trees of boxes come after."""

LARGE, MOST = 40_000_000, 2000
"""Most changes of outputs that are held at once, and most weights."""


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
        return ""

    def prove(self, head: Head, change: RowChange, todo: Mask, budget: Budget) -> Part | None:
        """The points that no two rows move, if all was finished in time, and rows whose deletion flips a point."""
        tree = Tree(head, change, budget.share(SHARE).left)
        with np.errstate(all="ignore"):
            proved = tree.run(todo)
        return Part(self.name, proved, tree.arrays() if proved.any() else {}, tree.found.flips(), why=tree.why)
