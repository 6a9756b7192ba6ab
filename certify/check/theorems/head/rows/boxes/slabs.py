"""The logistic loss of a margin on slabs, in balls: secants of its slope, and the least remainder (D5, Lemma 2)."""

from __future__ import annotations

from math import exp, log1p

from flint import arb

from certify.check.linalg.balls import ONE, ZERO
from certify.check.theorems.head.rows.boxes.fixed_rows import WEIGHT

QUARTER = arb(1) / 4
SCALE = float(2**WEIGHT)
SURE = 2.0 ** (-WEIGHT - 2)


def slope(t: arb) -> tuple[arb, arb]:
    """`p = 1/(1 + e^t)` and `p(1 − p)`, the negative slope and the curvature of `ln(1 + e^−t)`."""
    if t > 0:
        e = (-t).exp()
        q = 1 / (1 + e)
        p = e * q
        return p, p * q
    e = t.exp()
    p = 1 / (1 + e)
    return p, e * p * p


def below(x: arb) -> int:
    """A whole number of `2^−WEIGHT` not above a mean curvature x, at least 0; 0 where nothing is known of it."""
    y = x if x.rad() < SURE else x.lower()
    # times a power of two: exact; the double is off by at most 2^-54
    return max(int(float(y) * SCALE) - 2, 0) if y.is_finite() else 0


def above(x: arb) -> int:
    """A whole number of `2^−WEIGHT` not below a mean curvature x; one beyond all of them where nothing is known."""
    y = x if x.rad() < SURE else x.upper()
    return int(float(y) * SCALE) + 2 if y.is_finite() else 1 << WEIGHT


def weights(t: arb, p: arb, D: arb, lo: arb, hi: arb) -> tuple[int, int]:
    """Bounds of the mean of the curvature over `[t, t + τ]`, `τ ∈ [−lo, hi]`, in `2^−WEIGHT`; lo, hi > 0.

    As a function of τ the mean rises while it is below the curvature at `t + τ` and falls after, on each side; so its
    least value is at an end. It is below l''(t) on the side away from 0.
    """
    left = (slope(t - lo)[0] - p) / lo
    right = (p - slope(t + hi)[0]) / hi
    least = left if left < right else right if right < left else left.min(right)
    if t > 0:
        most = left if lo < t else beyond(t, lo, left)
    elif t < 0:
        most = right if hi < -t else beyond(-t, hi, right)
    else:
        most = QUARTER
    return min(below(least), below(D)), max(above(most), above(D))


def beyond(u: arb, reach: arb, mean: arb) -> arb:
    """Upper bound of the mean over `[−u, x]` for all `x ≤ reach − u`, u > 0, given the mean at the end.

    At x > 0 with l''(x) at least the mean over `[−u, x]`, no later mean exceeds l''(x), nor does an earlier one.
    """
    end = slope(reach - u)[1]
    if end > mean:
        return mean  # it still rises at the end
    at = float(u)
    x = log1p(at / 2) if at < 600 else 6.0
    for _ in range(6):
        s = 1 / (1 + exp(-x))
        curve = s * (1 - s)
        fall = curve * (2 * s - 1) * (at + x)
        f = curve * (at + x) - (s - 1 / (1 + exp(min(at, 600.0))))
        x = min(max(x + f / fall, 0.0), at) if fall > 1e-12 else x
    point = arb(0.999 * x)
    curve_there = slope(point)[1]
    if point > 0 and curve_there > (slope(-point)[0] - slope(u)[0]) / (u + point):
        return curve_there
    return QUARTER


def remainder(t: arb, p: arb, D: arb, il: arb, ih: arb) -> arb:
    """Upper bound of `−(l'(t + τ) − l'(t) − Dτ)` over `τ ∈ [−il, ih]`, at least 0.

    Its derivative `D − l''(t + τ)` vanishes at τ = 0 and −2t alone. For t > 0 it grows up to −2t, falls to 0 and grows
    from there; for t < 0 it grows up to its value 0 at 0, falls to −2t and grows from there. So it is at most 0 or its
    value at the right end, and for t > 0 that at −2t, or at the left end if that comes first.
    """
    worst = (slope(t + ih)[0] - p + D * ih).max(ZERO)
    if not t < 0:
        turn = il.min(2 * t.max(ZERO))
        worst = worst.max(slope(t - turn)[0] - p - D * turn)
    return worst if worst.is_finite() else ONE / 0
