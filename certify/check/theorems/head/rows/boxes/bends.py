"""How much the loss of a row bends away from its parabola on a slab, in balls (D5b).

`g(τ) = 2(l'(t + τ) − l'(t) − l''(t)τ)/τ²` is the mean of `l'''(t + sτ)` with the weight 2(1 − s). By Taylor its second
derivative is at most `sup|l⁽⁵⁾|/6 ≤ 1/30`, as `l⁽⁵⁾ = l'''(1 − 12l'')` and `|l'''| < 0.1`: it lies at most `w²/240`
outside of its values at points that are w apart. It lies in the range of l''' too.
"""

from __future__ import annotations

from math import ceil

from flint import arb

from certify.check.theorems.head.rows.boxes.slabs import slope

POINTS, APART = 12, 4
"""Most points on one side of the centre, and how many there are in a unit if that is no more."""


def third(p: arb, D: arb) -> arb:
    """`l''' = −p(1 − p)(1 − 2p)`."""
    return -D * (1 - 2 * p)


def bends(t: arb, p: arb, D: arb, lo: float, hi: float) -> tuple[float, float]:
    """Doubles below and above g on `[−lo, hi]`, lo and hi positive; p and D are those at t."""
    ends = slope(t - lo), slope(t + hi)
    least, most = _range_of_third(t, arb(lo), arb(hi), [third(*v) for v in ends])
    middle = third(p, D)
    low, high = float(middle.lower()), float(middle.upper())
    for far, sign in ((lo, -1), (hi, 1)):
        m = min(max(ceil(far * APART), 1), POINTS)
        room = (far / m) ** 2 / 240 * (1 + 1e-12)
        values = []
        for a in range(1, m + 1):
            x = arb(far) * a / m
            there = slope(t + x * sign)[0] if a < m else ends[sign > 0][0]
            values.append(2 * (p - there - D * (x * sign)) / (x * x))
        low = min(low, *(float(v.lower()) - room for v in values), float(middle.lower()) - room)
        high = max(high, *(float(v.upper()) + room for v in values), float(middle.upper()) + room)
        if not all(v.is_finite() for v in values):  # a comparison would pass it by
            return least, most
    return max(least, low - 1e-16), min(most, high + 1e-16)


def _range_of_third(t: arb, lo: arb, hi: arb, ends: list[arb]) -> tuple[float, float]:
    """Bounds of l''' over `[t − lo, t + hi]`: it is monotone but for its extremes `∓1/(6√3)` at `±ln(2 + √3)`."""
    a, b = t - lo, t + hi
    turn_at, extreme = (2 + arb(3).sqrt()).log(), 1 / (6 * arb(3).sqrt())
    least, greatest = ends[0].min(ends[1]), ends[0].max(ends[1])
    if not (a > turn_at or b < turn_at):
        least = -extreme
    if not (a > -turn_at or b < -turn_at):
        greatest = extreme
    low, high = float(least.lower()), float(greatest.upper())
    return low - abs(low) * 2.0**-50 - 1e-18, high + abs(high) * 2.0**-50 + 1e-18
