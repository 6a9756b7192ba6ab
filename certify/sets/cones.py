"""Tangent cones, regular and limiting normal cones (Rockafellar and Wets, chapter 6), exactly.

Cones are polyhedra with apex 0, or finite unions of them.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from certify.format.errors import InputError
from certify.sets.ball import Ball, Ellipsoid
from certify.sets.base import ClosedSet
from certify.sets.exact.polyhedron import Polyhedron
from certify.sets.exact.projection import Infeasible, project
from certify.sets.exact.rational import Rows, Vector, dot, reduced, subtract, vector
from certify.sets.smooth.curve import Curve
from certify.sets.smooth.manifold import Manifold
from certify.sets.union import FiniteUnion

MOST_FACES = 5000
"""Faces of the arrangement of all rows above which a limiting normal cone of a union is given up."""


def tangent_cone(S: ClosedSet, point: Any) -> Polyhedron | FiniteUnion:
    """The contingent cone `T_S(x)`: all limits of `(x_k − x)/t_k` with `x_k ∈ S`, `x_k → x`, `t_k ↓ 0`.

    Raises:
        InputError: the point is not in S, or a singular point of a curve.

    >>> tangent_cone(Polyhedron.box([0, 0], [1, 1]), [0, 0.5]).contains([1, -7])
    True
    """
    x = _member(S, point)
    if isinstance(S, FiniteUnion):
        found = [tangent_cone(piece, x) for piece in S.pieces if piece.contains(x)]
        return found[0] if len(found) == 1 else FiniteUnion(found)
    if isinstance(S, Polyhedron):
        kept = [S.A[i] for i in S.active(x)]
        return Polyhedron(kept, [0] * len(kept), S.E, [0] * len(S.E), space=S.space)
    if isinstance(S, Manifold):
        return S.tangent_cone(x)
    normal = _outward(S, x)
    if isinstance(S, Curve):
        return Polyhedron(E=[normal], f=[0])
    if isinstance(S, Ball) and not S.radius:
        return Polyhedron.point([0] * S.dimension)
    return Polyhedron([normal], [0]) if any(normal) else Polyhedron(space=S.dimension)


def normal_cone(S: ClosedSet, point: Any) -> Polyhedron:
    """The regular normal cone `N̂_S(x)`, the polar of the tangent cone: `⟨v, y − x⟩ ≤ o(|y − x|)` for y in S.

    >>> normal_cone(Polyhedron.box([0, 0], [1, 1]), [1, 1]).contains([2, 3])
    True
    """
    T = tangent_cone(S, point)
    pieces = T.pieces if isinstance(T, FiniteUnion) else (T,)
    found: Polyhedron | None = None
    for piece in pieces:
        assert isinstance(piece, Polyhedron)
        polar = _polar(piece)
        found = polar if found is None else found.intersect(polar)
    assert found is not None  # polars all contain 0
    return found


def limiting_normal_cone(S: ClosedSet, point: Any) -> Polyhedron | FiniteUnion:
    """The limiting normal cone `N_S(x)`: limits of regular normals at points of S that tend to x.

    For a union of polyhedra it is the union of the regular normal cones at one point of each face of the arrangement of
    all active rows (S9); for a convex set and at a regular point of a curve or a manifold it is the regular
    one.

    Raises:
        InputError: pieces meet at the point that are not all polyhedra: two balls that touch have normals near x that
            the tangent cones at x do not show.

    >>> corner = FiniteUnion([Polyhedron([[-1, 0]], [0]), Polyhedron([[0, -1]], [0])])
    >>> cone = limiting_normal_cone(corner, [0, 0])
    >>> cone.contains([-1, 0]), cone.contains([-1, -1])
    (True, False)
    """
    x = _member(S, point)
    if not isinstance(S, FiniteUnion):
        return normal_cone(S, x)
    here = [piece for piece in S.pieces if piece.contains(x)]
    if len(here) > 1 and not all(isinstance(piece, Polyhedron) for piece in here):
        raise InputError("limiting normal cone", "pieces that meet at the point and are not all polyhedra",
                         "near it such a union is not its tangent cone: give polyhedra")
    T = tangent_cone(S, x)
    if not isinstance(T, FiniteUnion):
        return normal_cone(T, [0] * S.dimension)
    lines = _hyperplanes(T)
    found: list[Polyhedron] = []
    for w in _faces(lines, S.dimension):
        if T.contains(w):
            cone = normal_cone(T, w)
            if not any(_within(cone, other) for other in found):
                found = [other for other in found if not _within(other, cone)] + [cone]
    return found[0] if len(found) == 1 else FiniteUnion(found)


def _member(S: ClosedSet, point: Any) -> Vector:
    x = vector(point, "point", S.dimension)
    if not S.contains(x):
        raise InputError("cone", f"{tuple(map(float, x))} is not in the set", "give a point of it")
    return x


def _outward(S: ClosedSet, x: Vector) -> Vector:
    """A normal at a boundary point of a ball, an ellipsoid or a curve; 0 at an interior point."""
    zero = (Fraction(0),) * len(x)
    if isinstance(S, Ball):
        off = subtract(x, S.centre)
        return off if dot(off, off) == S.radius**2 else zero
    if isinstance(S, Ellipsoid):
        off = subtract(x, S.centre)
        return tuple(dot(row, off) for row in S.P) if S.level(x) == 1 else zero
    if isinstance(S, Curve):
        gradient = S.gradient(x)
        if not any(gradient):
            raise InputError("cone", "a singular point of the curve", "cones are built at regular points of curves")
        return gradient
    raise InputError("cone", f"a {type(S).__name__}",
                     "give a polyhedron, a ball, an ellipsoid, a curve, a manifold or a union")


def _polar(cone: Polyhedron) -> Polyhedron:
    """`{v : ⟨v, y⟩ ≤ 0 for y in the cone}`: what its rows generate."""
    sides = [row for row in cone.A if any(row)]
    both = [row for row in cone.E if any(row)]
    rays = [*sides, *both, *(tuple(-v for v in row) for row in both)]
    zero = [0] * cone.space
    return Polyhedron.hull([zero], rays) if rays else Polyhedron.point(zero)


def _within(first: Polyhedron, second: Polyhedron) -> bool:
    """Whether a cone lies in another."""
    g = first.generators
    return all(second.recedes(v) for v in (*g.rays, *g.lines, *(tuple(-a for a in line) for line in g.lines)))


def _hyperplanes(T: FiniteUnion) -> Rows:
    """The rows of all pieces, each hyperplane once."""
    found: dict[Vector, None] = {}
    for piece in T.pieces:
        assert isinstance(piece, Polyhedron)
        for row in (*piece.A, *piece.E):
            if any(row):
                found[reduced([row], piece.space)[0][0]] = None
    return tuple(found)


def _faces(lines: Rows, dimension: int) -> list[Vector]:
    """A point of each face of a central arrangement: a sign −, 0 or + at each hyperplane, where there is one."""
    origin = (Fraction(0),) * dimension
    faces: list[tuple[Rows, Rows, Vector]] = [((), (), origin)]  # rows ≤ −1, rows = 0, a point
    for row in lines:
        found = []
        for strict, flat, _ in faces:
            for more, level in (((row,), ()), ((tuple(-v for v in row),), ()), ((), (row,))):
                A, E = strict + more, flat + level
                nearest = project(origin, A, (Fraction(-1),) * len(A), E, (Fraction(0),) * len(E))
                if not isinstance(nearest, Infeasible):
                    found.append((A, E, nearest.point))
        if len(found) > MOST_FACES:
            raise InputError("limiting normal cone", f"more than {MOST_FACES} faces", "give fewer pieces or rows")
        faces = found
    return [point for _, _, point in faces]
