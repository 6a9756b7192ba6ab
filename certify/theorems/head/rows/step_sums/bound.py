"""D20: how far the refit after several changes is from the sum of their steps, of any of them at once and of each.

What a sum leaves of the gradient is what each step leaves, and for every two of them what both do to the slopes beyond
what each does. It is measured in the inverse of a matrix below the curvature that rows keep wherever sums lead.
proofs/heads-sums.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from certify.rigor import fp
from certify.rigor.blocked.grams import gram
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.boxes.inverses import inverse
from certify.systems.head.rows.boxes.slabs import THIRD
from certify.systems.head.rows.head import Head, Whole
from certify.theorems.head.rows.pair_tree.curves import EVEN, curve, kept_part, most_between
from certify.theorems.head.rows.pair_tree.steps import lengths
from certify.theorems.head.rows.step_sums.kinds import Kinds
from certify.theorems.head.rows.step_sums.steps import DECAY, Steps

FARTHEST = 300.0
"""Largest margin that a sum may lead to: exponentials of it are far from underflow."""

FIRST, TURNS, GROW, MOST = 0.1, 12, 1.1, 64.0
"""Distance that is tried first, attempts, what it grows by, and the largest one."""

CLOSE = 1500
"""Changes that are taken two by two; of more than these those that do most."""

TINY, LIGHT = 2.0**-100, 2.0**-600
"""What moves and weights count at least where two steps are taken together: no product of them is lost to underflow."""

LEAST = 2.0**-900
"""Least curvature of a row that its inverse may be taken of."""


@dataclass(frozen=True, eq=False)
class Bound:
    """What is proved of all choices of at most so many of the changes of each kind.

    Attributes:
        steps: the steps.
        kinds: changes at most.
        X, off: the inverse of the matrix A, and its error with room for products.
        alone: `(f,)` at least what a step leaves of the gradient, in the norm of the inverse, and `still` the centre.
        pairs: `(f, f)` at least what two steps do together, 0 on the diagonal.
        taken: `(f,)` at least the part of A that the new weight of a row takes.
        kept: at most what any k changes leave of it.
    """

    steps: Steps
    kinds: Kinds
    X: Array
    off: float
    alone: Array
    still: float
    pairs: Array
    taken: Array
    kept: float

    @property
    def k(self) -> int:
        """Changes of a choice at most."""
        return self.kinds.k

    @cached_property
    def shares(self) -> Array:
        """`(f,)` at least what every change adds to the distance of any choice."""
        return np.asarray((self.alone + self.still + 0.5 * self.kinds.beside(self.pairs)) / self.kept * RAISE)

    def far(self, which: Whole) -> Array:
        """`(B,)` at least the distance from the sum of the steps of a choice to its refit, in the norm of A.

        Args:
            which: `(B, r)` numbers of changes, r ≤ k, all different.
        """
        r = which.shape[1]
        left = self.alone[which].sum(axis=1) + (r + 1) * self.still
        for a in range(r):
            for b in range(a):
                left = left + self.pairs[which[:, a], which[:, b]]
        kept = 1.0 - self.taken[which].sum(axis=1) * RAISE
        return np.asarray(left * RAISE / (kept * (1 - 4 * U)) * RAISE)


@dataclass(frozen=True, eq=False)
class Drops:
    """What changes take of the margins of points.

    Attributes:
        margin: `(N,)` at most the margins at the centre.
        push: `(N, f)` at least what every step takes of them, of either sign.
        seen: `(N,)` at least the lengths of the points in the norm of the inverse.
        each: `(N, f)` 0 or more, and `fixed` `(N,)`: a choice takes at most its sum of `each`, and `fixed`.
    """

    margin: Array
    push: Array
    seen: Array
    each: Array
    fixed: Array


def drops(b: Bound, head: Head, which: Whole, exactly: bool = False) -> Drops:
    """What the changes take of the margins of some points, whose label today is known.

    Args:
        b: the bound.
        head: the head with the points.
        which: their numbers.
        exactly: whether choices have k changes, neither more nor less: then some of these may add to a margin.
    """
    st, points, norms = b.steps, head.points[which], head.points_norm[which]
    sign = np.where(head.today[which] == 1, 1.0, -1.0)
    size = float(fp.row_norms(st.w[None, :])[0])
    margin = sign * (points @ st.w - head.threshold)
    margin -= (fp.dot_unit(head.m) * norms * size + 4 * U * np.abs(margin) + fp.FLOOR) * RAISE
    push = -sign[:, None] * (points @ st.delta.T)
    push += np.outer(norms * RAISE, (fp.dot_unit(head.m) + 2 * U) * st.long) + fp.FLOOR
    seen = lengths(b.X, b.off, points, norms)
    far = np.outer(seen, b.shares) * RAISE
    each, fixed = push + far + 4 * U * (np.abs(push) + far), seen * (b.still / b.kept) * RAISE
    if not exactly:
        return Drops(margin, push, seen, np.maximum(each, 0.0), fixed)
    least = np.minimum(each.min(axis=1, initial=0.0), 0.0)
    return Drops(margin, push, seen, (each - least[:, None]) * RAISE, fixed + b.k * least * (1 - 2.0**-40))


def bound(st: Steps, asked: int | Kinds) -> Bound | None:
    """What is proved of any k of the changes, or of so many of each kind; None where nothing is."""
    kinds = asked if isinstance(asked, Kinds) else Kinds.alike(len(st.rows), asked)
    up = kinds.top(np.maximum(st.signed + st.off, 0.0))
    down = kinds.top(np.maximum(st.off - st.signed, 0.0))
    farthest = (np.maximum(np.abs(st.t - down), np.abs(st.t + up)) + st.t_off) * RAISE
    if not farthest.max(initial=0.0) < FARTHEST:
        return None
    least = st.light * curve(farthest) / EVEN * (1 - 4 * U)
    most = most_between(st.t, down, up, st.t_off)
    bend = st.heavy * np.minimum(THIRD, most * np.minimum(0.5 * farthest, 1.0)) * RAISE
    long = lengths(*(_inverse(st, least) or (np.zeros((st.head.m, st.head.m)), np.inf)), st.S, st.norms)
    reach = FIRST
    for _ in range(TURNS):
        if not (np.isfinite(long).all() and reach < MOST):
            return None
        moved = np.maximum(reach * long * GROW, fp.FLOOR)
        d = kept_part(least, moved)
        if not d.min(initial=1.0) > LEAST or (inv := _inverse(st, d)) is None:
            return None
        found, reach, long = _measured(st, kinds, d, bend, most, *inv)
        if found is not None and (reach * long * RAISE < moved).all():
            return found
        reach *= GROW
    return None


def _inverse(st: Steps, d: Array) -> tuple[Array, float] | None:
    """The inverse of `Σ d_js_js_jᵀ + diag μ`, and its error with room for products with it."""
    mid, wrong = st.head.mu()
    decay = np.where(st.head.decayed, mid, 0.0)
    A, unit = gram(st.S, d)
    A[np.diag_indices(len(A))] += decay
    unsure = (4.0 * unit * float(d @ (st.norms * st.norms)) * fp.sum_up(len(d))
              + 4.0 * U * float(decay.sum()) + wrong + DECAY * mid) * RAISE
    if not np.isfinite(A).all() or (inv := inverse(A, unsure)) is None:
        return None
    X, off = inv
    return X, off + 4.0 * fp.dot_unit(len(X)) * fp.frobenius(X)


def _measured(st: Steps, kinds: Kinds, d: Array, bend: Array, most: Array, X: Array, off: float,
              ) -> tuple[Bound | None, float, Array]:
    """The bound for a matrix, how far refits then are from sums at most, and the lengths of rows."""
    long, root = lengths(X, off, st.S, st.norms), float(np.sqrt((fp.frobenius(X) + off) * RAISE))
    taken = st.lost * d[st.rows] * long[st.rows] ** 2 * RAISE
    kept = (1.0 - float(kinds.top(taken[None, :])[0])) * (1 - 4 * U)
    if not kept > 0.0:
        return None, np.inf, long
    pairs = np.zeros((len(st.rows), len(st.rows)))
    if kinds.k > 1:
        pairs = _together(st.moved, bend * (bend / d) * RAISE)
        one = (st.gain * most[st.rows] * long[st.rows])[:, None] * st.moved[st.rows] * RAISE
        pairs += one
        pairs += one.T
        pairs *= RAISE
        np.fill_diagonal(pairs, 0.0)
    found = Bound(st, kinds, X, off, st.left * root * RAISE, st.still * root * RAISE, pairs, taken, kept)
    reach = (float(kinds.top(found.shares[None, :])[0]) + found.still / kept) * RAISE
    return (found if np.isfinite(reach) else None), reach, long


def _together(moved: Array, weight: Array) -> Array:
    """`(f, f)` at least `√Σ_j weight_j(τ^u_jτ^v_j)²`: that, or of many changes products of two roots of fourth powers.

    By Cauchy and Schwarz it is at most `b_ub_v`, `b_u⁴ = Σ_j weight_j(τ^u_j)⁴`; those with the largest b are taken two
    by two.
    """
    f, unit, weight = moved.shape[1], fp.sum_up(len(weight)), np.maximum(weight, LIGHT)
    b, some = np.zeros(f), np.arange(f)
    if f > CLOSE:
        for start in range(0, f, CLOSE):
            at = slice(start, start + CLOSE)
            squares = _squares(moved[:, at])
            b[at] = (weight @ (squares * squares)) * unit
        b = np.sqrt(np.sqrt(b) * RAISE) * RAISE
        some = np.argsort(-b, kind="stable")[:CLOSE]
    squares = _squares(moved[:, some])
    exact = np.sqrt(((squares.T * weight) @ squares) * unit) * RAISE
    if len(some) == f:
        return np.asarray(exact)
    pairs = np.outer(b, b) * RAISE
    pairs[np.ix_(some, some)] = np.minimum(pairs[np.ix_(some, some)], exact)
    return np.asarray(pairs)


def _squares(moved: Array) -> Array:
    """Those of numbers of at least `TINY`; a NaN stays one."""
    return np.asarray(np.maximum(moved * moved, TINY * TINY))
