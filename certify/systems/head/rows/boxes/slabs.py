"""The logistic loss on slabs of margins: secants of its slope, and what a linearised row leaves (D5, Lemma 2).

`l(t) = ln(1 + e^{−t})` of the margin `t = s·w`, `p = −l'`, `D = l''`. A slab of a row is `t − lo ≤ t + τ ≤ t + hi`. Any
other loss of one margin with bounded curvature fits by a class with the same methods.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from certify.rigor.activation import activation
from certify.rigor.fp import RAISE, Array, U

Rows = NDArray[np.int64]

THIRD = 0.09622505
"""Above `sup |l'''| = 1/(6√3)` (A6)."""

_STEPS = 6


@dataclass(frozen=True, eq=False)
class Margins:
    """Margins of the rows at a centre.

    Attributes:
        t: float margins.
        off: bounds of `|t − s·w|`.
        p: `p(t)`, and `p_off` its error, that of t included.
        D: floats near `l''(t)`; the theorem lets them be any numbers between the secants. `D_off` bounds the rest.
    """

    t: Array
    off: Array
    p: Array
    p_off: Array
    D: Array
    D_off: Array

    def some(self, rows: Rows) -> Margins:
        """Those of some rows."""
        return Margins(self.t[rows], self.off[rows], self.p[rows], self.p_off[rows], self.D[rows], self.D_off[rows])


def values_at(t: Array, off: Array, proved: bool = True) -> tuple[Array, Array, Array, Array]:
    """`p` and `l''` at margins known up to `off`, each with its error; fast and without promise unless `proved`.

    A curvature changes by at most itself times what the margin does, so that it grows by a factor of less than
    `e^off ≤ 1 + 2·off` on the way, if `off ≤ 1`: where the loss is flat, what a margin is off by does little.
    """
    if not proved:
        p = 0.5 - 0.5 * np.tanh(0.5 * t)
        return p, off, p * (1.0 - p), off
    value, slope = activation("sigmoid").enclose(-t)
    steep = np.where(off <= 1.0, (slope.mid + slope.error) * (1.0 + 2.0 * off) * RAISE, 0.25)
    return (value.mid, (value.error + np.minimum(steep, 0.25) * off) * RAISE, slope.mid,
            (slope.error + np.minimum(steep, THIRD) * off) * RAISE)


def margins(t: Array, off: Array, proved: bool = True) -> Margins:
    """What is known at the centre."""
    return Margins(t, off, *values_at(t, off, proved))


@dataclass(frozen=True, eq=False)
class Secants:
    """`least ≤ (l'(t + τ) − l'(t))/τ ≤ most` on the slab, with D between the two."""

    least: Array
    most: Array


def secants(at: Margins, lo: Array, hi: Array, proved: bool = True) -> Secants:
    """Bounds of the mean curvature over `[t, t + τ]` for all `τ ∈ [−lo, hi]`.

    The mean is quasi-concave in τ: least at an end. On the side of the peak of l'' it grows until it meets l'' beyond
    the peak, and is at most l'' at any earlier point beyond the peak; on the other side it is at most `l''(t)`.

    Args:
        at: the centre.
        lo, hi: nonnegative.
        proved: whether the bounds are to hold; if not they are proposals, and faster.
    """
    n = len(at.t)
    reach = np.concatenate([lo, hi])
    ends = np.concatenate([at.t - lo, at.t + hi])
    off = np.concatenate([at.off, at.off]) + U * (np.abs(ends) + reach)
    p, p_off, curve, curve_off = values_at(ends, off, proved)
    p0, p0_off, D, D_off = (np.tile(v, 2) for v in (at.p, at.p_off, at.D, at.D_off))
    sign = np.concatenate([np.ones(n), -np.ones(n)])
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        mean = sign * (p - p0) / reach
        mean_off = (p_off + p0_off) / reach * RAISE + 4 * U
        mean_least = np.where(reach > 0, mean - mean_off, -np.inf)
        mean_most = np.where(reach > 0, mean + mean_off, np.inf)
    flat_off = np.maximum(curve_off, D_off)
    least = np.maximum(np.fmax(mean_least, np.minimum(curve, D) - flat_off), 0.0)
    # towards the peak: from the left end for t > 0, from the right end for t < 0
    peak = np.concatenate([at.t > 0, at.t <= 0])
    before = reach <= np.abs(np.tile(at.t, 2)) - off
    rising = np.fmin(mean_most, np.maximum(curve, D) + flat_off)
    most = np.where(peak, rising, D + 2.0 * D_off)
    beyond = np.flatnonzero(peak & ~before)
    if len(beyond):
        ends_of = mean_most[beyond], curve[beyond] - curve_off[beyond]
        most[beyond] = _beyond(at, beyond % n, reach[beyond], ends_of, proved)
    return Secants(np.minimum(np.minimum(least[:n], least[n:]), at.D) * (1 - 2 * U),
                   np.maximum(np.maximum(most[:n], most[n:]), at.D) * (1 + 2 * U))


def _beyond(at: Margins, rows: Rows, reach: Array, end: tuple[Array, Array], proved: bool) -> Array:
    """Upper bounds of the mean where the slab reaches past the peak of l''.

    With `u = |t|` and x how far past 0: if `l''(x) ≥ mean over [−u, x]`, the mean is at most `l''(x)` everywhere; if
    this holds at the very end, the mean at the end is the largest.

    Args:
        at: the centre.
        rows, reach: which rows, and how far their slabs reach on that side.
        end: an upper bound of the mean, and a lower bound of l'', at the end.
        proved: as in :func:`secants`.
    """
    end_mean, end_curve = end
    u, off, D = np.abs(at.t[rows]), at.off[rows], at.D[rows]
    far = np.maximum(reach - u, 0.0)
    x = np.log1p(0.5 * u)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # proposals only
        for _ in range(_STEPS):
            s = 1.0 / (1.0 + np.exp(-x))
            slope = s * (1 - s)
            f = slope * (u + x) - (s - 1.0 / (1.0 + np.exp(u)))
            x = np.clip(x + f / np.maximum(slope * (2 * s - 1) * (u + x), 1e-12), 0.0, u)
    x = np.nan_to_num(np.minimum(0.999 * x, far))
    grown = U * (u + x) + off
    both, both_off, curve, curve_off = values_at(np.concatenate([-x, u]), np.concatenate([grown, off]), proved)
    k = len(u)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (both[:k] - both[k:]) / (u + x)
        mean_off = (both_off[:k] + both_off[k:]) / (u + x) * RAISE + 4 * U + 2 * grown / (u + x)
    holds = (x > grown) & (curve[:k] - curve_off[:k] > mean + mean_off)
    bound = np.where(holds, curve[:k] + curve_off[:k], 0.25)
    at_end = end_curve > end_mean
    return np.maximum(np.where(at_end, np.minimum(end_mean, bound), bound), D + 2.0 * at.D_off[rows])


def least_remainder(at: Margins, rows: Rows, il: Array, ih: Array, proved: bool = True) -> Array:
    """Upper bounds of `−min (l'(t+τ) − l'(t) − Dτ)` over `τ ∈ [−il, ih]`, at least 0.

    The remainder is least at the right end, at 0, or for t > 0 at `−2t` or the left end before it.
    """
    t, off, k = at.t[rows], at.off[rows], len(rows)
    left = np.minimum(il, np.maximum(2.0 * t, 0.0))
    tau = np.concatenate([ih, -left])
    ends = np.tile(t, 2) + tau
    spread = np.tile(off, 2) + U * (np.abs(ends) + np.abs(tau))
    p, p_off, _, _ = values_at(ends, spread, proved)
    p0, p0_off, D, D_off = (np.tile(v[rows], 2) for v in (at.p, at.p_off, at.D, at.D_off))
    value = p - p0 + D * tau
    # a turn at −2t, with t known up to off, moves the remainder by less than 2·off·(¼ + ¼)
    error = p_off + p0_off + 2.0 * D_off * np.tile(np.maximum(il, ih), 2) + 4 * U * (1 + np.abs(tau))
    error = (error + np.tile(off, 2)) * RAISE
    worst = np.maximum(value + error, 0.0)
    return np.asarray(np.maximum(worst[:k], worst[k:]))
