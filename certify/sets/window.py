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
    known: dict[Vector, tuple[Vector, Extent, bool]] = {}  # a corner stays one for many cuts

    def seen(x: Vector) -> tuple[Vector, Extent, bool]:
        if x not in known:
            known[x] = (x, D.distance(x), all(body.contains(x) for body in bodies))
        return known[x]

    best = seen(middle)[1]
    for _ in range(CUTS):
        corners = [seen(v) for v in _corners(cone)]
        top, far, met = max(corners, key=lambda corner: (corner[1].upper, corner[1].square or 0))
        pulled = _pulled(middle, top, bodies)
        best = max([best, *(there for _, there, inside in corners if inside), seen(pulled)[1]], key=lambda e: e.lower)
        if met:
            return far
        if far.upper - best.lower <= tolerance * far.upper:
            return Extent(best.lower, far.upper)
        outside = [(v, there) for v, there, inside in corners if not inside and there.upper > best.lower]
        for v, _ in sorted(outside, key=lambda corner: -corner[1].upper)[: 2 * C.space]:
            for body in bodies:
                if not body.contains(v):
                    cone = _tangent(cone, v, body)
    return Extent(best.lower, max(seen(v)[1].upper for v in _corners(cone)), reason=f"{CUTS} cuts were not enough")


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


