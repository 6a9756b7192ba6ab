"""D5b: how much the logistic loss of a row bends away from its parabola on a slab.

`g(τ) = 2(l'(t + τ) − l'(t) − l''(t)τ)/τ² = 2∫₀¹ (1 − s) l'''(t + sτ) ds`, so `|g''| ≤ sup |l⁽⁵⁾|/6 ≤ 1/30`: between two
points that are w apart g exceeds the larger of its values there by at most `w²/240`.
"""

from __future__ import annotations

import numpy as np

from certify.rigor.activation import activation
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.boxes.slabs import THIRD, Margins, values_at

STEPS, LONGEST = 12, 0.25
"""Most points on each side of the centre, and how far apart they are if so many suffice."""

CURVE = 1.0 / 240.0
TURN = 1.3169578969
"""Near `ln(2 + √3)`, where l''' has its extremes; `NEAR` of it they are taken to be inside."""

NEAR = 1e-8


def bends(at: Margins, lo: Array, hi: Array) -> Array:
    """(2, n) bounds of g on `[−lo, hi]`: from points on the slab, and from the range of l''' there."""
    plain = third_range(at, lo, hi)
    middle = _third(at.t, at.off)
    least, most = middle.copy(), middle.copy()
    for sign, far in ((-1.0, lo), (1.0, hi)):
        count = np.clip(np.ceil(far / LONGEST), 1, STEPS)
        ends = middle.copy()
        for a in range(1, int(count.max(initial=1.0)) + 1):
            value = _value(at, sign * far * np.minimum(a / count, 1.0))
            ends = np.stack([np.minimum(ends[0], value[0]), np.maximum(ends[1], value[1])])
        room = (far / count) ** 2 * CURVE * RAISE
        least = np.stack([np.minimum(least[0], ends[0] - room), least[1]])
        most = np.stack([most[0], np.maximum(most[1], ends[1] + room)])
    return np.stack([np.maximum(plain[0], least[0] - 4.0 * U), np.minimum(plain[1], most[1] + 4.0 * U)])


def _value(at: Margins, tau: Array) -> Array:
    """Bounds of g at one τ for each row, not 0."""
    ends = at.t + tau
    p, p_off, _, _ = values_at(ends, at.off + U * (np.abs(ends) + np.abs(tau)))
    error = (p_off + at.p_off + (at.D_off + 4.0 * U) * np.abs(tau) + 4.0 * U) * RAISE
    mid, half = at.p - p - at.D * tau, 0.5 * tau * tau
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        found = np.stack([mid - error, mid + error]) / half
        found = found + np.array([[-8.0], [8.0]]) * U * np.abs(found)
    return np.where(half > 0.0, found, np.array([[-np.inf], [np.inf]]))


def _third(t: Array, off: Array) -> Array:
    """Lower and upper bounds of `l''' = −p(1 − p)(1 − 2p)` at margins known up to off."""
    value, slope = activation("sigmoid").enclose(-t)
    mid = -slope.mid * (1.0 - 2.0 * value.mid)
    error = (slope.error + 0.5 * value.error + 0.125 * off + 4.0 * U) * RAISE  # |l''''| ≤ 1/8
    return np.stack([mid - error, mid + error])


def third_range(at: Margins, lo: Array, hi: Array) -> Array:
    """Bounds of l''' on the slabs: it is monotone between its extremes at ±ln(2 + √3)."""
    a, b = at.t - lo, at.t + hi
    off = at.off + U * (np.abs(a) + np.abs(b) + np.abs(at.t))
    ends = np.stack([_third(a, off), _third(b, off)])
    low, high = ends[:, 0].min(axis=0), ends[:, 1].max(axis=0)

    def within(x: float) -> Array:
        return np.asarray((a - off <= x + NEAR) & (b + off >= x - NEAR))

    return np.stack([np.where(within(TURN), -THIRD, low), np.where(within(-TURN), THIRD, high)])
