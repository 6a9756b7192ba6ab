"""Excess of bounded convex sets through their support functions.

`e(C, D) = max(0, max_{|y| = 1} σ_C(y) − σ_D(y))` for bounded convex C and closed convex D (S4). The sphere is
covered by boxes on the sides of the cube; on a box with middle m and half-diagonal h the difference grows by at most
`h(max_C |x − o| + max_D |x − o|)`, whatever o.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from fractions import Fraction
from itertools import count, product

from certify.rigor import fp
from certify.sets.ball import BITS, Ball, Ellipsoid
from certify.sets.base import ConvexSet
from certify.sets.exact.polyhedron import Polyhedron
from certify.sets.exact.rational import Vector, dot, square, subtract
from certify.sets.extent import Extent, between

Support = Callable[[Vector], tuple[Fraction, Fraction]]

TOLERANCE, BOXES = Fraction(1, 10**5), 500
"""Relative gap that is aimed at, and the boxes of directions after which the search ends all the same."""


def excess_by_support(C: ConvexSet, D: ConvexSet) -> Extent:
    """`e(C, D)` for a bounded C, enclosed."""
    centre = _centre(C)
    if isinstance(D, Polyhedron) and not D.bounded:
        # a point of D nearest to a point of C is within d(x, D) ≤ d(centre, D) + size of C of it
        reach = 3 * _radius(C, centre) + Fraction(D.distance(centre).upper) + 1
        cut = D.intersect(Polyhedron.box([c - reach for c in centre], [c + reach for c in centre]))
        assert cut is not None
        D = cut
    of_C, of_D = _support(C), _support(D)
    growth = _radius(C, centre) + _radius(D, centre)
    lower, heap, order = Fraction(0), [], count()
    for j, sign in product(range(len(centre)), (-1, 1)):
        others = len(centre) - 1
        # σ_C(y) − σ_D(y) ≤ growth·|y| on every side of the cube: no side is left out before it was looked at
        heap.append((-growth, next(order), j, sign, (Fraction(0),) * others, Fraction(1)))
    finished = []
    for _ in range(BOXES):
        if not heap or -heap[0][0] - lower <= TOLERANCE * -heap[0][0]:
            break
        _, _, j, sign, middle, half = heapq.heappop(heap)
        for shift in product((-half / 2, half / 2), repeat=len(middle)) if middle else [()]:
            m = tuple(a + b for a, b in zip(middle, shift, strict=True))
            y = (*m[:j], Fraction(sign), *m[j:])
            (c_low, c_high), (d_low, d_high) = of_C(y), of_D(y)
            size = square(y)
            gain = c_low - d_high
            if gain > 0:
                lower = max(lower, gain / fp.sqrt_up(size))
            diagonal = fp.sqrt_up(len(m) * (half / 2) ** 2) if m else Fraction(0)
            top = c_high - d_low + growth * diagonal
            shortest = max(Fraction(1), fp.sqrt_down(size) - diagonal)
            entry = (-_short(max(top / shortest, Fraction(0))), next(order), j, sign, m, half / 2)
            heapq.heappush(heap, entry) if m else finished.append(-entry[0])
    upper = max([lower, *finished, *(-entry[0] for entry in heap[:1])])
    return between(lower, upper, "" if upper - lower <= TOLERANCE * upper else f"{BOXES} boxes of directions")


def _short(x: Fraction) -> Fraction:
    """The number, rounded up to fewer bits."""
    return Fraction(-((-x.numerator << BITS) // x.denominator), 1 << BITS)


def _centre(C: ConvexSet) -> Vector:
    if isinstance(C, Ball | Ellipsoid):
        return C.centre
    assert isinstance(C, Polyhedron)
    return C.vertices[0]


def _radius(C: ConvexSet, o: Vector) -> Fraction:
    """Upper bound of `max_C |x − o|`."""
    if isinstance(C, Polyhedron):
        return max(fp.sqrt_up(square(subtract(v, o))) for v in C.vertices)
    assert isinstance(C, Ball | Ellipsoid)
    off = fp.sqrt_up(square(subtract(C.centre, o))) if C.centre != o else Fraction(0)
    if isinstance(C, Ball):
        return off + C.radius
    return off + fp.sqrt_up(sum((C.inverse[i][i] for i in range(C.dimension)), Fraction(0)))  # trace ≥ λ_max


def _support(C: ConvexSet) -> Support:
    """`σ_C`, enclosed."""

    def of_polyhedron(y: Vector) -> tuple[Fraction, Fraction]:
        assert isinstance(C, Polyhedron)
        top = max(dot(y, v) for v in C.vertices)
        return top, top

    def of_round(y: Vector) -> tuple[Fraction, Fraction]:
        assert isinstance(C, Ball | Ellipsoid)
        squared = C.radius**2 * square(y) if isinstance(C, Ball) else C.width_squared(y)
        base = dot(y, C.centre)
        if not squared:
            return base, base
        return base + fp.sqrt_down(squared), base + fp.sqrt_up(squared)

    return of_polyhedron if isinstance(C, Polyhedron) else of_round
