"""Distance, excess and the Pompeiu-Hausdorff distance.

`e(C, D) = sup_{x ∈ C} d(x, D)`; the statements S3 to S6, S16 and S17 used here are proved in `proofs/sets.md`.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from certify.format.errors import InputError
from certify.sets.ball import Ball, Ellipsoid, root_minus
from certify.sets.base import ClosedSet, ConvexSet, same_dimension
from certify.sets.cells import sup_distance
from certify.sets.exact.polyhedron import Polyhedron
from certify.sets.exact.rational import Vector, dot, square, subtract
from certify.sets.extent import Extent, between, infinite, largest, root, roots
from certify.sets.sphere import excess_by_support
from certify.sets.union import FiniteUnion
from certify.sets.window import excess_in_ball, excess_of_round


def distance(point: Any, of: ClosedSet) -> Extent:
    """`d(point, of)`: the distance of a point from a set.

    >>> distance([1, 1], Polyhedron.affine([[1, 1]], [0])).square
    Fraction(2, 1)
    """
    return of.distance(point)


def excess(C: ClosedSet, D: ClosedSet, window: Ball | Polyhedron | None = None) -> Extent:
    """`e(C ∩ window, D) = sup {d(x, D) : x ∈ C ∩ window}`: how far the first set reaches beyond the second.

    Only the first set is cut by the window. Exact for polyhedra without a window, or with a polyhedral one; an
    enclosure otherwise. Not symmetric.

    Args:
        C, D: closed sets of one space. A curve or a manifold as C needs a ball as window, and at most 4 variables.
        window: a ball or a polyhedron; None: all of C, and the excess may be infinite.

    Raises:
        InputError: sets of different spaces, or a window that C does not meet.

    >>> excess(Polyhedron.box([0, 0], [2, 1]), Polyhedron.box([0, 0], [1, 1])).square
    Fraction(1, 1)
    """
    found = excess_where_met(C, D, window)
    if found is None:
        raise InputError("excess", "the window does not meet the first set", "give a larger window")
    return found


def excess_where_met(C: ClosedSet, D: ClosedSet, window: Ball | Polyhedron | None = None) -> Extent | None:
    """The same; None where the window misses the first set."""
    same_dimension(C, D, *([window] if window is not None else []))
    if not isinstance(window, Ball | Polyhedron | None):
        raise InputError("window", f"a {type(window).__name__}", "give a ball or a polyhedron, or none")
    pieces = C.pieces if isinstance(C, FiniteUnion) else (C,)
    if isinstance(D, FiniteUnion) and len(D.pieces) == 1:
        D = D.pieces[0]
    found = [e for e in (_excess(piece, D, window) for piece in pieces) if e is not None]
    return largest(found) if found else None


def hausdorff(C: ClosedSet, D: ClosedSet) -> Extent:
    """`max(e(C, D), e(D, C))`, the Pompeiu-Hausdorff distance; infinite where one set runs away from the other.

    >>> hausdorff(Polyhedron.affine([[1, 1]], [0]), Polyhedron.affine([[1, 1]], [1])).square
    Fraction(1, 2)
    """
    return largest([excess(C, D), excess(D, C)])


def _excess(C: ClosedSet, D: ClosedSet, window: Ball | Polyhedron | None) -> Extent | None:
    """Of one piece; None where the window misses it."""
    if not isinstance(C, ConvexSet):
        from certify.sets.smooth.traced import excess_of_zeros

        return excess_of_zeros(C, D, window)
    if isinstance(window, Polyhedron) and isinstance(C, Polyhedron):
        met = C.intersect(window)
        return None if met is None else _excess(met, D, None)
    if isinstance(window, Polyhedron) and isinstance(C, Ball):
        return _in_ball(window, D, C)  # what a polyhedron leaves of a ball is what the ball leaves of the polyhedron
    if isinstance(window, Polyhedron):
        raise InputError("window", f"a polyhedron around a {type(C).__name__}", "give a ball, or none")
    if window is not None:
        return _in_ball(C, D, window)
    if not isinstance(D, ConvexSet):
        if isinstance(C, Polyhedron):
            return _from_polyhedron_to_union(C, D)
        if isinstance(C, Ball):
            return sup_distance(Polyhedron(space=C.dimension), D, C)
        raise InputError("excess", f"a {type(C).__name__} against a set that is not convex",
                         "give a polyhedron or a ball as first set")
    if isinstance(C, Polyhedron):
        return _from_polyhedron(C, D)
    if isinstance(C, Ball):
        return _from_ball(C, D)
    return excess_by_support(C, D)


def _from_polyhedron(C: Polyhedron, D: ConvexSet) -> Extent:
    """S16: at a vertex, if C recedes only where D does; else infinite."""
    if any(not _follows(D, ray) for ray in _rays(C)):
        return infinite("the first set contains a ray along which the second does not follow")
    return largest(D.distance(v) for v in C.vertices)


def _rays(C: Polyhedron) -> tuple[Vector, ...]:
    """Directions that generate the recession cone, lines as two."""
    found = C.generators
    return (*found.rays, *found.lines, *(tuple(-v for v in line) for line in found.lines))


def _follows(D: ConvexSet, ray: Vector) -> bool:
    """Whether D recedes along a direction; balls and ellipsoids do not."""
    return isinstance(D, Polyhedron) and D.recedes(ray)


def _from_ball(C: Ball, D: ConvexSet) -> Extent:
    """S17, S3."""
    if isinstance(D, Ball):
        # |x − d| ≤ |x − c| + |c − d|, attained on the line through both centres
        squared, extra = square(subtract(C.centre, D.centre)), C.radius - D.radius
        if not squared:
            return root(max(extra, Fraction(0)) ** 2)
        if extra <= 0:
            return root_minus(squared, -extra)
        low, high = roots(squared)
        return root((low + extra) ** 2) if low == high else between(low + extra, high + extra)
    off = D.distance(C.centre)
    if off.square or off.lower > 0:  # a distance below the least float has a square all the same
        if off.square is not None:
            low, high = roots(off.square)
            return root((low + C.radius) ** 2) if low == high else between(low + C.radius, high + C.radius)
        return between(Fraction(off.lower) + C.radius, Fraction(off.upper) + C.radius)
    if not isinstance(D, Polyhedron):
        return excess_by_support(C, D)
    if any(any(row) for row in D.E):
        return root(C.radius**2)
    return largest(_beyond(C, row, right) for row, right in zip(D.A, D.b, strict=True) if any(row))


def _beyond(C: Ball, row: tuple[Fraction, ...], right: Fraction) -> Extent:
    """How far a ball whose centre lies in a half-space reaches beyond it."""
    slack, size = right - dot(row, C.centre), square(row)
    low, high = (slack / length for length in reversed(roots(size)))
    if low == high:
        return root(max(C.radius - low, Fraction(0)) ** 2)
    return between(C.radius - high, C.radius - low)


def _from_polyhedron_to_union(C: Polyhedron, D: ClosedSet) -> Extent:
    if C.bounded:
        found = sup_distance(C, D)
        assert found is not None
        return found
    pieces = D.pieces if isinstance(D, FiniteUnion) else ()
    if pieces and any(not any(_follows(piece, ray) for piece in pieces) for ray in _rays(C)):
        return infinite("the first set contains a ray along which no piece of the second follows")
    upper = min((_from_polyhedron(C, piece).upper for piece in pieces), default=float("inf"))
    lower = max(D.distance(v).lower for v in C.vertices)
    reason = "" if lower == upper else "an unbounded set against one that is not convex: give a window for tighter ends"
    return Extent(lower, upper, reason=reason)


def _in_ball(C: ConvexSet, D: ClosedSet, window: Ball) -> Extent | None:
    if isinstance(C, Ball | Ellipsoid):
        if isinstance(D, ConvexSet):
            return excess_of_round(C, D, window)
        raise InputError("window", f"a ball around a {type(C).__name__}, the second set not convex",
                         "give a polyhedron as first set, or no window: the set is bounded")
    assert isinstance(C, Polyhedron)
    return excess_in_ball(C, D, window) if isinstance(D, ConvexSet) else sup_distance(C, D, window)
