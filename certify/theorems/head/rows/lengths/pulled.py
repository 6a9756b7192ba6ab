"""One reading for how long rows are, and how hard the longest pull."""

from __future__ import annotations

from dataclasses import dataclass

from certify.rigor.fp import RAISE, Array
from certify.systems.head.rows.stored.tally import PerRow, Told
from certify.theorems.head.rows.lengths.slopes import At, Measure
from certify.theorems.head.rows.squared.streamed.largest import Largest, add_to, told_of


@dataclass(frozen=True, eq=False)
class Pulled:
    """The `count` largest pulls and leverages: `p_j|s_j|`, or `|s_j|` where labels change, and `r_j²|s_j|²`."""

    w: Array
    Y: PerRow
    R: Array
    back: float
    gap: float
    relabels: bool
    count: int
    beside: int = 0

    def tally(self) -> PulledFound:
        """Nothing yet."""
        return PulledFound(self)


class PulledFound:
    """Of the parts so far."""

    def __init__(self, task: Pulled) -> None:
        self._at, self._measure = At(task.w, task.Y), Measure(task.R, task.back, task.gap)
        self._relabels = task.relabels
        self.pulls, self.leverages, self.length = Largest(task.count), Largest(task.count), Largest(1)

    def take(self, number: int, start: int, part: Array) -> None:
        """Another part."""
        at = self._at.slopes(start, part)
        size = self._measure.of(part, at.norms)
        self.length.take(size)
        self.pulls.take(size if self._relabels else size * at.pull * RAISE)
        self.leverages.take(size * size * (at.root * at.root) * RAISE)

    def told(self) -> Told:
        """As arrays."""
        return told_of("all", [self.pulls, self.leverages, self.length])

    def add(self, told: Told) -> None:
        """Of the parts that follow."""
        add_to([self.pulls, self.leverages, self.length], told, "all")
