"""D35: any few rows deleted from a softmax head, by sums of single steps in a tree."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.method import Budget, Mask, Method, Part
from certify.theorems.head.rows.softmax_box import for_pairs
from certify.theorems.head.rows.softmax_steps.tree import Tree

LEAST, FEW = 3, 5
"""Fewest rows that are deleted (of two every choice is looked at), and the most of which a tree is ended as a rule."""

SHARE, LESS = 0.9, 0.6
"""Parts of the time that is left: of few rows, as other trees decide fewer of such heads; and of more."""

LARGE = 2_000_000
"""Most of what steps of all rows do to all rows: a node of a larger head takes seconds."""


class SoftmaxSteps(Method):
    """Any few deleted rows of a small softmax head (D35). No certificate states it: it has no checker."""

    name: ClassVar[str] = "softmax_steps"

    def able(self, head: Head, change: RowChange) -> str:
        """Whether the theorem applies."""
        if why := for_pairs(head, change, "sums of single steps", max(change.count, LEAST)):
            return why
        if head.n * head.k * len(change.rows) > LARGE:
            return f"there are {head.n} rows of {head.k} classes, too many for a tree of sums of single steps"
        return ""

    def prove(self, head: Head, change: RowChange, todo: Mask, budget: Budget) -> Part | None:
        """The points that no choice of rows moves, of those whose choices were all looked at, and rows that flip."""
        own = budget.share(SHARE if change.count <= FEW else LESS)
        tree = Tree(head, change, own.check)
        with np.errstate(all="ignore"):
            proved = tree.run(todo)
        return Part(self.name, proved, {}, tree.found.flips(), why=tree.why, late=tree.late)
