"""Many refits of a logistic head at once: whether each lies as near today's as is stated, in whole numbers."""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt
from operator import mul

from flint import arb

from certify.check.linalg.balls import norm
from certify.check.theorems.head.rows.moves.measures import Measure
from certify.check.theorems.head.rows.refitted.packed import (
    CELL,
    HALF,
    RADIUS,
    ROOM,
    SLOT,
    Change,
    Packed,
    Refits,
    V,
    above,
    integer,
    numbers,
)

UNIT = 32 + CELL
"""Negative binary logarithm of the unit of outputs."""


class PackedMoves(Packed):
    """The same head, and what is measured.

    Args:
        measure: of the motion.
        most: what the measure may be.
    """

    def __init__(self, measure: Measure, most: float) -> None:
        super().__init__(measure.head)
        self.measure, self.most = measure, arb(most)
        self.within_of = self._seen if measure.by_outputs else self._near
        self.start = [int(x * 2.0**V) for x in measure.today]
        # what cutting off changes of today's weights, and how far their refit is
        self.start_off = (norm([arb(x) - arb(c) / 2**V for x, c in zip(measure.today, self.start, strict=True)])
                          + measure.near).upper()

    def within(self, changes: Sequence[Change], weights: Sequence[Sequence[float]]) -> list[bool]:
        """Of changes of equally many rows: whether each is proved to move its refit no farther."""
        found = self.refits(changes, weights) if self.start_off.is_finite() else None
        return [False] * len(changes) if found is None else self.within_of(found)

    def _near(self, found: Refits) -> list[bool]:
        """`|W − W_0| + r ≤ most`, in units of weights."""
        limit = integer(self.most * 2**V) - above(self.start_off * 2**V)
        squares = [0] * len(found.radii)
        for column, start in zip(found.columns, self.start, strict=True):
            squares = [s + (x - start) ** 2 for s, x in zip(squares, column, strict=True)]
        return [r is not None and isqrt(s) + 1 + (r << V - RADIUS) <= limit
                for s, r in zip(squares, found.radii, strict=True)]

    def _seen(self, found: Refits) -> list[bool]:
        """`|x·(W − W_0)| + |x|r ≤ most` for every evaluation row, in units of outputs."""
        B, unit = len(found.radii), 2**UNIT
        ones = sum(1 << SLOT * b for b in range(B))
        bias = HALF * ones
        good, reach = self.reach(found.radii)
        around = self.eta_points * (found.longest + norm([arb(c) for c in self.start]) / 2**V)
        for j, x in enumerate((self.seen * found.W).entries()):
            begin = sum(map(mul, self.points[j], self.start))
            room = integer(self.most * unit) - above((around + self.start_off * self.head.lengths[j]) * unit) - 4
            if not (0 <= room < ROOM and abs(begin) < ROOM):
                return [False] * B
            for sign in (1, -1):
                left = (room + sign * begin) * ones - sign * int(x) - self.lengths[j] * reach + bias
                if left & bias != bias:
                    good = [ok and y >= HALF for ok, y in zip(good, numbers(left, B), strict=True)]
        return good
