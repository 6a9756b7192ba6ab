"""Excess of a piece of an algebraic curve or of a manifold, by boxes that cover it (S6, S15)."""

from __future__ import annotations

import heapq
from fractions import Fraction
from itertools import count, product

from certify.format.errors import InputError
from certify.rigor import fp
from certify.sets.ball import Ball
from certify.sets.base import ClosedSet
from certify.sets.exact.polyhedron import Polyhedron
from certify.sets.exact.rational import Vector, square, subtract
from certify.sets.extent import Extent
from certify.sets.smooth.curve import Curve
from certify.sets.smooth.manifold import Manifold

TOLERANCE, BOXES = 1e-4, 3000

MOST = 4
"""Variables of a manifold above which boxes would be too many to cover it."""


def excess_of_zeros(C: ClosedSet, D: ClosedSet, window: Ball | Polyhedron | None) -> Extent | None:
    """`e(C ∩ window, D)` for a curve or a manifold C and a ball as window, enclosed; None: every box was excluded.

    Raises:
        InputError: another set, no ball as window, or a manifold in more than `MOST` variables.
    """
    if not isinstance(C, Curve | Manifold):
        raise InputError("excess", f"a {type(C).__name__}", "give a convex set, a union, a curve or a manifold")
    name = f"a {type(C).__name__.lower()}"
    if not isinstance(window, Ball):
        raise InputError("excess", f"{name} without a ball as window", "give window = Ball(centre, radius)")
    if C.dimension > MOST:
        raise InputError("excess", f"{name} in {C.dimension} variables as first set",
                         f"boxes cover it in at most {MOST}: ask distance(point) at points of it")
    order = count()
    far = Fraction(D.distance(window.centre).upper)
    heap: list[tuple[Fraction, int, Vector, Fraction]] = [(-(far + 2 * window.radius), next(order), window.centre,
                                                           window.radius)]
    lower, met = Fraction(0), False
    for _ in range(BOXES):
        if not heap or (met and -heap[0][0] - lower <= TOLERANCE * -heap[0][0]):
            break
        bound, _, middle, half = heapq.heappop(heap)
        half /= 2
        for shift in product((-half, half), repeat=len(middle)):
            m = tuple(a + b for a, b in zip(middle, shift, strict=True))
            if _outside(m, half, window) or C.misses(m, half):
                continue
            reach = fp.sqrt_up(len(m) * half * half) if half else Fraction(0)
            d = D.distance(m)
            heapq.heappush(heap, (max(bound, -(Fraction(d.upper) + reach)), next(order), m, half))
            zero = C.zero_near(m, 2 * half)
            if zero is not None and _inside(zero[0], zero[1], window):
                met = True
                moved = fp.sqrt_up(square(subtract(zero[0], m))) if zero[0] != m else Fraction(0)
                lower = max(lower, Fraction(d.lower) - moved - zero[1])
    if not met:
        return None if not heap else Extent(0.0, fp.up(-heap[0][0]), reason="no zero inside the window was proved")
    upper = max(lower, -heap[0][0]) if heap else lower
    reason = "" if upper - lower <= TOLERANCE * upper else f"{BOXES} boxes were not enough"
    return Extent(max(fp.down(lower), 0.0), fp.up(upper), reason=reason)


def _outside(m: Vector, half: Fraction, window: Ball) -> bool:
    near = tuple(max(abs(a - c) - half, Fraction(0)) for a, c in zip(m, window.centre, strict=True))
    return square(near) > window.radius**2


def _inside(x: Vector, radius: Fraction, window: Ball) -> bool:
    room = window.radius - radius
    return room >= 0 and square(subtract(x, window.centre)) <= room**2
