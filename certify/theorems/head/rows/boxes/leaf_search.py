"""D6, leaves of large heads, proposals: refits with one row changed, many at once, by quasi-Newton steps. Not proved.

Where a changed row is long its refit is far, and curvature has another place there. Steps are those of the centre's
factor, corrected for the rows whose curvature has changed most (a system of a few hundred equations), and by the last
few differences of gradients; how far each goes is found along its line, where margins are known without a product.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from certify.rigor.fp import Array
from certify.systems.head.rows.boxes.slabs import Rows
from certify.theorems.head.rows.boxes.leaves import Base

POOL, SOME, DEPTH, TURNS = 1500, 200, 8, 40
"""Rows whose curvature is followed, those of them that correct a step, differences that are remembered, most steps."""

LINE, FLAT = 6, 0.1
"""Slopes along a line that are looked at, and what may be left of the first one."""

FIRST, LEAST = 1e-3, 1e-9
"""Length of a step from which on weights are judged, then whenever it is a tenth of that of the last judgement; and
below which none follows."""

Judge = Callable[[Rows, Array, Array], Rows]


def _slope(t: Array) -> Array:
    return np.asarray(0.5 - 0.5 * np.tanh(0.5 * t))


@dataclass(eq=False)
class Lanes:
    """Refits that are under way.

    Attributes:
        at: their numbers; `rows`: the changed row of each.
        W, T: weights and margins.
        d, U: the next direction, and what it does to margins.
        G: gradients; `past`: differences of weights and of gradients.
        seen: the length of a step at which weights were judged.
    """

    at: Rows
    rows: Rows
    W: Array
    T: Array
    d: Array
    U: Array
    G: Array
    seen: Array
    past: list[tuple[Array, Array]] = field(default_factory=list)

    def keep(self, which: Array) -> None:
        """Go on with some of them."""
        for name in ("at", "rows", "W", "T", "d", "U", "G", "seen"):
            setattr(self, name, getattr(self, name)[which])
        self.past = [(s[which], y[which]) for s, y in self.past]


class Search:
    """Refits near a node's centre.

    Args:
        b: the centre's inverse Hessian.
    """

    def __init__(self, b: Base) -> None:
        self.b, c = b, b.c
        S = c.sums.S
        self.SX = S @ b.X
        own = np.einsum("ij,ij->i", self.SX, S)
        near = np.maximum(np.abs(c.at.t) - 0.5 * np.maximum(own, 0.0), 0.0)  # where a step of about half a pull leads
        likely = own * np.maximum(c.at.D, 0.05 / np.cosh(0.5 * np.minimum(near, 600.0)) ** 2) * (c.kept > 0.0)
        self.pool = np.argsort(-likely, kind="stable")[:POOL]
        self.some, self.own = min(SOME, len(self.pool)), own[self.pool]
        self.place = np.full(len(S), -1)
        self.place[self.pool] = np.arange(len(self.pool))
        self.S, self.SXp = S[self.pool], self.SX[self.pool]
        self.K = self.SXp @ self.S.T

    def run(self, rows: Rows, judge: Judge, left: Callable[[], float], first: Array | None = None) -> Array:
        """Weights `(r, p)`, from those of a search before, if there was one.

        `judge` takes numbers, weights and lengths of steps: which of them need no better ones.
        """
        c, s = self.b.c, self.b.c.sums
        W = np.tile(c.w, (len(rows), 1)) if first is None else first.copy()
        T = np.tile(c.at.t, (len(rows), 1)) if first is None else W @ s.S.T
        d = -self.SX[rows] if first is None else np.zeros_like(W)
        lanes = Lanes(np.arange(len(rows)), rows, W.copy(), T, d, d @ s.S.T, np.zeros_like(W),
                      np.full(len(rows), FIRST if first is None else np.inf))
        for turn in range(TURNS):
            if left() <= 0.0:
                break
            step = self._along(lanes)[:, None] * lanes.d
            lanes.W = lanes.W + step
            size = self._turned(lanes, step, turn > 0)
            W[lanes.at] = lanes.W
            ready = np.flatnonzero((size < lanes.seen) | (turn == TURNS - 1))
            if len(ready):
                lanes.seen[ready] = 0.1 * size[ready]
                done = np.zeros(len(size), bool)
                done[ready[judge(lanes.at[ready], lanes.W[ready], size[ready])]] = True
                done |= ~(size > LEAST)
                lanes.keep(~done)
            if not len(lanes.at):
                break
            lanes.U = lanes.d @ s.S.T
        return W

    def _along(self, lanes: Lanes) -> Array:
        """How far to go along each line; margins move with it."""
        c, s = self.b.c, self.b.c.sums
        each = np.arange(len(lanes.at))
        pull = (lanes.U * c.kept)[each, lanes.rows]
        flat = (s.decay * lanes.W * lanes.d).sum(axis=1) + (pull if s.relabels else 0.0)
        bent = (s.decay * lanes.d * lanes.d).sum(axis=1)
        size, low, high = np.ones(len(each)), np.zeros(len(each)), np.full(len(each), np.inf)
        counted = lanes.U * c.kept
        if not s.relabels:
            counted[each, lanes.rows] = 0.0
        first, live = flat - np.einsum("ij,ij->i", _slope(lanes.T), counted), each
        for _ in range(LINE):
            P = _slope(lanes.T[live] + size[live, None] * lanes.U[live])
            PU = P * counted[live]
            g = flat[live] + size[live] * bent[live] - PU.sum(axis=1)
            on = np.abs(g) > FLAT * np.abs(first[live])
            live, g = live[on], g[on]
            if not len(live):
                break
            curve = bent[live] + np.einsum("ij,ij->i", PU[on] * (1.0 - P[on]), lanes.U[live])
            high[live] = np.where(g > 0.0, np.minimum(high[live], size[live]), high[live])
            low[live] = np.where(g < 0.0, np.maximum(low[live], size[live]), low[live])
            with np.errstate(all="ignore"):
                new = size[live] - g / curve
            top = np.where(np.isfinite(high[live]), high[live], 4.0 * size[live] - low[live])
            middle = 0.5 * (low[live] + top)
            size[live] = np.where((new > low[live]) & (new < high[live]), new, middle)
        lanes.T = lanes.T + size[:, None] * lanes.U
        return size

    def _turned(self, lanes: Lanes, step: Array, known: bool) -> Array:
        """New gradients and directions; lengths of the Newton steps, about."""
        c, s = self.b.c, self.b.c.sums
        each = np.arange(len(lanes.at))
        P = _slope(lanes.T)
        bent = (P[:, self.pool] * (1.0 - P[:, self.pool]) - c.at.D[self.pool]) * c.kept[self.pool]
        P *= c.kept
        if s.relabels:
            P[each, lanes.rows] -= c.kept[lanes.rows]
        else:
            P[each, lanes.rows] = 0.0
            gone = self.place[lanes.rows]
            bent[each[gone >= 0], gone[gone >= 0]] = -(c.at.D * c.kept)[lanes.rows[gone >= 0]]
        G = s.decay * lanes.W - P @ s.S
        if known:
            lanes.past = [*lanes.past, (step, G - lanes.G)][-DEPTH:]
        lanes.G, q, shares = G, G.copy(), []
        for moved, more in reversed(lanes.past):
            one = 1.0 / np.maximum(np.einsum("ij,ij->i", moved, more), 1e-300)
            share = one * np.einsum("ij,ij->i", moved, q)
            q -= share[:, None] * more
            shares.append((one, share))
        Y = self._solved(q, bent)
        for (moved, more), (one, share) in zip(lanes.past, reversed(shares), strict=True):
            Y += moved * (share - one * np.einsum("ij,ij->i", more, Y))[:, None]
        lanes.d = -Y
        return np.asarray(np.sqrt(np.maximum(np.einsum("ij,ij->i", Y, G), 0.0)))

    def _solved(self, g: Array, bent: Array) -> Array:
        """Steps for gradients by the centre's factor and the changes of curvature that do most."""
        Y = g @ self.b.X
        SY, Z = Y @ self.S.T, np.zeros((len(g), len(self.pool)))
        on = np.arange(self.some)
        for a, change in enumerate(bent):
            A = np.argpartition(-np.abs(change) * self.own, self.some - 1)[: self.some]
            M = change[A][:, None] * self.K[np.ix_(A, A)]
            M[on, on] += 1.0
            try:
                Z[a, A] = np.linalg.solve(M, change[A] * SY[a, A])
            except np.linalg.LinAlgError:
                continue
        return np.asarray(Y - Z @ self.SXp)
