"""Finite unions of convex sets; finite sets of points among them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from certify.format.errors import InputError
from certify.sets.base import ClosedSet, ConvexSet, same_dimension
from certify.sets.exact.polyhedron import Polyhedron
from certify.sets.exact.rational import rows
from certify.sets.extent import Extent, smallest


@dataclass(frozen=True)
class FiniteUnion(ClosedSet):
    """`C_1 ∪ … ∪ C_m` of convex sets.

    Raises:
        InputError: no set, sets of different spaces, or a set that is not convex.

    >>> FiniteUnion.of_points([[0], [100]]).distance([40]).square
    Fraction(1600, 1)
    """

    pieces: tuple[ConvexSet, ...]

    def __init__(self, pieces: Any) -> None:
        flat: list[ConvexSet] = []
        if isinstance(pieces, ClosedSet) or not isinstance(pieces, Iterable):
            raise InputError("union", f"a {type(pieces).__name__}", "give a list of sets")
        for piece in pieces:
            if isinstance(piece, FiniteUnion):
                flat += piece.pieces
            elif isinstance(piece, ConvexSet):
                flat.append(piece)
            else:
                raise InputError("union", f"a {type(piece).__name__}", "give convex sets or unions of them")
        if not flat:
            raise InputError("union", "no sets", "give at least one: the empty set has no distance")
        same_dimension(*flat)
        object.__setattr__(self, "pieces", tuple(flat))

    @classmethod
    def of_points(cls, points: Any) -> FiniteUnion:
        """A finite set."""
        return cls([Polyhedron.point(point) for point in rows(points, "points")])

    @property
    def dimension(self) -> int:
        """Dimension of the space around the set."""
        return self.pieces[0].dimension

    def contains(self, point: Any) -> bool:
        """Whether a piece contains the point."""
        return any(piece.contains(point) for piece in self.pieces)

    def distance(self, point: Any) -> Extent:
        """The least of the distances from the pieces."""
        return smallest(piece.distance(point) for piece in self.pieces)
