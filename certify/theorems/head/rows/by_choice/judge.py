"""D17: which choices leave a point open, by the first of their rows: how many hot rows have to be set apart."""

from __future__ import annotations

from copy import copy

import numpy as np
from numpy.typing import NDArray

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array
from certify.systems.head.rows.boxes.slabs import Rows
from certify.theorems.head.rows.by_choice.metric import FEW, MORE
from certify.theorems.head.rows.by_choice.pieces import ROOM, Pieces
from certify.theorems.head.rows.pair_tree.steps import lengths

Mask = NDArray[np.bool_]

AT_ONCE = 4096
"""Choices at a time."""


class Judge:
    """Points against choices of k rows after the first h hot ones, in one metric.

    Attributes:
        pieces: the numbers.
        most: (f + 1, N) what the steps of a row and of the longest others after it take at most.
        margin, seen: (N,) margins at the centre less roundings, and lengths of points in the metric.
        pushes: (N, f + 1) what the step of each row takes at most.
    """

    def __init__(self, p: Pieces, h: int, points: Array) -> None:
        self.pieces, st = p, p.metric.st
        self.f = p.moved.shape[1] - 1
        c = st.c
        norms = fp.row_norms(points)
        unit = fp.dot_unit(len(c.w)) * norms * RAISE
        self.margin = c.sums.margins(points, norms, c.w)
        delta = st.delta[h:]
        self.seen = lengths(p.metric.X, p.metric.off, points, norms)
        own = -(points @ delta.T) + np.outer(unit, fp.row_norms(delta))
        far = lengths(st.b.X, st.b.off, points, norms) * st.reach if len(st.far) else np.zeros(len(points))
        self.pushes = np.concatenate([np.maximum(own, 0.0), far[:, None]], axis=1) * RAISE
        self.most = np.zeros((self.f + 1, len(points)))
        rest = [self.pushes[:, -1]] * (p.k - 1)  # the largest of those after i, any number of far rows among them
        for i in range(self.f, -1, -1):
            push = self.pushes[:, i]
            self.most[i] = (push + sum(rest)) * RAISE
            for at, one in enumerate(rest):
                rest[at], push = np.maximum(one, push), np.minimum(one, push)

    def room(self) -> Array:
        """(N,) distances that the points bear, whatever choice it is."""
        return np.asarray((self.margin - self.most.max(axis=0)) / self.seen)

    def some(self, at: Rows) -> Judge:
        """The same of some of the points."""
        found = copy(self)
        found.margin, found.seen, found.pushes = self.margin[at], self.seen[at], self.pushes[at]
        found.most = self.most[:, at]
        return found

    def slab(self, i: int) -> tuple[Rows, Rows, Array, Array]:
        """All choices whose first column is i: the other columns, what they leave of the gradient, their distances."""
        p, f = self.pieces, self.f
        start = min(i + 1, f)
        if p.k == 2:
            j, l, third = np.arange(start, f + 1), np.zeros(0, np.int64), np.zeros(1)
        else:
            j, l = np.triu_indices(f + 1 - start, 1)
            j, l = np.append(j, f - start), np.append(l, f - start)  # two far rows
            j, l = j + start, l + start
            third = p.triples(i, j, l)
        left = p.left(i, j, l, third)
        return j, l, left, p.distance(left, p.lost(i, j, l))

    def open_by(self, i: int, exact: tuple[int, int] = (0, 0)) -> Mask:
        """(N,) the points that some choice with the first column i leaves open.

        Args:
            i: the column.
            exact: up to how many open choices they are looked at closer, and closer still.
        """
        p = self.pieces
        j, l, left, r = self.slab(i)
        most, open_ = self.most[i], np.zeros(len(self.margin), bool)
        some = np.flatnonzero(~((most + self.seen * r.max()) * (ROOM * RAISE) < self.margin))
        if not len(some):
            return open_
        tight = (self.margin[some] * ((1.0 - 2.0**-8) / ROOM) - most[some]) / self.seen[some]
        which = np.flatnonzero(~(r < tight.min()))
        hit = np.zeros(len(which), bool)
        for start in range(0, len(which), AT_ONCE):
            at = which[start : start + AT_ONCE]
            hit[start : start + AT_ONCE] = self.takes(some, i, j[at], l[at] if len(l) else l, r[at]).any(axis=0)
        at = which[hit]
        j, l, left, r = j[at], l[at] if len(l) else l, left[at], r[at]
        for few, at_most in zip((FEW[3], MORE), exact, strict=True):
            if 0 < len(j) <= at_most:
                T = np.stack([np.full(len(j), i), j, *([l] if len(l) else [])], axis=1)
                r = np.minimum(r, p.distance(left, p.taken.of_choices(T, few)))
                at = np.flatnonzero(self.takes(some, i, j, l, r).any(axis=0))
                j, l, left, r = j[at], l[at] if len(l) else l, left[at], r[at]
        for start in range(0, len(j), AT_ONCE):
            at = np.arange(start, min(start + AT_ONCE, len(j)))
            open_[some] |= self.takes(some, i, j[at], l[at] if len(l) else l, r[at]).any(axis=1)
        return open_

    def takes(self, at: Rows, i: int, j: Rows, l: Rows, r: Array) -> Mask:
        """(points, choices) whether a choice may take a point's margin."""
        V = self.pushes[at]
        moved = V[:, j] + V[:, i][:, None]
        if len(l):
            moved += V[:, l]
        moved += self.seen[at][:, None] * r
        return np.asarray(~(moved * (ROOM * RAISE) < self.margin[at][:, None]), bool)
