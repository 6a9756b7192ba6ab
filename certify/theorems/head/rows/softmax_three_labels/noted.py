"""D27: open choices of points, as many as there is room for."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.systems.head.rows.head import Whole
from certify.theorems.head.rows.method import Mask

ALL = 10_000_000
"""Most choices of all points together: twelve bytes each, and about three times that while they are put in order."""


class Noted:
    """Choices that leave points open.

    Of a point that has more than its room, and of those with most where all have too many, nothing is kept.

    Args:
        room: `(N,)` most choices of each point.

    Attributes:
        many: `(N,)` how many each has, above its room where it was given up.

    >>> noted = Noted(np.array([2, 2]))
    >>> noted.add(np.array([0, 1, 1, 1]), np.array([5, 6, 7, 8]))
    >>> [one.tolist() for one in noted.all()], noted.over.tolist()
    ([[0], [5]], [False, True])
    """

    def __init__(self, room: Whole) -> None:
        self.room, self.many = room, np.zeros(len(room), np.int64)
        self._parts: list[tuple[NDArray[Any], Whole]] = [(np.zeros(0, np.int32), np.zeros(0, np.int64))]
        self._held = 0

    @property
    def over(self) -> Mask:
        """`(N,)` the points that were given up."""
        return np.asarray(self.many > self.room)

    def add(self, point: Whole, number: Whole) -> None:
        """Choices `(B,)` and the points that they leave open."""
        self.many += np.bincount(point, minlength=len(self.many))
        some = ~self.over[point]
        self._parts.append((point[some].astype(np.int32), number[some]))
        self._held += len(self._parts[-1][0])
        if self._held > ALL:
            self._fewer()

    def give_up(self, point: Whole | Mask) -> None:
        """Keep nothing of some points."""
        self.many[point] = np.maximum(self.many[point], self.room[point] + 1)

    def all(self) -> tuple[Whole, Whole]:
        """Points and choices, without those of points that were given up."""
        point, number = (np.concatenate(one) for one in zip(*self._parts, strict=True))
        some = ~self.over[point]
        return point[some], number[some]

    def _fewer(self) -> None:
        """Half of what there is room for, of the points that have fewest."""
        held = self.all()
        if len(held[0]) > ALL:
            live = np.flatnonzero(~self.over)
            live = live[np.argsort(self.many[live], kind="stable")]
            self.give_up(live[np.cumsum(self.many[live]) > ALL // 2])
            self._parts = [held]
            held = self.all()
        self._parts, self._held = [held], len(held[0])
