"""D30: any two or three deleted rows of a logistic head, by all choices of those that move most."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.box_tree import collect, oriented
from certify.theorems.head.rows.by_choice.method import unfit
from certify.theorems.head.rows.deleted_triples.costs import LARGE, costs
from certify.theorems.head.rows.deleted_triples.search import Triples
from certify.theorems.head.rows.flips import Found
from certify.theorems.head.rows.method import Budget, Mask, Method, Part

COUNTS = 2, 3
"""Deleted rows."""

SHARE, LEAST, MOST = 0.97, 1 << 18, 32
"""Of the time that is left; and least entries of the training rows, and most rows for a column, as trees of pairs
decide nearly all of fewer entries, and too many rows are nearly as hot as the hottest where columns are few."""


class DeletedTriples(Method):
    """Two or three deleted rows of a logistic head (D30). No certificate states it: it has no checker."""

    name: ClassVar[str] = "deleted_triples"

    def able(self, head: Head, change: RowChange) -> str:
        """Whether the theorem applies."""
        if head.n > MOST * head.m:
            return f"choices are looked at one by one for up to {MOST} rows a column"
        if change.count == min(COUNTS) and head.phi.size >= LARGE:
            return f"of {change.count} rows of {LARGE} entries and more trees of pairs decide nearly all"
        return unfit(head, change, COUNTS, costs(max(COUNTS), head.phi.size, np.inf).own, LEAST)

    def prove(self, head: Head, change: RowChange, todo: Mask, budget: Budget) -> Part | None:
        """The points whose nodes were finished in time, and rows it met whose deletion flips a point."""
        s, points = oriented(head, change)
        left, found, proved = budget.share(SHARE).left, Found(head), np.zeros(len(points), bool)
        while (rest := todo & ~proved).any():
            began, many = left(), int(proved.sum())
            tree = Triples(s, points, left)
            proved |= tree.run(change.count, rest, np.array(change.rows, np.int64))
            collect(found, tree, change)
            # points that were given up for the others come next, if there is as much time again
            if int(proved.sum()) == many or left() < began - left():
                break
        return Part(self.name, proved, {}, found.flips())
