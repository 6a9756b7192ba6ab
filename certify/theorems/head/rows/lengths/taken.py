"""One reading for what changed rows take from evaluation rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.stored.tally import Told, most
from certify.theorems.head.rows.lengths.kept import bend, bend_over
from certify.theorems.head.rows.lengths.slopes import Measured, Slopes
from certify.theorems.head.rows.pair_tree.curves import EVEN
from certify.theorems.head.rows.squared.streamed.largest import Largest, add_to, told_of


@dataclass(frozen=True, eq=False)
class Taken(Measured):
    """The `count` rows that take most from each evaluation row.

    Attributes:
        u: (N, p) solutions for the evaluation rows.
    """

    unsure: float
    distance: float
    relabels: bool
    u: Array
    count: int

    @property
    def beside(self) -> int:
        """An influence on every evaluation row, and what it takes."""
        return 2 * len(self.u)

    def tally(self) -> TakenFound:
        """Nothing yet."""
        return TakenFound(self)


class TakenFound:
    """Of the parts so far.

    Attributes:
        largest: for each evaluation row the most that rows take, with their numbers and the least that they take.
        bent: (N,) the largest `|c_j|β(x_j)`: what linearising a row leaves along an evaluation row, over `l''_jτ_j²`.
    """

    def __init__(self, task: Taken) -> None:
        self._task = task
        self.largest, self.bent = [Largest(task.count, 2) for _ in task.u], np.zeros(len(task.u))

    def take(self, number: int, start: int, part: Array) -> None:
        """Another part."""
        at, size = self._task.of(start, part)
        C = fp.require_finite(self._task.u @ part.T, "influences") * at.sign
        numbers = np.arange(start, start + len(part), dtype=np.float64)
        moved = self._task.distance * size * RAISE
        self.bent = most(self.bent, (np.abs(C) * (bend_over(moved) * RAISE)).max(axis=1))
        low, high = np.ones(len(part)), np.ones(len(part))
        if not self._task.relabels:
            low, high = pulls(at, moved, self._task.unsure)
        values_of, least = C * high, C * low
        for largest, values, beside in zip(self.largest, values_of, least, strict=True):
            largest.take(values, np.array([numbers, beside]))

    def told(self) -> Told:
        """As arrays."""
        return {"bent": self.bent, **told_of("largest", self.largest)}

    def add(self, told: Told) -> None:
        """Of the parts that follow."""
        self.bent = most(self.bent, told["bent"])
        add_to(self.largest, told, "largest")


def pulls(at: Slopes, moved: Array, unsure: float) -> tuple[Array, Array]:
    """Between what rows pull where their margins may have moved: `p ± l''(e^x − 1)`, within 0 and 1."""
    grown = moved * (1.0 + bend(moved))  # e^x − 1
    change = (grown * at.root * at.root * ((1.0 + unsure) * EVEN) + at.p_off) * RAISE
    return np.maximum(at.p - change - 2.0 * U, 0.0), np.minimum((at.p + change) * RAISE, 1.0)
