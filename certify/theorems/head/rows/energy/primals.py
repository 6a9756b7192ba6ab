"""Upper bounds of the least energy of every changed set at once: a quadratic model of a family of weights (D7).

For a set M of alternatives the weights are `w_M = ŵ + Σ_{l∈M} d_l`. Where h_i bounds the loss's curvature as far as
any M of at most k alternatives moves line i,

    G_M(w_M) ≤ G(ŵ) + Σ_l v_l + Σ_{l<l'} p_ll'.

Fixed weights are the family with d = 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.rigor.activation import activation
from certify.rigor.fp import RAISE, Array, U, dot_unit, row_norms
from certify.theorems.head.rows.energy.entropy import softplus_up
from certify.theorems.head.rows.energy.finder import slopes
from certify.theorems.head.rows.energy.record import short
from certify.theorems.head.rows.energy.rows import Index, Rows

_SAMPLES = 8
"""Places in a line's range at which the mean curvature is bounded."""


@dataclass(frozen=True, eq=False)
class Family:
    """Weights `w_M = ŵ + Σ d_l` with an upper bound of their energies.

    Args:
        centre: `(p,)` ŵ.
        moves: `(L, p)` d_l.
        base: upper bound of G at ŵ with the node's targets.
        single: `(L,)` v_l.
        pair: `(L, L)` p_ll', or None for zeros.
        error: what the sum of a set may be too small by.
    """

    centre: Array
    moves: Array
    base: float
    single: Array
    pair: Array | None
    error: float


def energy_up(rows: Rows, tau: Array, w: Array, z: Array | None = None, doubt: Array | None = None) -> Array:
    """Upper bounds `(B,)` of G_τ(w), for w `(B, p)`; z floats near A w within doubt `(B,)` times the lines' norms."""
    size = row_norms(w)
    if z is None:
        z = w @ rows.A.T
        doubt = dot_unit(rows.A.shape[1]) * size
    moved = doubt * ((1.0 + np.abs(tau).max(initial=1.0)) * rows.norms.sum()) * RAISE
    loss = softplus_up(z) if rows.width == 1 else lse_up(z, rows.width)
    linear = (tau * z).sum(-1)
    rounding = dot_unit(len(rows.A) + 4) * row_norms(tau) * row_norms(z) + 2.0**-50 * np.abs(loss)
    decayed = row_norms(np.where(rows.decayed, w, 0.0))
    above: Array = loss - linear + rounding + moved + 0.5 * rows.mu[1] * decayed * decayed * RAISE + 1e-300
    return above + 4.0 * U * np.abs(above)


def lse_up(z: Array, width: int) -> Array:
    """Upper bounds of `Σ_i log Σ_c e^{z_ic}`, summed over the last axis, by sorting out two outputs at a time."""
    grouped = z.reshape(*z.shape[:-1], -1, width)
    total = grouped[..., 0]
    for c in range(1, width):  # log(e^a + e^b) = max + log(1 + e^−|a−b|)
        other = grouped[..., c]
        total = np.maximum(total, other) + _soft(-np.abs(total - other)) + 2.0**-45 * (1.0 + np.abs(total))
    above: Array = total.sum(-1) + np.abs(total).sum(-1) * (total.shape[-1] + 8) * U
    return above


def _soft(z: Array) -> Array:
    return softplus_up(z[..., None])


def flat(rows: Rows, tau: Array, chosen: Index, w: Array) -> Family:
    """The family of the fixed weights w."""
    base = float(energy_up(rows, tau[None], w[None])[0])
    size = float(row_norms(w[None])[0])
    steps = rows.steps[chosen]
    single = steps @ w
    error = float((dot_unit(len(w)) * row_norms(steps) * size).max(initial=0.0))
    return Family(w, np.zeros_like(steps), base, single, None, error)


def ranges(moved: Array, k: int) -> tuple[Array, Array]:
    """Bounds of the sum of at most k entries of each line of `(N, L)`: −(sum of the k least), the greatest."""
    return -_tops(-moved, k), _tops(moved, k)


def _tops(moved: Array, k: int) -> Array:
    """Sum of the k greatest positive entries of each line."""
    left, total, lines = moved.copy(), np.zeros(len(moved)), np.arange(len(moved))
    for _ in range(min(k, moved.shape[1])):
        at = left.argmax(1)
        total += np.maximum(left[lines, at], 0.0)
        left[lines, at] = -np.inf
    return total


def _curvature_(z: Array, low: Array, high: Array) -> Array:
    """Floats near `curvature_up`, for finders."""
    best = np.zeros_like(z)
    for t in np.linspace(0.0, 1.0, 5):
        for end in (low, high):
            u = 0.5 * np.tanh(0.5 * (z + t * end))
            best = np.maximum(best, 0.25 - u * u)
    return best


def curvature_up(z: Array, low: Array, high: Array) -> Array:
    """Bounds of `2 (f(z + t) − f(z) − f'(z) t)/t²` for every t in [low, high], f the softplus; low ≤ 0 ≤ high.

    It is the mean of σ' on the way with weights 2(1 − s), grows towards the hill of σ' until past it, and changes by a
    factor of at most e^|t − t'| (D7, Lemma 3).
    """
    return np.maximum(_one_side(z, high), _one_side(-z, -low))


def _one_side(z: Array, reach: Array) -> Array:
    """Bounds for t in [0, reach]."""
    softplus = activation("softplus")
    value, slope, bend = softplus.enclose(z, 2)
    before = reach <= -z  # the hill is not reached: the far end is the greatest
    start = np.where(before, reach, np.minimum(np.maximum(-z, 0.0), reach))
    width = (reach - start) / _SAMPLES
    best = np.zeros_like(z)
    for j in range(_SAMPLES + 1):
        t = start + j * width
        there = softplus.enclose(z + t)[0]
        gain = there.mid - value.mid - slope.mid * t
        doubt = (
            there.error
            + value.error
            + slope.error * t
            + 8.0 * U * (np.abs(there.mid) + np.abs(value.mid) + t + np.abs(z))
        )
        mean = 2.0 * (gain + doubt) / np.maximum(t * t, 1e-12)
        small = t < 1e-3
        # within a thousandth the curvature itself is a bound: it changes by a factor e^t at most
        mean = np.where(small, (bend.mid + bend.error) * 1.0011, mean)
        best = np.maximum(best, mean)
    best /= np.maximum(1.0 - 0.5 * width, 1e-3)  # e^x ≤ 1/(1 − x); 1000 and more is cut at a quarter
    best = np.where(width < 1.9, best, 0.25)
    falling = z >= 0.0  # past the hill already: the start is the greatest
    best = np.where(falling, (bend.mid + bend.error) * RAISE, best)
    return np.minimum(best * RAISE, 0.25)


@dataclass(frozen=True, eq=False)
class Moves:
    """How a family moves: `d_l = −damp_l P s_l − shift`, s_l what alternative l adds to the gradient."""

    P: Array
    shift: Array
    damp: Array

    def take(self, kept: Index) -> Moves:
        """The moves of some alternatives."""
        return Moves(self.P, self.shift, self.damp[kept])


def newton_moves(rows: Rows, tau: Array, chosen: Index, k: int, w: Array, rounds: int = 2) -> Moves:
    """Newton steps of a convex model of the energy at w.

    They are not damped one by one: the shift takes back what the centre already holds, whole steps of alternatives.
    """
    z = rows.A @ w
    q = slopes(rows, z)
    g = (q - tau) @ rows.A + rows.ridge * w
    steps = rows.steps[chosen]
    h = np.maximum(1.3 * q * (1.0 - q), 1e-12)
    for _ in range(rounds):
        P = np.linalg.inv((rows.A.T * h) @ rows.A + np.diag(rows.ridge))
        moves = Moves(short(P), short(P @ g / k), np.ones(len(chosen)))
        h = _curvature_(z, *(0.6 * end for end in ranges(rows.A @ along(moves, steps).T, k)))
    return moves


def along(moves: Moves, steps: Array) -> Array:
    """`(L, p)` d_l as floats."""
    d: Array = -moves.damp[:, None] * (steps @ moves.P) - moves.shift
    return d


def bowl(rows: Rows, tau: Array, chosen: Index, k: int, w: Array, how: Moves) -> Family:
    """The quadratic upper model of given moves around w, with what rounding may hide."""
    moves = along(how, rows.steps[chosen])
    moved = rows.A @ moves.T
    p, count = rows.A.shape[1], len(rows.A)
    steps = rows.steps[chosen]
    size, reach = float(row_norms(w[None])[0]), float(row_norms(moves).max(initial=0.0))
    z = rows.A @ w
    shift = dot_unit(p) * rows.norms  # a line's product with a vector of length 1 is off by at most this
    low, high = ranges(moved, k)
    slack = (shift * (size + 2.0 * k * reach)) * RAISE + (k + 4) * U * (np.abs(low) + np.abs(high))
    h = curvature_up(z, low - slack, high + slack)
    h = np.minimum(h * (1.0 + 2.0 * slack) * RAISE, 0.25)  # z is off by at most slack, and |σ''| ≤ σ'
    h = np.where(slack < 1.0, h, 0.25)
    slope = activation("sigmoid").enclose(z)[0]
    off = slope.mid - tau
    g = off @ rows.A + rows.mu[1] * np.where(rows.decayed, w, 0.0)
    g_error = (
        float(row_norms((slope.error + 0.25 * shift * size)[None] * rows.norms[None])[0]) * np.sqrt(count)
        + dot_unit(count + 4) * rows.size * float(row_norms(off[None])[0])
        + (4.0 * U * rows.mu[1] + (rows.mu[1] - rows.mu[0])) * size
    ) * RAISE
    root = np.sqrt(h)
    scaled = np.concatenate([moved.T * root, np.sqrt(rows.mu[1]) * moves[:, rows.decayed]], 1)
    bent = scaled @ scaled.T
    cross = steps @ moves.T
    pair = bent + cross + cross.T
    single = steps @ w + moves @ g + 0.5 * np.diag(bent) + np.diag(cross)
    long, step = float(row_norms(scaled).max(initial=0.0)), float(row_norms(steps).max(initial=0.0))
    hidden = float(row_norms((root * shift)[None])[0]) * reach
    one = dot_unit(p + 8) * (step * (size + reach) + float(row_norms(g[None])[0]) * reach) + g_error * reach
    two = dot_unit(count + p + 16) * long * long + 2.0 * hidden * (long + hidden) + dot_unit(p) * step * reach * 2.0
    np.fill_diagonal(pair, 0.0)
    error = float((one + two + k * two) * RAISE)
    return Family(w, moves, float(energy_up(rows, tau[None], w[None])[0]), single, pair, error)
