"""D3 for rows on disk: which labels any m changed labels leave, and which some of them turn, found again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flint import arb

from certify.check.limits.shares import groups, shared
from certify.check.stored.conditions import Margin, conditions_of, lasts, margins
from certify.check.stored.evaluated import Row
from certify.check.stored.ground import Ground
from certify.check.stored.largest import QUICK, SHARP, Found, Point, largest, point_of
from certify.check.stored.stated import Stated
from certify.format.refusal import Invalid

ROOM = 2**28
"""Bytes for the largest influences of the points that are looked at by one reading of the rows."""

EACH = 40
"""Bytes of an integer in a list."""


@dataclass
class Open:
    """An evaluation row that only influences can decide.

    Attributes:
        number: of it.
        stays: whether it is stated to stay; else to flip.
        margins: its conditions.
        point: its solution.
    """

    number: int
    stays: bool
    margins: list[Margin]
    point: Point


class Labels:
    """The evaluation rows that are stated to stay, or to flip, under any `count` changed labels.

    Args:
        ground: of the training rows.
        stays: which of the evaluation rows are stated to stay.
        count: how many labels change.

    Attributes:
        already: how many of those that flip have another label before any change.
    """

    def __init__(self, ground: Ground, stays: Sequence[bool], count: int) -> None:
        self.ground, self.stays, self.count = ground, stays, count
        self.already = 0
        self._open: list[Open] = []

    def take(self, row: Row) -> None:
        """Another evaluation row: decided by lengths, or left for influences.

        Raises:
            Invalid: what is stated of it is not so before any change.
        """
        stays = self.stays[row.number]
        if row.label < 0:
            raise _wrong(row.number, stays, "the weights in the model file do not give it one label")
        if stays and self.ground.counts[row.label] <= self.count:
            raise _wrong(row.number, stays, lasts(self.ground.counts[row.label]))
        found = margins(self.ground, row.solution, row.sums, conditions_of(row.label, self.ground.counts))
        if stays and all(margin.far(self.count) for margin in found):
            return
        if stays and not all(margin.left(arb(0), 0, arb(0)) > 0 for margin in found):
            raise _wrong(row.number, stays, "it is not proved to have its label before any change")
        if not stays and any(margin.left(arb(0), 0, arb(0)) < 0 for margin in found):
            self.already += 1
            return
        self._open.append(Open(row.number, stays, found, point_of(row.solution)))

    def decide(self, tell: Callable[[str], None]) -> None:
        """All that are left, by their largest influences.

        Raises:
            Invalid: what is stated of one of them is not proved.
        """
        left = self._open
        tell(f"{len(left)} evaluation rows are left for the influences of all training rows")
        for bits in (QUICK, SHARP):
            left = self._undecided(left, bits, tell)
        if left:
            raise _wrong(left[0].number, left[0].stays, "it is not proved")

    def _undecided(self, rows: list[Open], bits: tuple[int, int], tell: Callable[[str], None]) -> list[Open]:
        """What influences in so many bits leave open."""
        parts = groups(len(rows), ROOM // (EACH * 4 * self.count * self.ground.rows.number))

        def group(number: int) -> list[bool]:
            some = [rows[j] for j in parts[number]]
            found = largest(self.ground, [one.point for one in some], self.count, bits)
            yes = [self._decided(one, found, j) for j, one in enumerate(some)]
            for one in some:
                one.point.start(0)
            return yes

        decided = [yes for found in shared(group, len(parts)) for yes in found]
        left = [one for one, yes in zip(rows, decided, strict=True) if not yes]
        tell(f"influences on {len(rows)} evaluation rows, {len(left)} of them left")
        return left

    def _decided(self, one: Open, found: Found, j: int) -> bool:
        """Whether what is stated is proved."""
        unit, each, order = found.units[j], found.each[j], one.point.order()
        # a class that wins has a row left
        after = ((m, drops := one.point.drops(m.condition, self.count, order,
                                              self.count if one.stays else m.condition.spare),
                  arb(sum(drops)) * unit) for m in one.margins)
        if one.stays:
            return all(margin.left(taken, self.count, each) > 0 for margin, _, taken in after)
        return any(margin.left(taken, len(drops), each) < 0 for margin, drops, taken in after)


def _wrong(number: int, stays: bool, why: str) -> Invalid:
    return Invalid(f"claim.{'stays' if stays else 'flips'}, evaluation row {number}", "it is stated", why)


def method(ground: Ground, stated: Stated, tell: Callable[[str], None]) -> Labels:  # noqa: ARG001
    """What checks the rows that are stated."""
    stays = [False] * stated.evaluation_rows
    for j in stated.stays:
        stays[j] = True
    return Labels(ground, stays, stated.count)
