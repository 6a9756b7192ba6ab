"""Vertices, rays and lines of a polyhedron: the double description method in exact integers.

Fukuda and Prodon, *Double description method revisited* (1996). The polyhedron `{x : Ax ≤ b, Ex = f}` is the slice
t = 1 of the cone of all `(t, x)` with `t ≥ 0`, `tb − Ax ≥ 0`, `tf − Ex = 0`; inequalities are taken in one after the
other, each splitting the rays found so far; two rays on different sides are joined where no third one shares their
active rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from certify.format.errors import InputError
from certify.sets.exact.rational import Rows, Vector

Integers = tuple[int, ...]

MOST_RAYS = 20_000
"""Rays above which the description is given up: it can grow exponentially with the dimension."""


@dataclass(frozen=True)
class Generators:
    """`conv(vertices) + cone(rays) + span(lines)`; no vertex: the set is empty."""

    vertices: Rows
    rays: Rows
    lines: Rows


@dataclass(frozen=True)
class Cone:
    """`cone(rays) + span(lines)` in homogeneous coordinates; of each ray the rows at which it is 0, as bits."""

    rays: tuple[tuple[Integers, int], ...]
    lines: tuple[Integers, ...]
    count: int

    def cut(self, h: Integers, equation: bool = False) -> Cone:
        """The part where `⟨h, ·⟩ ≥ 0` (or = 0).

        Raises:
            InputError: more than `MOST_RAYS` rays.
        """
        bit = 1 << self.count
        values = [_inner(h, l) for l in self.lines]
        pivot = next((k for k, v in enumerate(values) if v), None)
        if pivot is not None:  # a line leaves the hyperplane: move everything else into it along that line
            line, value = self.lines[pivot], values[pivot]
            if value < 0:
                line, value = tuple(-v for v in line), -value
            moved = tuple(_primitive(_combine(value, l, -v, line))
                          for k, (l, v) in enumerate(zip(self.lines, values, strict=True)) if k != pivot)
            rays = [(_primitive(_combine(value, r, -_inner(h, r), line)), zero | bit) for r, zero in self.rays]
            # the line was 0 at every earlier row, or it would have left the lines there
            new = [] if equation else [(line, bit - 1)]
            return Cone(tuple(rays + new), moved, self.count + 1)
        sides: dict[int, list[tuple[Integers, int, int]]] = {-1: [], 0: [], 1: []}
        for ray, zero in self.rays:
            value = _inner(h, ray)
            sides[(value > 0) - (value < 0)].append((ray, zero, value))
        kept = [(ray, zero | bit) for ray, zero, _ in sides[0]]
        if not equation:
            kept += [(ray, zero) for ray, zero, _ in sides[1]]
        for up, zero_up, value_up in sides[1]:
            for down, zero_down, value_down in sides[-1]:
                common = zero_up & zero_down
                if self._adjacent(up, down, common):
                    kept.append((_primitive(_combine(value_up, down, -value_down, up)), common | bit))
        if len(kept) > MOST_RAYS:
            raise InputError("polyhedron", f"more than {MOST_RAYS} vertices and rays", "use fewer rows or dimensions")
        return Cone(tuple(kept), self.lines, self.count + 1)

    def _adjacent(self, up: Integers, down: Integers, common: int) -> bool:
        return not any(common & zero == common for ray, zero in self.rays if ray is not up and ray is not down)

    def generators(self) -> Generators:
        """Of the slice where the first coordinate is 1."""
        vertices = [tuple(Fraction(v, ray[0]) for v in ray[1:]) for ray, _ in self.rays if ray[0]]
        rays = [ray[1:] for ray, _ in self.rays if not ray[0]]
        if not vertices:
            return Generators((), (), ())
        return Generators(tuple(vertices), _as_rows(rays), _as_rows([line[1:] for line in self.lines]))


def whole(dimension: int) -> Cone:
    """`{(t, x) : t ≥ 0}`."""
    lines = tuple(tuple(int(i == j) for j in range(dimension + 1)) for i in range(dimension + 1))
    return Cone((), lines, 0).cut(lines[0])


def homogeneous(row: Vector, right: Fraction) -> Integers:
    """`⟨row, x⟩ ≤ right` as `⟨h, (1, x)⟩ ≥ 0` in integers."""
    entries = [right, *(-v for v in row)]
    scale = math.lcm(*(v.denominator for v in entries))
    return _primitive(tuple(int(v * scale) for v in entries))


def double_description(A: Rows, b: Vector, E: Rows, f: Vector, dimension: int) -> Cone:
    """The cone over `{x : Ax ≤ b, Ex = f}`."""
    cone = whole(dimension)
    for row, right in zip(E, f, strict=True):
        cone = cone.cut(homogeneous(row, right), equation=True)
    for row, right in zip(A, b, strict=True):
        cone = cone.cut(homogeneous(row, right))
    return cone


def _inner(x: Integers, y: Integers) -> int:
    return sum(a * b for a, b in zip(x, y, strict=True))


def _combine(s: int, x: Integers, t: int, y: Integers) -> Integers:
    return tuple(s * a + t * b for a, b in zip(x, y, strict=True))


def _primitive(x: Integers) -> Integers:
    common = math.gcd(*x)
    return x if common <= 1 else tuple(v // common for v in x)


def _as_rows(vectors: list[Integers]) -> Rows:
    return tuple(tuple(Fraction(v) for v in vector) for vector in vectors)
