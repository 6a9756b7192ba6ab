"""D30: any two or three deleted rows of a logistic head, by all choices of those that move most."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.box_tree import met, oriented, refusal
from certify.theorems.head.rows.deleted_triples.search import OWN, Triples
from certify.theorems.head.rows.method import Budget, Mask, Method, Part

COUNT, LEAST, LARGE = 3, 1 << 21, 14_000_000
"""Deleted rows, as trees of pairs decide nearly all of two; and least and most entries of the training rows, as they do
of fewer as well."""

SHARE = 0.97
"""Of the time that is left."""


class DeletedTriples(Method):
    """Three deleted rows of a logistic head (D30). No certificate states it: it has no checker."""

    name: ClassVar[str] = "deleted_triples"

    def able(self, head: Head, change: RowChange) -> str:
        """Whether the theorem applies."""
        if change.relabels or change.count != COUNT:
            return f"it is for {COUNT} deleted rows"
        if head.weights is not None:
            return "rows carry weights, and it is for those that count the same"
        if not LEAST <= head.phi.size <= LARGE:
            return f"the training rows have {head.phi.size} entries, and it is for {LEAST} to {LARGE}"
        if head.n * OWN[COUNT] > LARGE:  # what steps do to every row is held a few times over
            return f"it is for up to {LARGE // OWN[COUNT]} rows; there are {head.n}"
        return refusal(head, change)

    def prove(self, head: Head, change: RowChange, todo: Mask, budget: Budget) -> Part | None:
        """The points whose nodes were finished in time, and rows it met whose deletion flips a point."""
        s, points = oriented(head, change)
        tree = Triples(s, points, budget.share(SHARE).left)
        proved = tree.run(change.count, todo.copy(), np.array(change.rows, np.int64))
        return Part(self.name, proved, {}, met(head, tree, change))
