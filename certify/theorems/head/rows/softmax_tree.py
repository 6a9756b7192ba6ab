"""D10: which hot rows are among the changed ones, by branch and bound; a softmax box for the rest at every node."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.energy.method import Energy
from certify.theorems.head.rows.method import Budget, Mask, Method, Part
from certify.theorems.head.rows.softmax.tree import Tree
from certify.theorems.head.rows.softmax.tree_record import arrays
from certify.theorems.head.rows.softmax_box import refusal

SHARE, ALONE, FEWER = 0.85, 0.97, 0.25
"""Of the time that is left: methods that come after need some; none comes after for many deletions, and of changed
labels energies (D7) decide more."""

FEW = 3
"""Deletions up to which every choice may be refitted instead."""

MOST = 64
"""Most changed rows."""


class SoftmaxTree(Method):
    """Deleted or relabelled rows of a softmax head (D9, D10)."""

    name: ClassVar[str] = "softmax_tree"

    def able(self, head: Head, change: RowChange) -> str:
        """Whether the theorem applies."""
        if why := refusal(head, change):
            return why
        return "" if change.count <= MOST else f"{change.count} rows change, and trees are for {MOST} at most"

    def prove(self, head: Head, change: RowChange, todo: Mask, budget: Budget) -> Part | None:
        """The points whose subtrees were finished in time, and rows it met whose change flips a point."""
        with np.errstate(all="ignore"):
            share = self.share(head, change, budget)
            tree = Tree(head, change, budget.share(share).left)
            proved = tree.run(todo & (head.today >= 0))
        return Part(self.name, proved, arrays(tree.nodes, proved, change.relabels) if proved.any() else {},
                    tree.found.flips(), late=tree.left() <= 0)

    def share(self, head: Head, change: RowChange, budget: Budget) -> float:
        """The part of the time that is left for it, as what comes after may need, or could not use, the rest."""
        if not change.relabels:
            return SHARE if change.count <= FEW else ALONE
        return FEWER if Energy().begins(head, change, budget) else ALONE
