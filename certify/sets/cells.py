"""The largest distance from a set over a bounded polyhedron or what a window leaves of it, by branch and bound.

Needed where `d(·, D)` is not convex (D a union or a curve), so that vertices alone do not decide. A cell is a
polyhedron; on it `d(·, D) ≤ min_j max_{vertices} d(·, D_j)` for convex pieces D_j, and `≤ d(m, D) + max |v − m|` for
any D (S5).
"""

from __future__ import annotations

import heapq
from fractions import Fraction
from itertools import count

from certify.format.errors import InputError
from certify.rigor import fp
from certify.sets.ball import Ball
from certify.sets.base import ClosedSet, ConvexSet
from certify.sets.exact.polyhedron import Polyhedron
from certify.sets.exact.rational import Vector, square, subtract
from certify.sets.extent import Extent
from certify.sets.union import FiniteUnion

TOLERANCE, CELLS = 1e-6, 400
"""Gap of the ends, relative to the upper one, at which the search ends, and the number of cells after which it does."""


def sup_distance(
    C: Polyhedron, D: ClosedSet, window: Ball | None = None, tolerance: float = TOLERANCE, cells: int = CELLS
) -> Extent | None:
    """`sup d(x, D)` over `C ∩ window`, enclosed; None where the two do not meet.

    Args:
        C: bounded, or with a window.
        D: any closed set.
        window: a ball.
        tolerance: relative gap of the ends that is aimed at.
        cells: most cells that are looked at; the ends are valid whenever it stops.

    Raises:
        InputError: C is unbounded and there is no window.
    """
    if window is not None:
        r = window.radius
        around = Polyhedron.box([c - r for c in window.centre], [c + r for c in window.centre])
        if C.distance(window.centre).lower > fp.up(r):
            return None
        met = C.intersect(around)
        if met is None:
            return None
        C = met
    if not C.bounded:
        raise InputError("excess", "an unbounded set against a union or a curve", "give a window")
    if window is not None and square(subtract(C.nearest(window.centre), window.centre)) > window.radius**2:
        return None
    return _Search(D, window).run(C, tolerance, cells)


class _Search:
    """Best-first search; `lower` is the best value at a point of the set."""

    def __init__(self, D: ClosedSet, window: Ball | None) -> None:
        self._D, self._window = D, window
        self._pieces = D.pieces if isinstance(D, FiniteUnion) else (D,)
        self._known: dict[tuple[int, Vector], Extent] = {}
        self.lower, self.best = 0.0, None

    def run(self, C: Polyhedron, tolerance: float, cells: int) -> Extent:
        order = count()
        heap: list[tuple[float, int, Polyhedron]] = []

        def enter(cell: Polyhedron | None) -> None:
            if cell is None:
                return
            if self._window is not None:
                near = cell.nearest(self._window.centre)
                if square(subtract(near, self._window.centre)) > self._window.radius**2:
                    return
                self._try(near)
            for v in cell.vertices:
                if self._window is None or self._window.contains(v):
                    self._try(v)
            heapq.heappush(heap, (-self._upper(cell), next(order), cell))

        enter(C)
        for _ in range(cells):
            if not heap or -heap[0][0] - self.lower <= tolerance * -heap[0][0]:
                break
            for half in _halves(heapq.heappop(heap)[2]):
                enter(half)
        upper = max(self.lower, -heap[0][0]) if heap else self.lower
        met = upper - self.lower <= tolerance * upper
        reason = "" if met else f"{cells} cells were not enough for a relative gap of {tolerance:g}"
        return Extent(self.lower, upper, reason=reason, nearest=None)

    def _at(self, k: int, x: Vector) -> Extent:
        if (k, x) not in self._known:
            self._known[k, x] = self._pieces[k].distance(x)
        return self._known[k, x]

    def _try(self, x: Vector) -> None:
        self.lower = max(self.lower, min(self._at(k, x).lower for k in range(len(self._pieces))))

    def _upper(self, cell: Polyhedron) -> float:
        corners = cell.vertices
        values = []
        for k, piece in enumerate(self._pieces):
            if isinstance(piece, ConvexSet):
                values.append(max(self._at(k, v).upper for v in corners))
                continue
            middle = tuple(sum(x) / len(corners) for x in zip(*corners, strict=True))
            reach = max(fp.sqrt_up(square(subtract(v, middle))) for v in corners)
            values.append(fp.up(Fraction(self._at(k, middle).upper) + reach))
        return min(values)


def _halves(cell: Polyhedron) -> list[Polyhedron | None]:
    """The two parts of a cell on either side of the middle of its longest extent."""
    extents = [(max(x) - min(x), j, (max(x) + min(x)) / 2) for j, x in enumerate(zip(*cell.vertices, strict=True))]
    _, j, middle = max(extents)
    normal = [int(i == j) for i in range(cell.space)]
    return [cell.intersect(Polyhedron([normal], [middle])),
            cell.intersect(Polyhedron([[-v for v in normal]], [-middle]))]
