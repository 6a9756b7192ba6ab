"""D13, the last level: which labels may be changed as well, all of them at once, by one step `−H⁻¹s_i` for each.

A changed label is a pull of 1, and takes no curvature away. What the step leaves of the gradient is what linearising
the slopes leaves, `|r_j| ≤ ½σ_jτ_j²`; rows that are short in the norm of the inverse Hessian share one bound of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.rigor import fp
from certify.rigor.blocked.grams import gram
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.boxes.inverses import inverse
from certify.systems.head.rows.boxes.slabs import THIRD, Rows
from certify.systems.head.rows.boxes.sums import whole_numbers
from certify.systems.head.rows.boxes.trap import short
from certify.theorems.head.rows.boxes.leaves import Base
from certify.theorems.head.rows.boxes.stated import Codes, coded, decoded
from certify.theorems.head.rows.pair_tree.curves import FEWER, curve, kept_part, most_between
from certify.theorems.head.rows.pair_tree.steps import lengths

LONG, FOLLOWED = 512, 1000
"""Rows whose own margins are followed under every step, the longest in the norm of the inverse Hessian; and rows under
whose steps every margin is followed, the longest of those that may change."""

TURNS, GROW, FIRST, ROOM, FARTHEST = 8, 1.15, 0.2, 1.01, 64.0
"""Attempts at a distance, what it grows by, the first one; what a checker's numbers may need; the largest move."""

LARGE, APART, SOME, ROUNDS = 0.8, 450, 30, 6
"""A distance of a refit from its step from which on the row is refitted by itself; for how many that is done; how many
are where nothing is bounded; and how often that is looked at."""

CURVED = 2.0**-37
"""What a checker's curvatures may be off by, times 16."""


@dataclass(frozen=True, eq=False)
class Last:
    """What is proved of single rows.

    Attributes:
        b: the inverse Hessian at the centre.
        rows: the rows; `followed`: those of them under whose steps every margin is followed.
        codes: (1, n) codes of how far margins may move beyond the steps.
        X, off: the inverse of A and its error.
        off_b: what a checker's products with the inverse Hessian may be off by.
        rho: upper bounds of how far each refit lies from its step, in the norm of A.
        size: (n,) `|s_j|` in the norm of the inverse Hessian.
    """

    b: Base
    rows: Rows
    followed: Rows
    codes: Codes
    X: Array
    off: float
    off_b: float
    rho: Array
    size: Array

    def open(self, points: Array) -> np.ndarray:
        """`(N, f)`: the rows whose new labels may move a point to the other side."""
        b, s = self.b, self.b.c.sums
        norms = fp.row_norms(points)
        margin = s.margins(points, norms, b.c.w)
        seen = lengths(self.X, self.off, points, norms)
        there = lengths(b.X, self.off_b, points, norms)
        own = self.size[self.rows]
        found = np.zeros((len(points), len(self.rows)), bool)
        tight = np.flatnonzero(~((there * float(own.max()) + seen * float(self.rho.max())) * ROOM < margin))
        some = np.flatnonzero(~((there[tight].max(initial=0.0) * own + seen[tight].max(initial=0.0) * self.rho) * ROOM
                                < margin[tight].min(initial=np.inf)))
        if len(tight) and len(some):
            C = (points[tight] @ b.X) @ s.S[self.rows[some]].T
            C += self.off_b * np.outer(norms[tight], s.norms[self.rows[some]]) * RAISE
            drop = np.minimum(np.maximum(C, 0.0), np.outer(there[tight], own[some])) + np.outer(
                seen[tight], self.rho[some])
            found[np.ix_(tight, some)] = ~(drop * ROOM < margin[tight, None])
        return found


class Lasts:
    """Everything that does not depend on the distance reached.

    Args:
        b: the inverse Hessian at the centre.
        followed: rows under whose steps every margin is followed.
        others: the other rows that may change.
    """

    def __init__(self, b: Base, followed: Rows, others: Rows) -> None:
        self.b, self.followed, self.rows = b, followed, np.concatenate([followed, others])
        c, s = b.c, b.c.sums
        p, t = len(b.X), c.at.t
        self.off = (b.off + (8.0 + 4.0 * float(np.sqrt(p))) * short(p) * b.size) * RAISE
        self.size = lengths(b.X, self.off, s.S, s.norms)
        self.long = np.argsort(-self.size, kind="stable")[:LONG]
        every = np.arange(len(s.S))
        self.near, moved = self._squares(every, followed)
        self.far, some = self._squares(self.long, others)
        reach = self.size * float(self.size[others].max(initial=0.0)) * RAISE
        reach[self.long] = np.minimum(reach[self.long], some)
        self.reach = np.maximum(reach, moved)
        farthest = (np.abs(t) + self.reach + c.at.off) * RAISE
        self.least = curve(farthest) * (1.0 - 2.0**-40)
        most = most_between(t, self.reach, self.reach, c.at.off)
        self.bend = np.minimum(THIRD, most * np.minimum(0.5 * farthest * RAISE, 1.0)) * RAISE

    def _squares(self, seen: Rows, rows: Rows) -> tuple[Array, Array]:
        """Squares of changes of some margins under the steps of some rows, and the largest change of each."""
        s = self.b.c.sums
        tau = np.abs((s.S[seen] @ self.b.X) @ s.S[rows].T)
        tau += self.off * np.outer(s.norms[seen], s.norms[rows])
        tau *= RAISE
        moved = tau.max(axis=1, initial=0.0)
        np.square(tau, out=tau)
        return tau, moved

    def found(self, codes: Codes) -> tuple[Last, Array] | None:
        """The bound for codes of how far margins may move, and how far they do."""
        b, c, s = self.b, self.b.c, self.b.c.sums
        n = len(s.S)
        least = kept_part(self.least, decoded(codes)[0])
        H, unit = gram(s.S, least)
        H[np.diag_indices(len(H))] += s.decay
        unsure = (4.0 * unit * float(least @ (s.norms * s.norms)) * fp.sum_up(n)
                  + 4.0 * U * float(s.decay.sum()) + s.decay_off + whole_numbers(s)) * RAISE
        if not np.isfinite(H).all() or (inv := inverse(H, unsure)) is None:
            return None
        X, off = inv
        off += 4.0 * fp.dot_unit(len(X)) * fp.frobenius(X)
        long = lengths(X, off, s.S, s.norms)
        light = (least > 0.0) & (least * FEWER >= c.at.D)
        shared = np.ones(n, bool)
        shared[self.long] = False
        D = c.at.D - c.at.D_off - CURVED
        if (shared & ~(light & (D > CURVED))).any():
            return None
        ratio = self.bend[shared] * self.size[shared] / np.sqrt(least[shared] * D[shared])
        own = self.size[self.rows[len(self.followed) :]]
        beyond = float(ratio.max(initial=0.0)) * own * own * RAISE
        weight = np.where(light, self.bend * self.bend / np.where(light, least, 1.0), 0.0)
        linear = np.where(light, 0.0, self.bend * long)
        parts = []
        for squares, seen, more in ((self.near, slice(None), 0.0), (self.far, self.long, beyond)):
            inner = weight[seen] @ (squares * squares) * fp.sum_up(n)
            parts.append(np.sqrt(inner + more * more) + linear[seen] @ squares * fp.sum_up(n))
        still = float(((c.at.D_off + CURVED) * self.reach) @ long) * fp.sum_up(n)
        size = (fp.frobenius(X) + off) * RAISE
        rest = (2.0 * c.gradient * float(np.sqrt(size)) + still) * RAISE
        rho = (0.5 * np.concatenate(parts) + rest) * ROOM * RAISE
        reach = float(rho.max(initial=0.0))
        return Last(b, self.rows, self.followed, codes, X, off, self.off, rho, self.size), reach * long * ROOM * RAISE


def last(b: Base, rows: Rows) -> tuple[Last | None, Rows]:
    """The bound for single rows but those that are to be refitted, and these; None where none was found."""
    size = b.lengths
    order, first = rows[np.argsort(-size[rows], kind="stable")], FIRST * size
    apart = order[:0]
    for _ in range(ROUNDS):
        rest = order[~np.isin(order, apart)]
        all_ = Lasts(b, rest[:FOLLOWED], rest[FOLLOWED:])
        got = all_.found(coded(first[None, :])) if len(rest) and all_.reach.max() < FARTHEST else None
        if got is None:
            apart = np.concatenate([apart, rest[:SOME]])
        elif (large := got[0].rho > LARGE).any() and len(apart) < APART:
            apart = np.concatenate([apart, all_.rows[large][: APART - len(apart)]])
        else:
            return _settled(all_, first), apart
    return None, order


def _settled(all_: Lasts, moved: Array) -> Last | None:
    """Codes that hold what they imply."""
    for _ in range(TURNS):
        codes = coded(moved[None, :])
        got = all_.found(codes)
        if got is None:
            return None
        found, needed = got
        if (needed < decoded(codes)[0]).all():
            return found
        if not needed.max() < FARTHEST * 8.0:
            return None
        moved = np.maximum(needed * GROW, 2.0**-12)
    return None
