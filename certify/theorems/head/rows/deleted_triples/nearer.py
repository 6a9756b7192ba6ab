"""D30: choices at weights nearer to their refits, where hardly a gradient is left and the curvature is the one there.

The theorem holds at any weights. A far row is not looked at by itself: what it adds to the gradient is bounded.
proofs/heads-deleted-triples.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.finders.head.anderson import Mixed
from certify.rigor import fp
from certify.rigor.activation.elementary import exp
from certify.rigor.fp import RAISE, Array, U
from certify.rigor.single.floats import Short, above
from certify.systems.head.rows.boxes.slabs import Rows
from certify.theorems.head.rows.by_choice.pieces import ROOM
from certify.theorems.head.rows.deleted_triples.bends import curve_of
from certify.theorems.head.rows.deleted_triples.curvature import Curvature
from certify.theorems.head.rows.deleted_triples.numbers import KEPT, Numbers
from certify.theorems.head.rows.deleted_triples.points import Points
from certify.theorems.head.rows.method import Mask
from certify.theorems.head.rows.pair_tree.steps import FARTHEST, lengths

TURNS, MOVING = 4, 3072
"""Steps towards a refit, by one factor less the rows of the choice, mixed with those before; and rows whose slopes
change on the way, those that have most of the curvature."""

LONGEST = 2.0**100
"""Weights beyond it are none: the sum of the steps stands for them."""

BLURRED = 2.0**-20
"""Most that margins may be off by, as parts of slopes."""

AT_ONCE = 1 << 22
"""Slopes at a time."""


@dataclass(frozen=True, eq=False)
class Near:
    """Weights near refits.

    Attributes:
        weights: `(C, p)` these.
        left: `(C,)` at least the lengths of gradients there, in the matrix without the rows.
        kept: `(C,)` what is left of the curvature at least.
        r: `(C,)` at least the distances of refits in that matrix, infinite where none is proved.
        more: `(C,)` numbers `1/(1 − o)`.
    """

    weights: Array
    left: Array
    kept: Array
    r: Array
    more: Array


class Nearer:
    """Choices with at least one row that has a step of its own.

    Args:
        x: the numbers.
        p: the points.
    """

    def __init__(self, x: Numbers, p: Points) -> None:
        self.x, self.p, self.curved = x, p, Curvature(x)
        st = x.metric.st
        self.D = curve_of(st.z)
        self.norms = fp.row_norms(p.points)
        self.pull = np.zeros(len(st.z))  # of far rows, by their slopes
        self.pull[st.far] = x.metric.long[st.far] * st.c.kept[st.far] * RAISE
        s, heat = st.c.sums, st.c.kept * self.D * st.lengths**2
        heat[st.rows] = np.inf
        some: Rows = np.argsort(-heat, kind="stable")[: max(MOVING, len(st.rows))]
        self.S: NDArray[Any] = (s.short if s.halved else s.S)[some]
        self.weight, self.place = st.c.kept[some].astype(self.S.dtype), np.empty(len(heat), np.int64)
        self.place[some] = np.arange(len(some))
        still = st.c.kept * st.c.at.p
        still[some] = 0.0
        self.still = still @ s.S

    def open_by(self, choices: Rows, few: int) -> tuple[Mask, Mask]:
        """Which of `(C, 3)` choices leave a point open, and `(N,)` which points they leave open.

        Args:
            choices: columns.
            few: how many rows are looked at with their signs, of what is lost of the curvature.
        """
        open_, point = np.ones(len(choices), bool), np.zeros(len(self.norms), bool)
        own = (choices[:, : self.x.k] < self.x.f).sum(axis=1)
        step = max(1, AT_ONCE // len(self.D))
        for many in range(self.x.k + 1):  # columns are in order, and far ones are last
            at = np.flatnonzero(own == many)
            for start in range(0, len(at), step):
                some = at[start : start + step]
                takes = self._takes(choices[some], many, few)
                open_[some] = takes.any(axis=0)
                point |= takes.any(axis=1)
        return open_, point

    def _takes(self, choices: Rows, many: int, few: int) -> Mask:
        """`(N, C)` whether choices with so many own rows may take points."""
        if not many:
            return np.ones((len(self.norms), len(choices)), bool)
        p, s, near = self.p, self.x.metric.st.c.sums, self.near(choices, many, few)
        aim = s.aimed(near.weights)
        unit = fp.dot_unit(aim.shape[1] + (s.level != 0.0))
        with np.errstate(all="ignore"):  # what is not finite closes nothing
            margin = p.points @ aim.T - np.outer(unit * self.norms, fp.row_norms(aim)) * RAISE
            longer = p.seen[:, None] * np.sqrt(1.0 + p.along[:, None] * near.more) * RAISE
            return np.asarray(~(longer * near.r * (ROOM * RAISE) < margin), bool)

    def near(self, choices: Rows, many: int, few: int) -> Near:
        """Weights, and how far refits are from them.

        Args:
            choices: `(C, 3)` columns.
            many: how many of the rows of each have steps of their own, the first ones.
            few: how many rows are looked at with their signs, of what is lost of the curvature.
        """
        x, st = self.x, self.x.metric.st
        T, far = choices[:, :many], x.k - many
        more = x.kept(*choices.T)[0]
        root = np.sqrt(more) * RAISE
        with np.errstate(all="ignore"):
            W = self._weights(T)
            q, blur = self._exponentials(W)
            left, pulled = self._left(W, q, blur, st.rows[T])
            left = (left + far * pulled) * root * RAISE
            lost = self.curved.lost(T, more, few, self._lost(q, blur, st.rows[T]))
            # a far row that is out is as one that loses all that M has of it
            lost = (lost + far * float(x.own[x.f]) * more * RAISE) * RAISE
            kept = (1.0 - lost) * (1.0 - 4.0 * U)
            r = left / np.maximum(kept, KEPT) * RAISE
            r = np.where((kept > KEPT) & (r * root < x.metric.reach), r, np.inf)
        return Near(W, left, kept, r, more)

    def _weights(self, T: Rows) -> Array:
        """`(C, p)` weights near refits. Nothing is trusted."""
        st = self.x.metric.st
        c, s, S, X = st.c, st.c.sums, self.S, st.b.X
        rows, start = st.rows[T], c.w + st.delta[T].sum(axis=1)
        Z = s.S[rows] @ X
        own = np.maximum(c.at.D[rows] * c.kept[rows], 2.0**-1000)
        B = np.einsum("cip,cjp->cij", Z, s.S[rows])
        B = np.where(np.eye(T.shape[1], dtype=bool), (1.0 + 2.0**-30) / own[:, :, None], 0.0) - B
        try:
            B = np.linalg.inv(B)
        except np.linalg.LinAlgError:
            return np.asarray(start)
        W, mixed, each = start, Mixed(), np.arange(len(T))[:, None]
        for _ in range(TURNS):
            P = np.exp(np.clip(W.astype(S.dtype) @ S.T, -80.0, 80.0))
            P = self.weight / (1.0 + P)
            P[each, self.place[rows]] = 0.0
            G = s.decay * W - P @ S - self.still
            Y = G @ X
            Y += np.einsum("cip,cij,cj->cp", Z, B, np.einsum("cjp,cp->cj", Z, G))
            W = mixed.step(W, G, Y)
        with np.errstate(invalid="ignore"):
            return np.asarray(np.where((np.abs(W) < LONGEST).all(axis=1, keepdims=True), W, start))

    def _exponentials(self, W: Array) -> tuple[Array, Array]:
        """`(C, n)` `e^{−t}`, and `(C,)` what slopes and curvatures are off by, as parts; infinite where t is far."""
        st = self.x.metric.st
        s, sizes = st.c.sums, fp.row_norms(W)
        t = W @ s.S.T
        blur = (32.0 * U + 2.0 * fp.dot_unit(W.shape[1]) * float(s.norms.max(initial=0.0)) * sizes) * RAISE
        fine = (np.abs(t).max(axis=1, initial=0.0) < FARTHEST) & (blur < BLURRED)
        return np.asarray(exp(-np.clip(t, -FARTHEST, FARTHEST))), np.where(fine, blur, np.inf)

    def _left(self, W: Array, q: Array, blur: Array, rows: Rows) -> tuple[Array, Array]:
        """`(C,)` at least the lengths of gradients without some rows, and what any far row adds."""
        a = self.x.metric
        c, s, n = a.st.c, a.st.c.sums, len(self.D)
        P = q / (1.0 + q)
        P *= c.kept
        P[np.arange(len(W))[:, None], rows] = 0.0
        G = s.decay * W - P @ s.S
        off = ((blur + 2.0 * fp.dot_unit(n)) * (P @ s.norms) * fp.sum_up(n)
               + (4.0 * U * float(s.decay.max(initial=0.0)) + s.decay_off) * fp.row_norms(W)) * RAISE
        left = lengths(a.X, a.off, G, fp.row_norms(G)) + off * np.sqrt(a.size)
        P *= self.pull
        return left * RAISE, P.max(axis=1, initial=0.0) * (1.0 + 2.0 * blur) * RAISE

    def _lost(self, q: Array, blur: Array, rows: Rows) -> Short:
        """`(C, n)` what rows that stay lose of what M has of them."""
        part = curve_of(q)
        part /= self.D
        part *= (1.0 - 4.0 * (blur + self.x.metric.st.blur) - 2.0**-40)[:, None]
        y = 1.0 - part
        y = np.where(y < 1.0, np.maximum(y, 0.0), 1.0)  # NaN: all of it
        y *= self.curved.m
        y[np.arange(len(q))[:, None], rows] = 0.0
        return above(y * RAISE)
