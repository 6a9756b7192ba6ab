"""One reading for how long rows are, and how hard the longest pull."""

from __future__ import annotations

from dataclasses import dataclass

from certify.rigor.fp import RAISE, Array
from certify.systems.head.rows.stored.tally import Told
from certify.theorems.head.rows.lengths.slopes import Measured
from certify.theorems.head.rows.squared.streamed.largest import Largest, add_to, told_of


@dataclass(frozen=True, eq=False)
class Pulled(Measured):
    """The `count` largest pulls and leverages: `p_j|s_j|`, or `|s_j|` where labels change, and `r_j²|s_j|²`."""

    relabels: bool
    count: int
    beside: int = 0

    def tally(self) -> PulledFound:
        """Nothing yet."""
        return PulledFound(self)


class PulledFound:
    """Of the parts so far."""

    def __init__(self, task: Pulled) -> None:
        self._task = task
        self.pulls, self.leverages, self.length = Largest(task.count), Largest(task.count), Largest(1)

    def take(self, number: int, start: int, part: Array) -> None:
        """Another part."""
        at, size = self._task.of(start, part)
        self.length.take(size)
        self.pulls.take(size if self._task.relabels else size * at.pull * RAISE)
        self.leverages.take(size * size * (at.root * at.root) * RAISE)

    def told(self) -> Told:
        """As arrays."""
        return told_of("all", [self.pulls, self.leverages, self.length])

    def add(self, told: Told) -> None:
        """Of the parts that follow."""
        add_to([self.pulls, self.leverages, self.length], told, "all")
