"""D30: which points a choice of three deleted rows may flip.

proofs/heads-deleted-triples.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.boxes.slabs import Rows
from certify.theorems.head.rows.by_choice.pieces import ROOM
from certify.theorems.head.rows.deleted_triples.numbers import Numbers
from certify.theorems.head.rows.method import Mask
from certify.theorems.head.rows.pair_tree.bound import top
from certify.theorems.head.rows.pair_tree.steps import lengths

AT_ONCE = 1 << 18
"""Pairs of a point and a choice at a time."""


@dataclass(frozen=True, eq=False)
class Points:
    """Points against steps.

    Attributes:
        points: `(N, p)` the points times the sign of today's output.
        margin, seen: `(N,)` margins at the centre less roundings, and lengths of points in M.
        k: rows that may follow.
        pushes: `(N, f + 3)` what the step of each row takes at most; of a far row; infinite; and 0 for none.
        along: `(N,)` squares of points along any so many rows, as parts of their squared lengths.
    """

    points: Array
    k: int
    margin: Array
    seen: Array
    pushes: Array
    along: Array

    @cached_property
    def room(self) -> Array:
        """`(N,)` about the distances that points bear, whatever choice it is."""
        f = self.pushes.shape[1] - 3
        most = top(np.maximum(self.pushes[:, :f], 0.0), self.pushes[:, f], self.k)
        return np.asarray((self.margin / ROOM - most) / self.seen)

    def some(self, at: Rows) -> Points:
        """The same of some of the points."""
        return Points(self.points[at], self.k, self.margin[at], self.seen[at], self.pushes[at], self.along[at])

    def open_by(self, choices: Rows, r: Array, more: Array) -> tuple[Mask, Mask]:
        """Which of `(C, 3)` choices leave a point open, and which points they leave open.

        Args:
            choices: columns.
            r: `(C,)` distances, infinite where nothing is known.
            more: `(C,)` numbers `1/(1 − o)` of the rows that are out.
        """
        open_, point = np.zeros(len(r), bool), np.zeros(len(self.margin), bool)
        wide = r * np.sqrt(1.0 + more * float(self.along.max(initial=0.0))) * RAISE
        wide = np.where(np.isfinite(wide), wide, np.inf)
        order, room = np.argsort(-wide, kind="stable"), self.room * (1.0 - 2.0**-8)
        at = int(np.count_nonzero(~np.isfinite(wide)))
        open_[order[:at]], point[:] = bool(len(point)), at > 0
        while at < len(order):
            some = np.flatnonzero(~(wide[order[at]] < room))  # the others bear it, and what follows
            if not len(some):
                break
            which = order[at : at + max(1, AT_ONCE // len(some))]
            takes = self._takes(some, choices[which], r[which], more[which])
            open_[which] = takes.any(axis=0)
            point[some] |= takes.any(axis=1)
            at += len(which)
        return open_, point

    def _takes(self, at: Rows, choices: Rows, r: Array, more: Array) -> Mask:
        """(points, choices) whether a choice may take a point's margin."""
        V, seen = self.pushes[at], self.seen[at]
        moved = taken(V, choices)
        moved += np.outer(seen, r)
        moved += np.outer(0.5 * seen * self.along[at], r * more * RAISE)  # √(1 + x) ≤ 1 + x/2
        return np.asarray(~(moved < self.margin[at][:, None] / ROOM), bool)


def taken(pushes: Array, choices: Rows) -> Array:
    """`(points, choices)` what choices take to first order, with what that is rounded by."""
    moved = pushes[:, choices[:, 0]]
    size = np.maximum(np.abs(pushes[:, :-2]).max(axis=1), np.abs(pushes[:, -1]))
    moved += pushes[:, choices[:, 1]]
    moved += pushes[:, choices[:, 2]]
    moved += (16.0 * U) * size[:, None]
    return np.asarray(moved)


def points_of(x: Numbers, points: Array) -> Points:
    """All of them.

    Args:
        x: the numbers.
        points: `(N, p)` evaluation rows times the sign of today's output.
    """
    a, k = x.metric, x.k
    st = a.st
    c, s = st.c, st.c.sums
    norms = fp.row_norms(points)
    seen = lengths(a.X, a.off, points, norms)
    own = -(points @ st.delta.T) + np.outer(fp.dot_unit(len(c.w)) * norms * RAISE, fp.row_norms(st.delta))
    far = lengths(st.b.X, st.b.off, points, norms) * st.reach if len(st.far) else np.zeros(len(points))
    pushes = np.concatenate([own + 4.0 * U * np.abs(own), far[:, None] * RAISE,
                             np.full((len(points), 1), np.inf), np.zeros((len(points), 1))], axis=1)
    Z = (points @ a.X) @ s.S[st.rows].T
    np.abs(Z, out=Z)
    Z += a.off * np.outer(norms, s.norms[st.rows])
    Z *= Z
    Z *= a.m[st.rows] * RAISE
    share = float((a.m[st.far] * a.long[st.far] ** 2).max(initial=0.0)) * RAISE
    least = np.maximum(seen * seen, 2.0**-1000)
    along = top(Z, share * seen * seen, k) / least * (RAISE * RAISE)
    return Points(points, k, c.sums.margins(points, norms, c.w), seen, pushes, along)
