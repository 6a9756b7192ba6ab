"""Excess of what a ball leaves of a polyhedron, by cutting planes.

`C ∩ ball` lies in polyhedra `C_k` that are cut by tangent planes of the ball; the convex function `d(·, D)` is largest
at a vertex of `C_k`, an upper end, and at a point of `C ∩ ball` between there and the point of C nearest to the centre,
a lower end (S5). A vertex inside the ball ends the search exactly.
"""

from __future__ import annotations

from fractions import Fraction

from certify.rigor import fp
from certify.sets.ball import Ball
from certify.sets.base import ConvexSet
from certify.sets.exact import Rows, Vector, along, dot, square, subtract
from certify.sets.extent import Extent
from certify.sets.generators import Cone, homogeneous
from certify.sets.polyhedron import Polyhedron

TOLERANCE, CUTS = 1e-7, 120


def excess_in_ball(C: Polyhedron, D: ConvexSet, window: Ball, tolerance: float = TOLERANCE) -> Extent | None:
    """`sup {d(x, D) : x ∈ C, |x − centre| ≤ radius}`, enclosed; None where there is no such x."""
    middle = C.nearest(window.centre)
    if square(subtract(middle, window.centre)) > window.radius**2:
        return None
    cone = C.cone
    for j in range(C.space):
        for sign in (1, -1):
            row = tuple(Fraction(sign * (i == j)) for i in range(C.space))
            cone = cone.cut(homogeneous(row, dot(row, window.centre) + window.radius))
    known: dict[Vector, Extent] = {}

    def at(x: Vector) -> Extent:
        if x not in known:
            known[x] = D.distance(x)
        return known[x]

    best = at(middle)
    for _ in range(CUTS):
        corners = _corners(cone)
        top = max(corners, key=lambda v: (at(v).upper, at(v).square or 0))
        inside = [v for v in corners if window.contains(v)]
        best = max([best, *(at(v) for v in inside), at(_pulled(middle, top, window))], key=lambda e: e.lower)
        if top in inside and all(at(v).upper <= at(top).upper for v in corners):
            return at(top)
        if at(top).upper - best.lower <= tolerance * at(top).upper:
            return Extent(best.lower, at(top).upper)
        outside = [v for v in corners if v not in inside and at(v).upper > best.lower]
        for v in sorted(outside, key=lambda v: -at(v).upper)[: 2 * C.space]:
            cone = _tangent(cone, v, window)
    return Extent(best.lower, max(at(v).upper for v in _corners(cone)), reason=f"{CUTS} cuts were not enough")


def _corners(cone: Cone) -> Rows:
    return cone.generators().vertices


def _pulled(inside: Vector, v: Vector, window: Ball) -> Vector:
    """The point of the segment from `inside` to v farthest along that is proved to lie in the ball."""
    if window.contains(v):
        return v
    d, o = subtract(v, inside), subtract(inside, window.centre)
    a, b, c = square(d), dot(d, o), square(o) - window.radius**2
    inner = b * b - a * c
    if inner <= 0:
        return inside
    t = (fp.sqrt_down(inner) - b) / a
    t = Fraction(int(t * (1 << 60)), 1 << 60) if t > 0 else Fraction(0)
    x = along(inside, t, d)
    return x if window.contains(x) else inside


def _tangent(cone: Cone, v: Vector, window: Ball) -> Cone:
    """Cut by `⟨y, x − centre⟩ ≤ radius·|y|`, y the direction of v, in few bits."""
    d = subtract(v, window.centre)
    scale = max(abs(x) for x in d)
    y = tuple(Fraction(round(x / scale * (1 << 24)), 1 << 24) for x in d)
    right = window.radius * fp.sqrt_up(square(y))
    right = Fraction(-((-right.numerator << 48) // right.denominator), 1 << 48)
    return cone.cut(homogeneous(y, right + dot(y, window.centre)))


