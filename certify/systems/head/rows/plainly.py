"""D1 for rows that carry weights and for losses that heads alone know: slopes of every row and choice by themselves.

:mod:`certify.systems.head.rows.refit` says the same, faster, where slopes alone tell what a changed row does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.change import DELETED, NONE, Choices
from certify.systems.head.rows.head import Head

AT_ONCE = 1 << 22
"""Entries of the largest array that is worked on at a time."""

TRIES = 3
"""Balls that are tried where the intercept carries no decay."""

ROOM = 1.0 + 2.0**-20
"""Factor on every distance: a checker has rounding of its own."""


@dataclass(frozen=True, eq=False)
class Slopes:
    """The gradients of a batch at proposed weights.

    Attributes:
        Z: `(n, B, k)` outputs in floats.
        off: `(n, B)` bounds of their errors, as vectors.
        g: `(n, B, k)` slopes, 0 of rows that are left out.
        left: `(n, B)` what a row counts, from below: 0 where it is left out.
        size: `(B,)` upper bounds of `|∇G_M(V̂)|`.
    """

    Z: Array
    off: Array
    g: Array
    left: Array
    size: Array


def enclose_refits(head: Head, choices: Choices, V: Array) -> Array:
    """Upper bounds of the distance from proposed weights to the refit after each change of a batch (D1).

    Args:
        head: the head.
        choices: `B` changes.
        V: `(B, k, m)` float64 weights from anywhere; the better they are the smaller the bound.

    Returns:
        `(B,)` distances, infinite where nothing is proved. With a free intercept and a shifted loss the distance is to
        one of the refits, which all have the same differences of outputs.
    """
    found = np.full(len(choices), np.inf)
    step = max(1, AT_ONCE // (head.n * head.k))
    with np.errstate(all="ignore"):
        for start in range(0, len(choices), step):
            at = slice(start, start + step)
            good = np.asarray(np.isfinite(V[at]).all(axis=(1, 2)))
            trial = np.where(good[:, None, None], V[at], 0.0)
            near = _distances(head, choices.part(at), trial)
            found[at] = np.where(good & np.isfinite(near), near, np.inf)
    return found


def enclose_slopes(head: Head, choices: Choices, V: Array) -> Slopes:
    """`∇G_M(V̂) = Σ_i ∇ℓ_i ⊗ φ_i + μ_M V̂` for a batch, with everything that rounding and frozen layers leave open."""
    (B, k, m), n = V.shape, head.n
    flat = V.reshape(B * k, m)
    Z = np.asarray((head.phi @ flat.T).reshape(n, B, k))
    over = ~np.isfinite(Z).all(axis=(0, 2))
    Z[:, over] = 0.0  # of these nothing is known
    length = np.sqrt(np.einsum("bkm,bkm->b", V, V)) * fp.sum_up(k * m) + fp.FLOOR
    even = head.even[1][:, None] * head.even_lengths(V)
    rounded = fp.dot_unit(m) * np.minimum(head.phi_norm[:, None] * length, even)
    off = (rounded + head.phi_rad[:, None] * length) * RAISE
    g, error = head.loss.slopes(Z, head.Y[:, None, :])
    left = np.ones((n, B))
    for column in range(choices.rows.shape[1]):
        error = max(error, _change(head, choices, column, Z, g, left))
    slack = left * (np.sqrt(k) * error + head.loss.moved(Z, off, g))
    plain = g
    if head.weights is not None:
        g, left, slack = head.weights.weighed(head, choices, g, left, slack)
    R = np.asarray((head.phi.T @ g.reshape(n, B * k)).reshape(m, B, k).transpose(1, 2, 0))
    mid, wrong = _decay(head, choices)
    pull = np.where(head.decayed, V, 0.0) * mid[:, None, None]
    total = R + pull
    lengths = np.sqrt(np.einsum("nbk,nbk->nb", g, g)) * (1 + (k + 8) * U)
    bulk = head.phi_norm @ lengths
    spread = fp.dot_unit(n) * bulk + head.phi_norm @ slack + head.phi_rad @ lengths
    computed = norms_of(total)
    size = computed + (spread * fp.sum_up(n) + wrong * length + 3 * U * (norms_of(pull) + computed)) * RAISE + fp.FLOOR
    return Slopes(Z, off, plain, left, np.where(over | np.isnan(size), np.inf, size * RAISE))


def _change(head: Head, choices: Choices, column: int, Z: Array, g: Array, left: Array) -> float:
    """Give one changed row of every member of the batch its new slope, in place; a bound of the errors of these."""
    rows, codes = choices.rows[:, column], choices.codes[:, column]
    there = rows != NONE
    gone = np.flatnonzero(there & (codes == DELETED))
    g[rows[gone], gone] = 0.0
    left[rows[gone], gone] = 0.0
    new = np.flatnonzero(there & (codes != DELETED))
    if not len(new):
        return 0.0
    assert head.codes is not None
    g[rows[new], new], error = head.loss.slopes(Z[rows[new], new], head.codes[codes[new]])
    return error


def _decay(head: Head, choices: Choices) -> tuple[Array, Array]:
    """μ of every member, and what it errs by."""
    pairs = np.array([head.mu(int(d)) for d in choices.deleted])
    return pairs[:, 0], pairs[:, 1]


def norms_of(T: Array) -> Array:
    """Upper bounds of the Frobenius norms of a batch of matrices."""
    flat = T.reshape(len(T), -1)
    return np.asarray(np.sqrt(np.einsum("bi,bi->b", flat, flat)) * fp.sum_up(flat.shape[1]) + fp.FLOOR)


def _distances(head: Head, choices: Choices, V: Array) -> Array:
    """`|∇G|/σ`; without decay of the intercept σ is that of a ball which the refit is proved to lie in."""
    slopes = enclose_slopes(head, choices, V)
    mid, wrong = _decay(head, choices)
    low = (mid - wrong) * (1 - 4 * U)
    if not head.free_intercept:
        return np.asarray(np.where(low > 0, slopes.size / low * ROOM, np.inf))
    found, radius = np.full(len(choices), np.inf), np.zeros(len(choices))
    for _ in range(TRIES):
        sigma = _modulus(head, slopes, low, radius)
        near = slopes.size / sigma * ROOM
        found = np.where((near < radius) & (near < found), near, found)
        radius = np.where(np.isfinite(near), near * 1.5, 0.0)
    return found


def _modulus(head: Head, slopes: Slopes, mu: Array, radius: Array) -> Array:
    """Lower bounds of the modulus of strong convexity of `G_M` on balls about V̂, the intercept without decay (D1b).

    With `D_i` below the curvature of row i on the ball, `s = Σ D_i` and `x̄ = Σ D_i x_i/s`, `Σ D_i|Ux_i + β|² + μ|U|²
    ≥ s|Ux̄ + β|² + μ|U|² ≥ μs/(μ + s + s|x̄|²)·(|U|² + |β|²)`: determinant over trace. Of a sum over the outputs the
    least of theirs.
    """
    reach = (slopes.off + head.phi_norm[:, None] * radius) * RAISE
    each = [_held(head, D * slopes.left, mu) for D in head.loss.floors(slopes.Z, reach, slopes.g)]
    return np.asarray(np.min(each, axis=0))


def _held(head: Head, D: Array, mu: Array) -> Array:
    """`μs/(μ + s + s|x̄|²)` from below."""
    x = head.phi[:, :-1]
    total, mean = D.sum(axis=0), x.T @ D
    low = total * (1 - 2 * fp.dot_unit(head.n))
    off = (head.phi_norm * fp.dot_unit(head.n) + head.phi_rad) @ D * fp.sum_up(head.n)
    high = (np.sqrt(np.einsum("jb,jb->b", mean, mean)) * fp.sum_up(len(mean) + 1) + off) * RAISE
    xi = high / low * RAISE
    return np.asarray(mu * low / ((mu + low + low * xi * xi) * RAISE) * (1 - 4 * U))
