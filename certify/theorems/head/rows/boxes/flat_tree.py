"""D6 for a loss that is flat beyond a kink: rows that pull at none of a node's refits are hot at no node.

A row whose slope vanishes at a node's minimiser leaves it alone when it is deleted, and so does any number of such
rows together: where all rows that pull are hot, no box has to stand for the rest. At k = 1 no other row needs a leaf.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from certify.finders.head import boxes
from certify.rigor.fp import Array
from certify.systems.head.rows.boxes.slabs import Rows
from certify.systems.head.rows.boxes.trap import Centre, centre
from certify.theorems.head.rows.boxes.flat_leaves import Refit, pulling, refits, stays
from certify.theorems.head.rows.boxes.leaves import Base
from certify.theorems.head.rows.boxes.nodes import Node
from certify.theorems.head.rows.boxes.tree import Tree
from certify.theorems.head.rows.boxes.turns import Task


class FlatTree(Tree):
    """The search."""

    def _work(self, task: Task, live: Rows) -> tuple[Node, list[Task]]:
        """A node's box where it has one, its points' numbers, and its children."""
        s, kept = self.sums.after(task.out)
        c = centre(s, kept, boxes.minimiser(s, kept, task.w))
        node, live = self._begun(c, task, live)
        if not len(live):
            return node, []
        order, after = self._order(c, task.free)
        if task.k > 1:
            return node, self._branch(node, c, order, live, task, after)
        if s.relabels:
            self._last(node, c, order, live, task)
        else:
            self._ends(node, c, order[: self._most(c, order)], live, task)
        return node, []

    def _order(self, c: Centre, free: Rows) -> tuple[Rows, Array]:
        """The hottest first, and of deletions those that pull before all others."""
        order, after = super()._order(c, free)
        if c.sums.relabels:
            return order, after
        first = np.argsort(~pulling(c)[order], kind="stable")
        return order[first], after[first]

    def _most(self, c: Centre, order: Rows) -> int:
        """Of deletions the rows that pull; another label pulls everywhere."""
        return len(order) if c.sums.relabels else int(pulling(c)[order].sum())

    def _stands(self, c: Centre, points: Array) -> NDArray[np.bool_]:
        """By strong convexity."""
        return np.asarray(stays(Refit(c.sums, c.kept, None), c.w[None, :], points)[0])

    def _starts(self, c: Centre, hot: Rows, after: Array) -> Array:
        """Refits solved to the end."""
        W = refits(c, hot)
        bad = ~np.asarray(np.isfinite(W).all(axis=1))
        W[bad] = after[: len(hot)][bad]
        return W

    def _ends(self, node: Node, c: Centre, rows: Rows, live: Rows, task: Task) -> None:
        """k = 1, deletions: a leaf for every row that pulls."""
        node.h[live] = 0
        self.failed[live[~self._stands(c, self.points[live])]] = True
        live = live[~self.failed[live]]
        if len(rows) and len(live):
            self._leaves(node, c, rows, np.ones((len(live), len(rows)), bool), live, task)

    def _leaves(self, node: Node, c: Centre, rows: Rows, wanted: NDArray[np.bool_], live: Rows, task: Task,
                known: Base | None = None) -> None:
        """Refits with one row changed each, solved to the end; what is left of a gradient judges them."""
        self._say("leaves", len(rows))
        W, points = refits(c, rows), self.points[live]
        good = stays(Refit(c.sums, c.kept, rows), W, points).T | ~wanted
        for i in np.flatnonzero(~good.all(axis=0)):
            if self.left() <= 0.0:
                break
            self._say("refits")
            out = (*task.out, int(rows[i]))
            s, kept = self.sums.after(out)
            W[i] = boxes.minimiser(s, kept, W[i] if np.isfinite(W[i]).all() else c.w)
            good[:, i] = stays(Refit(s, kept, None), W[i : i + 1], points)[0] | ~wanted[:, i]
            for j in np.flatnonzero(~good[:, i] & (points @ self.sums.aimed(W[i]) <= 0.0)):
                self.flips.setdefault(int(live[j]), (out, W[i]))
        stand = np.asarray(good.all(axis=1))
        self.failed[live[~stand]] = True
        used = wanted[stand].any(axis=0)
        node.leaves = (rows[used], W[used])
