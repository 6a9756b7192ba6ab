"""D1: how near a refit is to any proposed weights: `|V(M) − V̂| ≤ |∇G_M(V̂)|/σ`, for whole batches of changes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.rigor.split import split_product, split_unit
from certify.systems.head.rows import plainly
from certify.systems.head.rows.change import DELETED, NONE, Choices
from certify.systems.head.rows.head import Head, Whole
from certify.systems.head.rows.plainly import norms_of

LARGE = 150
"""Weights of a head from which on the curvature of every row by itself is worth its time."""

AT_ONCE = 1 << 18
"""Entries of the largest array that is worked on at a time: what fits into the cache of a core."""

TRIES = 4
"""Balls that are tried where the intercept carries no decay."""

ROOM = 1.0 + 2.0**-20
"""Factor on every distance: a checker has rounding of its own."""


@dataclass(frozen=True, eq=False)
class Slopes:
    """The gradients of a batch at proposed weights.

    Attributes:
        Z: `(n, B, k)` outputs in floats.
        unit: `(n,)` how much outputs may err, of weights of length 1, as vectors.
        g, error: `(n, B, k)` slopes at the outputs that floats find, and the error of every entry.
        length: `(B,)` upper bounds of the lengths of the weights.
        gradient: `(B, k, m)` in floats.
        size: `(B,)` upper bounds of `|∇G_M(V̂)|`.
    """

    Z: Array
    unit: Array
    g: Array
    error: float
    length: Array
    gradient: Array
    size: Array

    @property
    def off(self) -> Array:
        """`(n, B)` bounds of the errors of outputs, as vectors."""
        return self.unit[:, None] * self.length * RAISE


def enclose_refits(head: Head, choices: Choices, V: Array, fine: bool = False) -> Array:
    """Upper bounds of the distance from proposed weights to the refit after each change of a batch (D1).

    Args:
        head: the head.
        choices: `B` changes.
        V: `(B, k, m)` float64 weights from anywhere; the better they are the smaller the bound.
        fine: whether products take three times as long and hardly round, where the head lets them.

    Returns:
        `(B,)` distances, infinite where nothing is proved. With a free intercept and a shifted loss the distance is to
        one of the refits, which all have the same differences of outputs. Of a head that is `fine` they hold for what
        outputs move by, at most these times `points_norm`, and not for weights.
    """
    if not head.read_off:
        return plainly.enclose_refits(head, choices, V)
    return refits_and_gradients(head, choices, V, fine)[0]


def refits_and_gradients(head: Head, choices: Choices, V: Array, fine: bool = False) -> tuple[Array, Array]:
    """The same, and the gradients `(B, k, m)` in floats, of which nothing is promised."""
    found, gradients = np.full(len(choices), np.inf), np.empty_like(V)
    step = max(1, AT_ONCE // (head.n * head.k))
    with np.errstate(all="ignore"):
        for start in range(0, len(choices), step):
            at = slice(start, start + step)
            good = np.asarray(np.isfinite(V[at]).all(axis=(1, 2)))
            trial = np.where(good[:, None, None], V[at], 0.0)
            near, gradients[at] = _distances(head, choices.part(at), trial, fine)
            found[at] = np.where(good & np.isfinite(near), near, np.inf)
    return found, gradients


def gradient_size(head: Head, choices: Choices, V: Array) -> Array:
    """Upper bounds `(B,)` of `|∇G_M(V̂)|` for a batch."""
    if head.read_off:
        return enclose_slopes(head, choices, V).size
    return plainly.enclose_slopes(head, choices, V).size


def enclose_slopes(head: Head, choices: Choices, V: Array, fine: bool = False) -> Slopes:
    """`∇G_M(V̂) = Σ_i ∇ℓ_i ⊗ φ_i + μ_M V̂` for a batch, with everything that rounding and frozen layers leave open.

    Args:
        head: the head.
        choices: B changes.
        V: `(B, k, m)` weights.
        fine: whether products take three times as long and round by hundreds of times less.
    """
    (B, k, m), n = V.shape, head.n
    flat = V.transpose(1, 0, 2).reshape(k * B, m)  # refits last, in memory: what is done to a row goes along them
    Z = split_product(head.phi, flat) if fine else head.phi @ flat.T
    Z = np.asarray(Z.reshape(n, k, B).transpose(0, 2, 1))
    over = np.zeros(B, dtype=bool) if np.isfinite(Z).all() else np.asarray(~np.isfinite(Z).all(axis=(0, 2)))
    Z[:, over] = 0.0  # of these nothing is known
    length = np.sqrt(np.einsum("bkm,bkm->b", V, V)) * fp.sum_up(k * m) + fp.FLOOR
    g, error = head.loss.slopes(Z, head.Y[:, None, :])
    error += sum(_change(head, choices, column, g) for column in range(choices.rows.shape[1]))
    turned = g.transpose(0, 2, 1).reshape(n, k * B)
    R = split_product(head.phi.T, turned.T) if fine else head.phi.T @ turned
    R = np.asarray(R.reshape(m, k, B).transpose(2, 1, 0))
    mid, wrong = _decay(head, choices)
    pull = np.where(head.decayed, V, 0.0) * mid[:, None, None]
    total = R + pull
    unit = np.asarray(((split_unit(m) if fine else fp.dot_unit(m)) * head.phi_norm + head.phi_rad) * RAISE)
    moved = float(head.phi_norm @ unit) * length if fine else _moved(head, V, length)
    spread = (_fine_spread if fine else _spread)(head, g) + head.loss.lipschitz * moved
    spread = spread + float(np.sqrt(k) * error * head.phi_norm.sum())
    computed = norms_of(total)
    size = computed + (spread * fp.sum_up(n) + wrong * length + 3 * U * (norms_of(pull) + computed)) * RAISE + fp.FLOOR
    return Slopes(Z, unit, g, error, length, total, np.where(over, np.inf, size * RAISE))


def _moved(head: Head, V: Array, length: Array) -> Array:
    """`Σ_i |φ_i|·(what the output of row i errs by, as a vector)`, by the norms of inputs or with even columns."""
    plain, even = (float(head.phi_norm @ norms) for norms in (head.phi_norm, head.even[1]))
    rounded = fp.dot_unit(head.m) * np.minimum(plain * length, even * head.even_lengths(V))
    return np.asarray((rounded + float(head.phi_norm @ head.phi_rad) * length) * RAISE * fp.sum_up(head.n))


def _spread(head: Head, g: Array) -> Array | float:
    """What `Σ g_i ⊗ φ_i` errs by for the slopes g as they are: rounding, and what the rows leave open."""
    if np.isfinite(head.loss.steepest) and not head.phi_rad.any():
        return float(fp.dot_unit(head.n) * head.loss.steepest * head.phi_norm.sum())
    lengths = np.sqrt(np.einsum("nbk,nbk->nb", g, g)) * (1 + (g.shape[2] + 8) * U)
    return np.asarray((fp.dot_unit(head.n) * head.phi_norm + head.phi_rad) @ lengths)


def _fine_spread(head: Head, g: Array) -> Array:
    """The same of products by slices."""
    lengths = np.sqrt(np.einsum("nbk,nbk->nb", g, g)) * (1 + (g.shape[2] + 8) * U)
    whole = np.sqrt(np.einsum("nb,nb->b", lengths, lengths)) * fp.sum_up(head.n)
    size = float(fp.row_norms(head.phi_norm[None, :])[0])
    return np.asarray(split_unit(head.n) * size * whole * RAISE + head.phi_rad @ lengths)


def _change(head: Head, choices: Choices, column: int, g: Array) -> float:
    """Give one changed row of every member of the batch its new slope, in place; what their errors grow by."""
    rows, codes = choices.rows[:, column], choices.codes[:, column]
    there = rows != NONE
    gone = np.flatnonzero(there & (codes == DELETED))
    g[rows[gone], gone] = 0.0
    new = np.flatnonzero(there & (codes != DELETED))
    if not len(new):
        return 0.0
    assert head.codes is not None
    moved = g[rows[new], new] + head.loss.moves(head.Y[rows[new]], head.codes[codes[new]])
    g[rows[new], new] = moved
    return float(2 * U * (np.max(np.abs(moved), initial=0.0) + head.largest) * RAISE)


def _decay(head: Head, choices: Choices) -> tuple[Array, Array]:
    """μ of every member, and what it errs by."""
    deleted = choices.deleted
    pairs = np.array([head.mu(d) for d in range(int(deleted.max(initial=0)) + 1)])
    return pairs[deleted, 0], pairs[deleted, 1]


def _distances(head: Head, choices: Choices, V: Array, fine: bool) -> tuple[Array, Array]:
    """`|∇G|/σ`, and ∇G; without decay of the intercept σ is that of a ball which the refit is proved to lie in."""
    slopes = enclose_slopes(head, choices, V, fine or head.fine)
    mid, wrong = _decay(head, choices)
    low = (mid - wrong) * (1 - 4 * U)
    if not head.free_intercept:
        return np.asarray(np.where(low > 0, slopes.size / low * ROOM, np.inf)), slopes.gradient
    found, radius = np.full(len(choices), np.inf), np.zeros(len(choices))
    held = _held(head, choices, slopes)
    for _ in range(TRIES):
        sigma = _modulus(head, slopes, held, low, radius)
        near = slopes.size / sigma * ROOM
        found = np.where((near < radius) & (near < found), near, found)
        radius = np.where(np.isfinite(near), near * 1.5, 0.0)
    large = head.k > 1 and head.k * head.m >= LARGE  # Newton's steps bring weights of small heads near in less time
    lost = np.flatnonzero(~np.isfinite(found) & np.isfinite(slopes.size)) if large else found[:0]
    if len(lost):
        found[lost] = _row_by_row(head, choices, slopes, low, lost)
    if head.fine:
        near, away = _from_means(head, choices, V, slopes)
        nearest = float(head.points_norm.min(initial=np.inf))
        # labels alone are read off these: near·(|φ| + |t|·away) is what an output moves by, t the intercept's entry
        away = away * float(np.abs(head.points[:, -1]).max(initial=0.0)) * RAISE
        found = np.fmin(found, near * (1.0 + away / nearest) * RAISE)
    return found, slopes.gradient


def _row_by_row(head: Head, choices: Choices, slopes: Slopes, mu: Array, which: Whole) -> Array:
    """The same for some, the curvature of every row falling by what its own outputs move: a few rows may be long."""
    D = _curvatures(head, choices, slopes)[:, which]
    x, size, mu = head.phi[:, :-1], slopes.size[which], mu[which]
    found, radius = np.full(len(which), np.inf), np.zeros(len(which))
    for _ in range(TRIES):
        reach = (slopes.unit[:, None] * slopes.length[which] + head.phi_norm[:, None] * radius) * RAISE
        s, away = _mean_of(head, D * _left(head, reach), x)
        sigma = mu * s / ((mu + s + s * away * away) * RAISE) * (1 - 4 * U)
        near = size / sigma * ROOM
        found = np.where((near < radius) & (near < found), near, found)
        radius = np.where(np.isfinite(near), near * 1.5, 0.0)
    return found


def from_means(head: Head, choices: Choices, V: Array) -> tuple[Array, Array]:
    """Of a head with a free intercept: distances of `(U, β + Ux̄)`, x̄ the mean of the rows by curvature, and `|x̄|`.

    Euclidean distances are at most `2 + |x̄|` times these; an output at x moves by at most these times `|φ| + |x̄|`.

    Args:
        head, choices, V: as of :func:`enclose_refits`.
    """
    with np.errstate(all="ignore"):
        return _from_means(head, choices, V, enclose_slopes(head, choices, V, head.fine))


def _from_means(head: Head, choices: Choices, V: Array, slopes: Slopes) -> tuple[Array, Array]:
    """D1b from a middle of the rows, for every change its own: their mean by the curvature at its own weights."""
    mid, wrong = _decay(head, choices)
    mu = (mid - wrong) * (1 - 4 * U)
    D = _curvatures(head, choices, slopes)
    total = D.sum(axis=0)
    low = total * (1 - 2 * fp.dot_unit(head.n))
    x = head.phi[:, :-1]
    mean = np.where(total > 0, (x.T @ D) / total, 0.0)  # (p, B), any floats
    away = np.sqrt(np.einsum("jb,jb->b", mean, mean)) * fp.sum_up(len(mean) + 1)
    # what the mean of the rows is from these floats: rounding alone
    lost = 2 * (head.phi_norm * fp.dot_unit(head.n + 2) + head.phi_rad) @ D * fp.sum_up(head.n) / low
    lost = (lost + 4 * U * away) * RAISE
    g = slopes.gradient
    raw = np.sqrt(np.einsum("bkm,bkm->b", g, g)) * (1 - (g[0].size + 8) * U)
    error = np.maximum(slopes.size - raw, 0.0) * RAISE
    T = np.concatenate([g[:, :, :-1] - g[:, :, -1:] * mean.T[:, None, :], g[:, :, -1:]], axis=2)
    rounded = 4 * U * (1.0 + away) * norms_of(g)
    size = (norms_of(T) + rounded + error * np.sqrt(2.0 + away * away)) * RAISE
    longest = (float(head.phi_norm.max()) + away) * RAISE
    found, radius = np.full(len(choices), np.inf), np.zeros(len(choices))
    for _ in range(TRIES):
        reach = (float(slopes.unit.max()) * slopes.length + longest * radius) * RAISE
        s = low * _left(head, reach)
        sigma = mu * s / ((mu + s + s * lost * lost) * RAISE) * (1 - 4 * U)
        near = size / sigma * ROOM
        found = np.where((near < radius) & (near < found), near, found)
        radius = np.where(np.isfinite(near), near * 1.5, 0.0)
    return found, away


def _curvatures(head: Head, choices: Choices, slopes: Slopes) -> Array:
    """`(n, B)` lower bounds of the curvature of every row at V̂, 0 of deleted ones."""
    D = head.loss.curvatures(slopes.g, slopes.error)
    for rows, codes in zip(choices.rows.T, choices.codes.T, strict=True):
        gone = np.flatnonzero((rows != NONE) & (codes == DELETED))
        D[rows[gone], gone] = 0.0
    return D


def _held(head: Head, choices: Choices, slopes: Slopes) -> tuple[Array, Array]:
    """Per member `s = Σ D_i` from below and `|Σ D_i x_i|/s` from above, D_i the curvature of row i at V̂ (D1b)."""
    return _mean_of(head, _curvatures(head, choices, slopes), head.phi[:, :-1])


def _mean_of(head: Head, D: Array, x: Array) -> tuple[Array, Array]:
    """`s = Σ D_i` from below and `|Σ D_i x_i|/s` from above."""
    total, mean = D.sum(axis=0), x.T @ D
    low = total * (1 - 2 * fp.dot_unit(head.n))
    off = (head.phi_norm * fp.dot_unit(head.n) + head.phi_rad) @ D * fp.sum_up(head.n)
    high = (np.sqrt(np.einsum("jb,jb->b", mean, mean)) * fp.sum_up(len(mean) + 1) + off) * RAISE
    return low, high / low * RAISE


def _modulus(head: Head, slopes: Slopes, held: tuple[Array, Array], mu: Array, radius: Array) -> Array:
    """Lower bounds of the modulus of strong convexity of `G_M` on balls about V̂, the intercept without decay (D1b).

    With `D_i` below the curvature of row i on the ball, `s = Σ D_i` and `x̄ = Σ D_i x_i/s`, `Σ D_i|Ux_i + β|² + μ|U|²
    ≥ s|Ux̄ + β|² + μ|U|² ≥ μs/(μ + s + s|x̄|²)·(|U|² + |β|²)`: determinant over trace. All D_i shrink by one factor,
    which leaves x̄ as it is.
    """
    reach = (float(slopes.unit.max()) * slopes.length + float(head.phi_norm.max()) * radius) * RAISE
    low = held[0] * _left(head, reach)
    return np.asarray(mu * low / ((mu + low + low * held[1] * held[1]) * RAISE) * (1 - 4 * U))


def _left(head: Head, reach: Array) -> Array | float:
    """What is left of curvatures where outputs move by `reach` at most: `e^(−t) ≥ (1 − t/8)₊⁸`."""
    falls = np.fmax(1.0 - head.loss.fading * reach * (RAISE / 8), 0.0) if head.loss.fading else 1.0
    return falls**8 * (1 - 2.0**-48)
