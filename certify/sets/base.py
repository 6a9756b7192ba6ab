"""What a closed set can be asked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from certify.format.errors import InputError
from certify.sets.exact.rational import Vector, vector
from certify.sets.extent import Extent


class ClosedSet(ABC):
    """A nonempty closed subset of `R^dimension`, given by rational data."""

    @property
    @abstractmethod
    def dimension(self) -> int:
        """Dimension of the space around the set."""

    @abstractmethod
    def contains(self, point: Any) -> bool:
        """Whether the point belongs to the set, decided exactly."""

    @abstractmethod
    def distance(self, point: Any) -> Extent:
        """`d(point, self) = min |point − x|`, enclosed."""

    def _point(self, point: Any) -> Vector:
        return vector(point, "point", self.dimension)


class ConvexSet(ClosedSet):
    """A nonempty closed convex set."""

    @property
    @abstractmethod
    def bounded(self) -> bool:
        """Whether the set is bounded."""


def same_dimension(*sets: ClosedSet) -> int:
    """The dimension of the space.

    Raises:
        InputError: no sets, or sets of different spaces.
    """
    for s in sets:
        if not isinstance(s, ClosedSet):
            raise InputError("sets", f"a {type(s).__name__}", "give sets of certify.sets")
    found = sorted({s.dimension for s in sets})
    if len(found) != 1:
        raise InputError("sets", f"dimensions {' and '.join(map(str, found))}", "give sets of one space")
    return found[0]
