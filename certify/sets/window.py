"""Excess of what balls and ellipsoids leave of a polyhedron, or of each other, by cutting planes.

`C ∩ bodies` lies in polyhedra `C_k` that are cut by supporting planes of the bodies; the convex function `d(·, D)` is
largest at a vertex of `C_k`, an upper end, and at a point of the intersection between there and a known one of its
points, a lower end (S5). A vertex inside all bodies ends the search exactly.
"""

from __future__ import annotations

from fractions import Fraction

from certify.rigor import fp
from certify.sets.ball import Ball, Ellipsoid
from certify.sets.base import ConvexSet
from certify.sets.exact.generators import Cone, homogeneous
from certify.sets.exact.polyhedron import Polyhedron
from certify.sets.exact.rational import Rows, Vector, along, dot, square, subtract
from certify.sets.extent import Extent, between, roots

Round = Ball | Ellipsoid

TOLERANCE, CUTS = 1e-7, 120


def excess_in_ball(C: Polyhedron, D: ConvexSet, window: Ball, tolerance: float = TOLERANCE) -> Extent | None:
    """`sup {d(x, D) : x ∈ C, |x − centre| ≤ radius}`, enclosed; None where there is no such x."""
    middle = C.nearest(window.centre)
    return _search(C, D, (window,), middle, tolerance) if window.contains(middle) else None


def excess_of_round(C: Round, D: ConvexSet, window: Ball, tolerance: float = TOLERANCE) -> Extent | None:
    """`e(C ∩ window, D)` for a ball or an ellipsoid C, enclosed; None where the two do not meet."""
    middle = _between(C, window) if isinstance(C, Ball) else _inside_near(C, window.centre)
    if C.contains(middle) and window.contains(middle):
        return _search(Polyhedron(space=C.dimension), D, (window, C), middle, tolerance)
    if Fraction(C.distance(window.centre).lower) > window.radius:
        return None
    upper = Fraction(D.distance(window.centre).upper) + window.radius
    return between(Fraction(0), upper, "whether the window meets the set is not decided")


def _between(C: Ball, window: Ball) -> Vector:
    """A point of both balls on the line through their centres, if there is one in few bits."""
    step = subtract(C.centre, window.centre)
    if not any(step):
        return C.centre
    far = roots(square(step))[1]
    low, high = max(1 - C.radius / far, Fraction(0)), min(window.radius / far, Fraction(1))
    return along(window.centre, (low + high) / 2, step)


def _inside_near(C: Ellipsoid, x: Vector) -> Vector:
    """A point of an ellipsoid about as near to x as one can be."""
    return x if C.contains(x) else C.near(x)


def _search(C: Polyhedron, D: ConvexSet, bodies: tuple[Round, ...], middle: Vector, tolerance: float) -> Extent:
    """`sup d(·, D)` over the part of C in all bodies, the first a ball; middle is a point of it."""
    first = bodies[0]
    assert isinstance(first, Ball)
    cone = C.cone
    for j in range(C.space):
        for sign in (1, -1):
            row = tuple(Fraction(sign * (i == j)) for i in range(C.space))
            cone = cone.cut(homogeneous(row, dot(row, first.centre) + first.radius))
    known: dict[Vector, Extent] = {}

    def at(x: Vector) -> Extent:
        if x not in known:
            known[x] = D.distance(x)
        return known[x]

    best = at(middle)
    for _ in range(CUTS):
        corners = _corners(cone)
        top = max(corners, key=lambda v: (at(v).upper, at(v).square or 0))
        inside = [v for v in corners if all(body.contains(v) for body in bodies)]
        pulled = _pulled(middle, top, bodies)
        best = max([best, *(at(v) for v in inside), at(pulled)], key=lambda e: e.lower)
        if top in inside and all(at(v).upper <= at(top).upper for v in corners):
            return at(top)
        if at(top).upper - best.lower <= tolerance * at(top).upper:
            return Extent(best.lower, at(top).upper)
        outside = [v for v in corners if v not in inside and at(v).upper > best.lower]
        for v in sorted(outside, key=lambda v: -at(v).upper)[: 2 * C.space]:
            for body in bodies:
                if not body.contains(v):
                    cone = _tangent(cone, v, body)
    return Extent(best.lower, max(at(v).upper for v in _corners(cone)), reason=f"{CUTS} cuts were not enough")


def _corners(cone: Cone) -> Rows:
    return cone.generators().vertices


def _pulled(inside: Vector, v: Vector, bodies: tuple[Round, ...]) -> Vector:
    """The point of the segment from `inside` to v farthest along that is proved to lie in all bodies."""
    d, t = subtract(v, inside), Fraction(1)
    for body in bodies:
        if body.contains(v):
            continue
        o = subtract(inside, body.centre)
        a, b, c = _product(body, d, d), _product(body, d, o), _product(body, o, o) - _level(body)
        inner = b * b - a * c
        reach = (fp.sqrt_down(inner) - b) / a if inner > 0 else Fraction(0)
        t = min(t, Fraction(int(reach * (1 << 60)), 1 << 60) if reach > 0 else Fraction(0))
    x = along(inside, t, d)
    return x if all(body.contains(x) for body in bodies) else inside


def _product(body: Round, x: Vector, y: Vector) -> Fraction:
    """`⟨x, y⟩` of a ball, `⟨x, Py⟩` of an ellipsoid."""
    return dot(x, y) if isinstance(body, Ball) else dot(x, tuple(dot(row, y) for row in body.P))


def _level(body: Round) -> Fraction:
    """`_product` of a point of the boundary, less the centre, with itself."""
    return body.radius**2 if isinstance(body, Ball) else Fraction(1)


def _tangent(cone: Cone, v: Vector, body: Round) -> Cone:
    """Cut by `⟨y, x − centre⟩ ≤ σ(y)`, y near the outward normal towards v, in few bits; σ of the centred body."""
    d = subtract(v, body.centre)
    d = d if isinstance(body, Ball) else tuple(dot(row, d) for row in body.P)
    scale = max(abs(x) for x in d)
    y = tuple(Fraction(round(x / scale * (1 << 24)), 1 << 24) for x in d)
    squared = body.radius**2 * square(y) if isinstance(body, Ball) else body.width_squared(y)
    right = fp.sqrt_up(squared)
    right = Fraction(-((-right.numerator << 48) // right.denominator), 1 << 48)
    return cone.cut(homogeneous(y, right + dot(y, body.centre)))


