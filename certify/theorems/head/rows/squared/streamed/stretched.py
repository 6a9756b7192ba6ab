"""The lengths of all rows as the factor stretches them: the diagonal of the hat matrix, the largest entries of it."""

from __future__ import annotations

from dataclasses import dataclass

from certify.rigor import fp
from certify.rigor.fp import Array
from certify.systems.head.rows.stored.tally import Told
from certify.theorems.head.rows.squared.streamed.largest import Largest, add_to, told_of


@dataclass(frozen=True, eq=False)
class Stretched:
    """The `count` largest lengths of `Rφ_i`."""

    R: Array
    count: int
    beside: int = 0

    def tally(self) -> StretchedFound:
        """Nothing yet."""
        return StretchedFound(self)


class StretchedFound:
    """Of the parts so far."""

    def __init__(self, task: Stretched) -> None:
        self._task, self.largest = task, Largest(task.count)

    def take(self, number: int, start: int, part: Array) -> None:
        """Another part."""
        self.largest.take(fp.row_norms(fp.require_finite(part @ self._task.R.T, "hat matrix")))

    def told(self) -> Told:
        """As arrays."""
        return told_of("largest", [self.largest])

    def add(self, told: Told) -> None:
        """Of the parts that follow."""
        add_to([self.largest], told, "largest")
