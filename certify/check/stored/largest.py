"""The largest influences of the rows of every class on some points, some rows at a time."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

from flint import arb, fmpz_mat

from certify.check.linalg.balls import ZERO
from certify.check.linalg.fixed import scale
from certify.check.stored.conditions import Condition
from certify.check.stored.ground import Ground, by_class
from certify.check.stored.whole import matrix
from certify.check.theorems.head.rows.squared.ridge import FEATURE_BITS, Solution

POINTS = 256
"""Points that a part of the rows is multiplied with at a time."""

QUICK, SHARP = (24, 28), (FEATURE_BITS, 62)
"""Bits of features and of solutions: short ones first, whose error is counted, and long ones for what is left open."""


@dataclass
class Point:
    """A point with its solution, and what is found of it.

    Attributes:
        u: integers times `2^−bits`.
        bits: of them.
        size: at least `|u|₂`.
        most: for every class the largest influences, and then the largest negated ones, none below 0.
        bars: for each of these how large another one has to be.
    """

    u: array[int]
    bits: int
    size: arb
    most: list[list[int]] = field(default_factory=list)
    bars: list[int] = field(default_factory=list)

    def start(self, classes: int) -> None:
        """Forget what was found."""
        self.most, self.bars = [[] for _ in range(2 * classes)], [0] * (2 * classes)

    def take(self, place: int, more: list[int], count: int) -> None:
        """Others that exceed the bar."""
        kept = self.most[place]
        kept += more
        if len(kept) > count:
            kept.sort(reverse=True)
            del kept[count:]
            self.bars[place] = kept[-1]

    def order(self) -> list[tuple[int, int]]:
        """All that was found, of either sign, in falling order, with the class."""
        return sorted(((x, place // 2) for place, kept in enumerate(self.most) for x in kept), reverse=True)

    def drops(self, condition: Condition, count: int, order: Sequence[tuple[int, int]], spare: int) -> list[int]:
        """What the rows that take most from a condition take, in falling order; fewer where fewer take anything.

        A row of `today` that pulls its way takes its contrast twice, as the other class, and so does one of `other`
        that pushes; a row of another class takes its whole influence, as one of both.

        Args:
            condition: what they take from.
            count: of the rows.
            order: `order()`.
            spare: how many rows of `other` at most.
        """
        c = condition
        found = [c.top * x for x in (*self.most[2 * c.today],
                                     *sorted(self.most[2 * c.other + 1], reverse=True)[:spare])]
        found += [c.size * x for x, _ in islice((one for one in order if one[1] not in (c.today, c.other)), count)]
        return sorted(found, reverse=True)[:count]


def point_of(solution: Solution) -> Point:
    """The point of a solution, whose integers have less than 63 bits."""
    return Point(array("q", map(int, solution.u)), solution.bits, solution.size)


@dataclass(frozen=True)
class Found:
    """What a reading has found: influences of point j are integers times `units[j]`, each off by `each[j]` at most."""

    units: list[arb]
    each: list[arb]


def largest(ground: Ground, points: Sequence[Point], count: int, bits: tuple[int, int]) -> Found:
    """Fill in the largest influences on some points by one reading of the rows.

    An influence `φ·u` errs by `√p·2^−f|u|` for features cut to f bits, and by `p·2^−b` for u cut to b bits, as no
    scaled feature exceeds 1.

    Args:
        ground: of the rows.
        points: the points.
        count: how many are kept of every class and sign.
        bits: of features, no more than with which nothing more is lost, and of solutions.
    """
    rows, shifts, bits = ground.rows, ground.system.shifts, (min(bits[0], ground.bits), bits[1])
    p, drops = rows.shape[1], list[int]()
    for point in points:
        point.start(rows.number)
        drops.append(max(0, max(map(abs, point.u), default=0).bit_length() - bits[1]))
    short = [fmpz_mat([[x >> drop for x in points[j].u] for j, drop in list(enumerate(drops))[at:at + POINTS]])
             for at in range(0, len(points), POINTS)]
    for first, part in rows.parts(shifts, bits[0]):
        ordered, ends = by_class(part, rows.classes[first:first + len(part) // p])
        across = matrix(ordered, p).transpose()
        size = across.ncols()
        for at, us in zip(range(0, len(points), POINTS), short, strict=True):
            values = list(map(int, (us * across).entries()))
            for r, point in enumerate(points[at:at + POINTS]):
                _take(point, values[r * size:(r + 1) * size], ends, count)
    features = arb(p).sqrt() * scale(bits[0]) if bits[0] < ground.bits else ZERO
    units = [scale(bits[0] + point.bits - drop) for point, drop in zip(points, drops, strict=True)]
    each = [(features * point.size + (p * scale(point.bits - drop) if drop else ZERO)).upper()
            for point, drop in zip(points, drops, strict=True)]
    return Found(units, each)


def _take(point: Point, values: list[int], ends: list[tuple[int, int, int]], count: int) -> None:
    """The influences of a part on a point."""
    for y, start, stop in ends:
        own = values[start:stop]
        bar, below = point.bars[2 * y], -point.bars[2 * y + 1]
        above = [x for x in own if x > bar]
        if above:
            point.take(2 * y, above, count)
        under = [-x for x in own if x < below]
        if under:
            point.take(2 * y + 1, under, count)
