"""D16: any one or two rows deleted from a softmax head."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.method import Budget, Mask, Method, Part
from certify.theorems.head.rows.softmax_box import for_pairs, inexact, refusal
from certify.theorems.head.rows.softmax_by_choice.method import LEAST
from certify.theorems.head.rows.softmax_pairs.tree import STEPS, Tree

SHARE = 0.95
"""Of the time that is left: trees of boxes come after."""

LARGE, STEPPED = 40_000_000, 160_000_000
"""Most changes of outputs that are held at once, of rows with steps at the root and of all rows beside hot ones."""

EACH = 6.5e-5
"""Seconds for each entry of the training rows of all classes, a few more than digits takes at C = 1."""


class SoftmaxPairs(Method):
    """Two deleted rows of a softmax head (D16)."""

    name: ClassVar[str] = "softmax_pairs"

    def able(self, head: Head, change: RowChange) -> str:
        """Whether the theorem applies."""
        if why := for_pairs(head, change, "pairs of single refits") or refusal(head, change) or inexact(head):
            return why
        if head.n * head.k * min(len(change.rows), STEPS) > LARGE:
            return f"there are {head.n} rows of {head.k} classes, too many for pairs of single refits"
        if head.n * head.k * len(change.rows) > STEPPED:
            return f"{len(change.rows)} of {head.n} rows may go, too many for pairs of single refits"
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
        return Part(self.name, proved, tree.arrays() if proved.any() else {}, tree.found.flips(), why=tree.why,
                    late=tree.late)
