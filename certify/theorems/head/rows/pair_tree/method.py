"""D12: which hot rows are among the deleted ones, by branch and bound; single refits and their pairs for the rest."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.box_tree import met, oriented, refusal
from certify.theorems.head.rows.method import Budget, Mask, Method, Part
from certify.theorems.head.rows.pair_tree.columns import columns
from certify.theorems.head.rows.pair_tree.steps import MOST
from certify.theorems.head.rows.pair_tree.tree import PairTree

SHARE, HOT, HOTTEST = 0.9, 180, 400
"""Of the time that is left: boxes come after. And rows that may be hot, of few rows and of many."""

FEW, LARGE = 16, 14_000_000
"""Most deleted rows, and most changes of margins that are held at once."""

MANY, MOST_LABELS, APART = 1500, 5000, 400
"""Rows from which on pairs of labels are too many to be refitted one by one, up to which they are looked at, and how
many of them may be kept apart."""

EACH = 2.0
"""Seconds a prediction: where so many are left, energies take them one by one, and no tree is begun for labels."""


class PairTrees(Method):
    """Deleted rows of a logistic head (D12)."""

    name: ClassVar[str] = "pair_tree"

    def able(self, head: Head, change: RowChange) -> str:
        """Whether the theorem applies."""
        if change.count < 2:
            return "one row changes, and it has no pair"
        if change.relabels and change.count > 2:
            return f"{change.count} labels change, and pairs of single refits are for 2"
        if change.relabels and not MANY <= head.n <= MOST_LABELS:
            return f"there are {head.n} rows, and pairs of labels are for {MANY} to {MOST_LABELS}"
        if change.count > FEW:
            return f"{change.count} rows are deleted, and pairs of single refits are for 2 to {FEW}"
        if head.n * min(len(change.rows), MOST) > LARGE:
            return f"there are {head.n} rows, too many for pairs of single refits"
        return refusal(head, change)

    def prove(self, head: Head, change: RowChange, todo: Mask, budget: Budget) -> Part | None:
        """The points whose subtrees were finished in time, and rows it met whose deletion flips a point."""
        if change.relabels and head.n >= MANY and int(todo.sum()) * EACH < budget.left():
            return Part(self.name, np.zeros_like(todo), {}, why="so few predictions are taken one by one")
        own = columns(*oriented(head, change))
        hot = max(HOT, min(HOTTEST, head.n // 10))
        tree = PairTree(own.sums, own.points, budget.share(SHARE).left, APART if change.relabels else hot)
        proved = tree.run(change.count, todo.copy(), np.array(change.rows, np.int64))
        own.widen(tree)
        return Part(self.name, proved, tree.arrays(proved, change.count) if proved.any() else {},
                    met(head, tree, change))
