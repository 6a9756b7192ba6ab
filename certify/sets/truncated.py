"""Distances of unbounded sets: `d̂_ρ`, `d_ρ` and their integral (Rockafellar and Wets, 4.36 to 4.42)."""

from __future__ import annotations

import heapq
from fractions import Fraction
from itertools import count, product
from typing import Any

from certify.format.errors import InputError
from certify.rigor import fp
from certify.sets.ball import Ball
from certify.sets.base import ClosedSet, same_dimension
from certify.sets.exact.rational import Vector, number, square, vector, whole
from certify.sets.excess import excess_where_met
from certify.sets.extent import Extent, between, largest, root, roots

CELLS = 600

FARTHEST = 700
"""Radius beyond which `e^{−ρ}` is of no account."""


def _window(C: ClosedSet, radius: Any, centre: Any) -> Ball:
    at = (0,) * C.dimension if centre is None else centre
    window = Ball(vector(at, "centre", C.dimension), radius)
    if window.radius <= 0:
        raise InputError("radius", f"{radius}", "give a positive radius")
    return window


def truncated_hausdorff(C: ClosedSet, D: ClosedSet, radius: Any, centre: Any = None) -> Extent:
    """`d̂_ρ(C, D) = inf {η ≥ 0 : C ∩ ρB ⊂ D + ηB, D ∩ ρB ⊂ C + ηB}`, with ρB around `centre` (default 0).

    A set that the ball does not meet adds 0. There is no triangle inequality.

    >>> from certify.sets import Polyhedron
    >>> C, D = Polyhedron.affine([[0, 1]], [0]), Polyhedron.affine([["-1/2", 1]], [0])
    >>> round(truncated_hausdorff(C, D, 1).upper, 6)
    0.447214
    """
    same_dimension(C, D)
    window = _window(C, radius, centre)
    return largest([_cut(C, D, window), _cut(D, C, window)])


def _cut(C: ClosedSet, D: ClosedSet, window: Ball) -> Extent:
    found = excess_where_met(C, D, window)
    return root(Fraction(0)) if found is None else found


def rho_distance(
    C: ClosedSet, D: ClosedSet, radius: Any, centre: Any = None, tolerance: float = 1e-2, cells: int = CELLS
) -> Extent:
    """`d_ρ(C, D) = max {|d(x, C) − d(x, D)| : |x − centre| ≤ ρ}`, enclosed.

    Between `d̂_ρ` and `d̂_ρ'`, `ρ' = 2ρ + max(d(centre, C), d(centre, D))`; then by branch and bound over
    boxes, on which the difference grows by at most twice the half-diagonal (S7).

    Args:
        C, D: closed sets of one space.
        radius: ρ > 0.
        centre: default 0.
        tolerance: relative gap that is aimed at.
        cells: most boxes that are looked at; the ends are valid whenever it stops.
    """
    same_dimension(C, D)
    window = _window(C, radius, centre)
    off = max(C.distance(window.centre).upper, D.distance(window.centre).upper)
    wide = 2 * window.radius + Fraction(off)
    lower = Fraction(truncated_hausdorff(C, D, window.radius, window.centre).lower)
    cap = Fraction(truncated_hausdorff(C, D, wide, window.centre).upper)
    order = count()
    heap: list[tuple[Fraction, int, Vector, Fraction]] = [(-cap, next(order), window.centre, window.radius)]
    for _ in range(cells):
        if not heap or -heap[0][0] - lower <= tolerance * -heap[0][0]:
            break
        bound, _, middle, half = heapq.heappop(heap)
        half /= 2
        for shift in product((-half, half), repeat=len(middle)):
            m = tuple(a + b for a, b in zip(middle, shift, strict=True))
            near = tuple(max(abs(a - c) - half, Fraction(0)) for a, c in zip(m, window.centre, strict=True))
            if square(near) > window.radius**2:
                continue
            c, d = C.distance(m), D.distance(m)
            if window.contains(m):
                lower = max(lower, Fraction(c.lower) - Fraction(d.upper), Fraction(d.lower) - Fraction(c.upper))
            growth = 2 * roots(len(m) * half * half)[1]
            top = max(Fraction(c.upper) - Fraction(d.lower), Fraction(d.upper) - Fraction(c.lower)) + growth
            heapq.heappush(heap, (max(bound, -top), next(order), m, half))
    upper = max(lower, -heap[0][0]) if heap else lower
    reason = "" if upper - lower <= tolerance * upper else f"{cells} boxes were not enough for {tolerance:g}"
    return Extent(max(fp.down(lower), 0.0), fp.up(upper), reason=reason)


def integrated_distance(
    C: ClosedSet, D: ClosedSet, centre: Any = None, farthest: float = 12.0, steps: int = 24
) -> Extent:
    """`∫₀^∞ e^{−ρ} d_ρ(C, D) dρ`, a metric of closed sets, enclosed.

    `d_ρ` is nondecreasing and at most `max(d(centre, C), d(centre, D)) + ρ`: sums from both sides up to `farthest`, and
    the tail (S8).
    """
    same_dimension(C, D)
    at = vector((0,) * C.dimension if centre is None else centre, "centre", C.dimension)
    end, steps = number(farthest, "farthest"), whole(steps, "steps", 1)
    if not 0 < end < FARTHEST:
        raise InputError("farthest", f"{farthest}", f"give a number between 0 and {FARTHEST}")
    offs = [s.distance(at) for s in (C, D)]
    off = Fraction(max(e.upper for e in offs))
    start = max(Fraction(a.lower) - Fraction(b.upper) for a, b in (offs, offs[::-1]))
    grid = [end * k / steps for k in range(steps + 1)]
    values = [between(start, off), *(rho_distance(C, D, rho, at, cells=60) for rho in grid[1:])]
    lower, upper = Fraction(0), Fraction(0)
    floor = Fraction(0)
    for k in range(steps):
        weight_low, weight_high = _weight(grid[k], grid[k + 1])
        floor = max(floor, Fraction(values[k].lower))
        lower += floor * weight_low
        upper += min(Fraction(values[k + 1].upper), off + grid[k + 1]) * weight_high
    last_low, last_high = _exponential(grid[-1])
    lower += max(floor, Fraction(values[-1].lower)) * last_low
    upper += (off + grid[-1] + 1) * last_high
    return Extent(max(fp.down(lower), 0.0), fp.up(upper), reason="sums over steps of ρ")


def _exponential(rho: Fraction) -> tuple[Fraction, Fraction]:
    """`e^{−ρ}`, enclosed by a ball."""
    from flint import arb, fmpq

    value = arb(fmpq(-rho.numerator, rho.denominator)).exp()
    low, high = value.lower().fmpq(), value.upper().fmpq()
    return Fraction(int(low.p), int(low.q)), Fraction(int(high.p), int(high.q))


def _weight(a: Fraction, b: Fraction) -> tuple[Fraction, Fraction]:
    """`∫_a^b e^{−ρ} dρ`, enclosed."""
    (a_low, a_high), (b_low, b_high) = _exponential(a), _exponential(b)
    return max(a_low - b_high, Fraction(0)), a_high - b_low


