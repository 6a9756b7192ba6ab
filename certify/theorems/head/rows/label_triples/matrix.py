"""D28: a matrix that lies below the curvature of many refits but for a share that is bounded for each.

`A = Σ d_js_js_jᵀ + diag μ`. At any weights V the curvature that row j keeps where its margin moves by `a|s_j|_*` is
`D_j(1 − e^{−x})/x`; where that is less than d_j the difference counts in κ by the row's length. What is left of the
gradient at V then says how far the refit is. proofs/heads-label-triples.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.rigor import fp
from certify.rigor.activation.elementary import exp
from certify.rigor.blocked.grams import gram
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.head import Head, Whole
from certify.theorems.head.rows.method import Mask
from certify.theorems.head.rows.pair_tree.curves import kept_part

REACH, TURNS, AGAIN, GROW = 2.0, 4, 1, 1.05
"""How far around weights refits are looked for, where nothing else is asked; matrices until lengths are their own, from
none and from those of a matrix before; and what lengths grow by meanwhile."""

CLOSE, ROOM = 2.0**-20, 2.0**-18
"""The most that K misses the inverse by; factor beyond 1 that pays for it."""

FARTHEST = 60.0
"""Margins above it count as much: slopes there are below `2⁻⁸⁰`."""

SLOPE, BEYOND, CURVE = 6.0 * U, 2.0**-80, 2.0**-45
"""What slopes are off by at margins as floats find them, and beyond the farthest; and more than curvatures are."""

FINE, LEAST = 2.0**-30, 2.0**-20
"""Margins that are off by more say nothing; and what the curvature loses by that and by rounding, as a part of it."""

KEPT = 2.0**-10
"""Least part of A that has to be left."""

AT_ONCE = 1 << 17
"""Entries of the largest array that is worked on at a time."""


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of a head, and its points.

    Attributes:
        head: the head.
        S, turned: `(n, m)` rows times their labels, exactly, and the transpose.
        points, norms: `(L, m)` points times the sign of today's label, and at least their lengths.
        level: `(L,)` the threshold times that sign.
        decay: `(m,)` at most the decay.
    """

    head: Head
    S: Array
    turned: Array
    points: Array
    norms: Array
    level: Array
    decay: Array


def rows_of(head: Head, at: Whole) -> Rows:
    """Of a head with the points `at`, whose labels of today are known."""
    S, sign = head.phi * head.Y, np.where(head.today[at] == 1, 1.0, -1.0)
    mid, wrong = head.mu()
    return Rows(head, S, np.ascontiguousarray(S.T), head.points[at] * sign[:, None], head.points_norm[at],
                head.threshold * sign, np.where(head.decayed, max(mid - wrong, 0.0) * (1.0 - 4.0 * U), 0.0))


@dataclass(frozen=True, eq=False)
class Matrix:
    """A matrix A, and what it says of rows and points.

    Attributes:
        rows: rows and points.
        d: `(n,)` what rows have in A.
        K, size: `KAKᵀ` is I but for `CLOSE`; at least the norm of K.
        long: `(n,)` at least the lengths of rows in the norm of the inverse.
        keeps: `(n,)` at most what rows keep of their curvature within reach.
        reach: how far around weights refits are looked for.
        seen, across: `(L, m)` K times the points, and `(L,)` more than their lengths, with what products are off by.
    """

    rows: Rows
    d: Array
    K: Array
    size: float
    long: Array
    keeps: Array
    reach: float
    seen: Array
    across: Array


@dataclass(frozen=True, eq=False)
class Judged:
    """What is proved of refits near weights.

    Attributes:
        open: `(B, L)` the points that the refit is not proved to leave as they are.
        margin: `(B, L)` margins at the weights, in floats.
    """

    open: Mask
    margin: Array


def matrix(rows: Rows, curvature: Array, guess: Array | None = None, reach: float = REACH) -> Matrix | None:
    """The matrix for refits at which rows have a curvature of `(n,)`, as a rule; None where none is proved.

    Args:
        rows: rows and points.
        curvature: any numbers of 0 and more.
        guess: `(n,)` lengths in a matrix that is like it.
        reach: how far around weights refits are looked for.
    """
    head, S = rows.head, rows.S
    long = np.full(head.n, 0.5) if guess is None else guess
    for _ in range(TURNS if guess is None else AGAIN):
        d = curvature * _keeps(long * GROW, reach)
        A, unit = gram(S, d)
        A[np.diag_indices(len(A))] += rows.decay
        try:
            K = _root(A)
        except np.linalg.LinAlgError:
            return None
        size = fp.frobenius(K)
        long = _lengths(K, size, S, head.phi_norm)
    unsure = 4.0 * unit * float(d @ (head.phi_norm * head.phi_norm)) * fp.sum_up(head.n) + 4.0 * U * rows.decay.sum()
    left = K @ A @ K.T
    left[np.diag_indices(len(A))] -= 1.0
    miss = fp.frobenius(left) + size * size * (3.0 * fp.dot_unit(len(A)) * fp.frobenius(A) + unsure + fp.FLOOR)
    if not (miss + 4.0 * U * len(A)) * RAISE < CLOSE:
        return None
    across = _lengths(K, size, rows.points, rows.norms) + fp.dot_unit(head.m) * rows.norms * size
    return Matrix(rows, d, K, size, long, _keeps(long, reach), reach, rows.points @ K.T, across * (1.0 + ROOM))


def _root(A: Array) -> Array:
    """K with `KAKᵀ` nearly I; raises where floats find none."""
    K = np.linalg.inv(np.linalg.cholesky(A))
    if not np.isfinite(K).all():
        raise np.linalg.LinAlgError
    return np.asarray(K)


def _keeps(long: Array, reach: float) -> Array:
    """At most what rows of such lengths keep of their curvature within reach."""
    return kept_part(np.ones_like(long), reach * long * RAISE)


def _lengths(K: Array, size: float, vectors: Array, norms: Array) -> Array:
    """At least the lengths of vectors in the norm of the inverse."""
    return np.asarray((fp.row_norms(vectors @ K.T) + fp.dot_unit(len(K)) * norms * size) * ((1.0 + CLOSE) * RAISE))


def judged(m: Matrix, changed: Whole, V: Array) -> Judged:
    """What is proved of the refits after rows get their other label.

    Args:
        m: the matrix.
        changed: `(B, r)` the rows, all different.
        V: `(B, m)` weights from anywhere.
    """
    step = max(1, AT_ONCE // m.rows.head.n)
    parts = [_judged(m, changed[at : at + step], V[at : at + step]) for at in range(0, len(V), step)]
    return Judged(np.concatenate([one.open for one in parts]), np.concatenate([one.margin for one in parts]))


@dataclass(frozen=True, eq=False)
class Slopes:
    """Weights, and what rows do there.

    Attributes:
        V, good: `(B, m)` weights, 0 in the place of those that are none, and `(B,)` which are.
        t, p: `(B, n)` margins in floats, and slopes.
        off: at least what margins are off by; more than `FINE` where slopes are not known.
        longest: at least the length of the weights.
    """

    V: Array
    good: Mask
    t: Array
    p: Array
    off: float
    longest: float


def slopes(m: Matrix, V: Array) -> Slopes:
    """Slopes of rows at weights `(B, m)` from anywhere."""
    rows, head = m.rows, m.rows.head
    good = np.asarray(np.isfinite(V).all(axis=1))
    V = np.where(good[:, None], V, 0.0)
    longest = float(fp.row_norms(V).max(initial=0.0))
    off = fp.dot_unit(head.m) * float(head.phi_norm.max()) * longest * RAISE
    t = V @ rows.turned
    p = exp(np.minimum(t, FARTHEST)) if off < FINE else np.zeros_like(t)
    p += 1.0
    np.reciprocal(p, out=p)
    return Slopes(V, good, t, p, off, longest)


def _judged(m: Matrix, changed: Whole, V: Array) -> Judged:
    at = slopes(m, V)
    if not at.off < FINE:
        margin = at.V @ m.rows.points.T - m.rows.level
        return Judged(np.ones(margin.shape, dtype=bool), margin)
    return judged_at(m, at, gradients(m, changed, at), lost(m, at.p))


def judged_at(m: Matrix, at: Slopes, left: tuple[Array, float, Array], gone: Array) -> Judged:
    """What is proved of refits by their gradients and by the share of the curvature that is lost there."""
    rows, head = m.rows, m.rows.head
    length, error, turned = left
    margin = at.V @ rows.points.T - rows.level
    kept = (1.0 - gone) * (1.0 - 4.0 * U)
    good = at.good & (kept > KEPT) & (length * RAISE < m.reach * kept)
    half = 0.5 / np.maximum(kept, KEPT)[:, None]
    inner = half * (turned @ m.seen.T)
    far = half * (length * (1.0 + ROOM) + 2.0 * error)[:, None] * m.across
    room = fp.dot_unit(head.m) * at.longest * rows.norms + 2.0**-40 * (np.abs(margin) + np.abs(inner) + far)
    room += 8.0 * U * abs(head.threshold) + fp.FLOOR
    return Judged(~(good[:, None] & (margin - inner > (far + room) * RAISE)), margin)


def gradients(m: Matrix, changed: Whole, at: Slopes) -> tuple[Array, float, Array]:
    """At least the gradients in the norm of the inverse, what K times them is off by, and that in floats `(B, m)`."""
    rows, head = m.rows, m.rows.head
    mid, wrong = head.mu()
    g = at.p @ rows.S
    np.negative(g, out=g)
    g += at.V * np.where(head.decayed, mid, 0.0)
    for column in changed.T:
        g += rows.S[column]
    whole = float(head.phi_norm.sum()) * fp.sum_up(head.n)
    error = (0.25 * at.off + SLOPE + BEYOND + fp.dot_unit(head.n) + 32.0 * U) * whole
    error += (wrong + 16.0 * U * mid) * at.longest
    error += fp.dot_unit(head.m) * float(fp.row_norms(g).max(initial=0.0))
    error = (m.size * error * RAISE + fp.FLOOR) * RAISE
    turned = g @ m.K.T
    return (fp.row_norms(turned) + error) * ((1.0 + CLOSE) * RAISE), error, turned


def lost(m: Matrix, p: Array) -> Array:
    """`(B,)` at least the share of A that the curvature lacks, from slopes."""
    y = p * p
    y -= p
    y *= m.keeps * (1.0 - LEAST)
    y += m.d + CURVE
    np.maximum(y, 0.0, out=y)
    return np.asarray((y @ (m.long * m.long)) * (fp.sum_up(m.rows.head.n) * RAISE))
