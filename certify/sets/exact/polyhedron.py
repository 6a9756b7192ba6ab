"""Polyhedra, and affine sets as those without inequalities: exact membership, projection and distance."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

from certify.format.errors import InputError
from certify.sets.base import ConvexSet
from certify.sets.exact.generators import Cone, Generators, double_description, homogeneous
from certify.sets.exact.projection import Infeasible, Projection, project, verify
from certify.sets.exact.rational import Rows, Vector, dot, nullspace, reduced, rows, square, subtract, vector, whole
from certify.sets.extent import Extent, root


@dataclass(frozen=True)
class Polyhedron(ConvexSet):
    """`{x : Ax ≤ b, Ex = f}`, not empty. Numbers are the rationals they are.

    Args:
        A, b: inequalities, a row each.
        E, f: equations.
        space: dimension; needed only where there are neither inequalities nor equations.

    Raises:
        InputError: malformed or non-finite numbers, or an empty set.

    >>> triangle = Polyhedron([[-1, 0], [0, -1], [1, 1]], [0, 0, 1])
    >>> triangle.contains([0.5, 0.5]), triangle.distance([1, 1]).square, sorted(triangle.vertices)[0]
    (True, Fraction(1, 2), (Fraction(0, 1), Fraction(0, 1)))
    """

    A: Rows
    b: Vector
    E: Rows
    f: Vector
    space: int

    def __init__(self, A: Any = (), b: Any = (), E: Any = (), f: Any = (), space: int | None = None) -> None:
        if space is not None:
            space = whole(space, "space", 1)
        A, E = rows(A, "A", space), rows(E, "E", space)
        lengths = {len(row) for row in (*A, *E)} | ({space} if space is not None else set())
        if len(lengths) != 1 or 0 in lengths:
            raise InputError("polyhedron", f"rows of {sorted(lengths)} numbers", "give rows of one length, or `space`")
        values = {"A": A, "b": vector(b, "b", len(A)), "E": E, "f": vector(f, "f", len(E)), "space": lengths.pop()}
        for name, value in values.items():
            object.__setattr__(self, name, value)
        if _empty(self.space, self.A, self.b, self.E, self.f):
            raise InputError("polyhedron", "no point satisfies all rows", "give a set that is not empty")

    @classmethod
    def hull(cls, points: Any, rays: Any = ()) -> Polyhedron:
        """The convex hull of points, plus the cone of rays.

        >>> Polyhedron.hull([[0, 0], [2, 0]]).contains([1, 0])
        True
        """
        points, rays = rows(points, "points"), rows(rays, "rays")
        if not points or not points[0] or (rays and len(rays[0]) != len(points[0])):
            raise InputError("hull", f"{len(points)} points and {len(rays)} rays", "give points and rays of one space")
        # rows (h₀, h) with h₀ + ⟨h, v⟩ ≥ 0 at all points and ⟨h, r⟩ ≥ 0 at all rays: the dual cone
        size = len(points[0])
        cone = double_description((), (), (), (), size + 1)
        for point in points:
            cone = cone.cut((0, *homogeneous(tuple(-v for v in point), Fraction(1))))
        for ray in rays:
            cone = cone.cut((0, *homogeneous(tuple(-v for v in ray), Fraction(0))))
        sides = [ray[1:] for ray, _ in cone.rays if not ray[0]]
        both = [line[1:] for line in cone.lines if not line[0]]
        return cls([[-v for v in h[1:]] for h in sides], [h[0] for h in sides],
                   [[-v for v in h[1:]] for h in both], [h[0] for h in both], space=size)

    @classmethod
    def box(cls, lower: Any, upper: Any) -> Polyhedron:
        """`{x : lower ≤ x ≤ upper}`."""
        lower = vector(lower, "lower")
        upper = vector(upper, "upper", len(lower))
        unit = [[int(i == j) for j in range(len(lower))] for i in range(len(lower))]
        return cls(unit + [[-v for v in row] for row in unit], [*upper, *(-v for v in lower)])

    @classmethod
    def point(cls, x: Any) -> Polyhedron:
        """`{x}`."""
        return cls.box(x, x)

    @classmethod
    def affine(cls, E: Any, f: Any) -> Polyhedron:
        """`{x : Ex = f}`."""
        return cls(E=E, f=f)

    @property
    def dimension(self) -> int:
        """Dimension of the space around the set."""
        return self.space

    @cached_property
    def cone(self) -> Cone:
        """Its double description, in homogeneous coordinates."""
        return double_description(self.A, self.b, self.E, self.f, self.space)

    @cached_property
    def generators(self) -> Generators:
        """Vertices (a point of each minimal face), rays and lines."""
        return self.cone.generators()

    @property
    def vertices(self) -> Rows:
        """Vertices; of a set with lines, a point of each minimal face."""
        return self.generators.vertices

    @property
    def bounded(self) -> bool:
        """Whether there are no rays and no lines."""
        return not self.generators.rays and not self.generators.lines

    @cached_property
    def is_affine(self) -> bool:
        """Whether no inequality cuts anything off the affine set of the equations."""
        free = nullspace(self.E, self.space)
        return all(not dot(row, v) for row in self.A for v in free)

    def contains(self, point: Any) -> bool:
        """Whether all rows hold at the point."""
        x = self._point(point)
        return all(dot(row, x) <= right for row, right in zip(self.A, self.b, strict=True)) and all(
            dot(row, x) == right for row, right in zip(self.E, self.f, strict=True))

    def nearest(self, point: Any) -> Vector:
        """The nearest point of the set, exactly: proved by its multipliers."""
        x = self._point(point)
        found = _proved(x, self.A, self.b, self.E, self.f)
        assert not isinstance(found, Infeasible)  # it was proved not to be empty
        return found.point

    def distance(self, point: Any) -> Extent:
        """`min |point − x|`: its square is an exact rational number."""
        x = self._point(point)
        nearest = self.nearest(x)
        return root(square(subtract(x, nearest)), nearest)

    def recedes(self, direction: Vector) -> bool:
        """Whether the set contains, with every point x, all `x + t·direction`, t ≥ 0."""
        return all(dot(row, direction) <= 0 for row in self.A) and not any(dot(row, direction) for row in self.E)

    def intersect(self, other: Polyhedron) -> Polyhedron | None:
        """The intersection, None where it is empty."""
        A, b, E, f = self.A + other.A, self.b + other.b, self.E + other.E, self.f + other.f
        return None if _empty(self.space, A, b, E, f) else Polyhedron(A, b, E, f, space=self.space)

    def active(self, point: Vector) -> tuple[int, ...]:
        """The inequalities that hold with equality at a point."""
        return tuple(i for i, (row, right) in enumerate(zip(self.A, self.b, strict=True)) if dot(row, point) == right)


def _proved(p: Vector, A: Rows, b: Vector, E: Rows, f: Vector) -> Projection | Infeasible:
    """The nearest point, or that there is none, with multipliers that were checked."""
    found = project(p, A, b, E, f)
    if not verify(p, A, b, E, f, found):
        raise InputError("projection", "its multipliers do not prove it", "this is a defect: report it")
    return found


def _empty(space: int, A: Rows, b: Vector, E: Rows, f: Vector) -> bool:
    return isinstance(_proved((Fraction(0),) * space, A, b, E, f), Infeasible)


def segment(a: Any, b: Any) -> Polyhedron:
    """The segment between two points."""
    return Polyhedron.hull([a, b])


def directions(polyhedron: Polyhedron) -> Rows:
    """A basis of the linear space parallel to an affine set."""
    return nullspace(reduced(polyhedron.E, polyhedron.space)[0], polyhedron.space)


def halfspaces(pairs: Iterable[tuple[Any, Any]]) -> Polyhedron:
    """`{x : ⟨a, x⟩ ≤ c for each pair (a, c)}`."""
    found = list(pairs)
    return Polyhedron([a for a, _ in found], [c for _, c in found])
