"""D17: which rows are among the deleted ones, for few of them; all choices of the others one by one."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.box_tree import met, oriented, refusal
from certify.theorems.head.rows.by_choice.tree import OWN, ChoiceTree
from certify.theorems.head.rows.method import Budget, Mask, Method, Part

COUNT, LEAST, LARGE = 3, 1 << 21, 14_000_000
"""Deleted rows, as trees of pairs decide nearly all of two; and least and most entries of the training rows, as they do
of fewer as well."""

SHARE = 0.97
"""Of the time that is left."""


class ByChoice(Method):
    """Three deleted rows of a logistic head (D17)."""

    name: ClassVar[str] = "by_choice"

    def able(self, head: Head, change: RowChange) -> str:
        """Whether the theorem applies."""
        return unfit(head, change, (COUNT,), OWN[COUNT], LEAST)

    def prove(self, head: Head, change: RowChange, todo: Mask, budget: Budget) -> Part | None:
        """The points whose subtrees were finished in time, and rows it met whose deletion flips a point."""
        s, points = oriented(head, change)
        tree = ChoiceTree(s, points, budget.share(SHARE).left)
        proved = tree.run(change.count, todo.copy(), np.array(change.rows, np.int64))
        return Part(self.name, proved, tree.arrays(proved, change.count) if proved.any() else {},
                    met(head, tree, change))


def unfit(head: Head, change: RowChange, counts: tuple[int, ...], own: int, least: int) -> str:
    """Why choices are not looked at one by one; empty where they are.

    Args:
        head, change: the head, and how its rows may change.
        counts: how many rows may change.
        own: how many rows have a step of their own.
        least: entries that the training rows have to have.
    """
    if change.relabels or change.count not in counts:
        return f"choices are looked at one by one where {' or '.join(map(str, counts))} rows are deleted"
    if head.weights is not None:
        return "rows carry weights, and choices of rows are for those that count the same"
    if not least <= head.phi.size <= LARGE:
        return f"the training rows have {head.phi.size} entries, and choices one by one are for {least} to {LARGE}"
    if head.n * own > LARGE:  # what steps do to every row is held a few times over
        return f"choices are looked at one by one for up to {LARGE // own} rows; there are {head.n}"
    return refusal(head, change)
