"""How long rows are in the norm of the inverse curvature, and what the longest pulls of m rows add up to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import Array
from certify.systems.head.rows.stored.curved import roots, slopes_of
from certify.systems.head.rows.stored.tally import PerRow, Told
from certify.theorems.head.rows.squared.streamed.largest import Largest, add_to, told_of


def pulls(part: Array, V: Array, Y: Array, relabel: bool) -> Array:
    """`(b,)` what the slope of each row moves by when it is left out, or gets the other label: the label itself."""
    return Y[:, 0] if relabel else -slopes_of(part, V, Y)[0][:, 0]


@dataclass(frozen=True, eq=False)
class Reach:
    """The longest `Rφ_i`, the largest `|c_i||Rφ_i|`, and the largest curvatures times `|Rφ_i|²`.

    Attributes:
        R: `(p, p)`.
        V: `(p,)` weights at which slopes are.
        ref: `(p,)` weights at which curvatures are.
        Y: `(n, 1)` labels.
        count: how many rows change.
        relabel: whether they get the other label; else they are left out.
    """

    R: Array
    V: Array
    ref: Array
    Y: PerRow
    count: int
    relabel: bool
    beside: int = 0

    def tally(self) -> ReachFound:
        """Nothing yet."""
        return ReachFound(self)


class ReachFound:
    """Of the parts so far.

    Attributes:
        longest: the largest `|Rφ_i|`.
        pulled, held: the largest of the other numbers.
    """

    def __init__(self, task: Reach) -> None:
        self._task, self.longest = task, 0.0
        self.pulled, self.held = Largest(task.count), Largest(task.count)

    def take(self, number: int, start: int, part: Array) -> None:
        """Another part."""
        task = self._task
        size = fp.row_norms(fp.require_finite(part @ task.R.T, "hat matrix"))
        self.longest = max(self.longest, float(size.max()))
        self.pulled.take(np.abs(pulls(part, task.V, task.Y.at(start, len(part)), task.relabel)) * size)
        if not task.relabel:
            self.held.take((roots(part, task.ref) * size) ** 2)

    def told(self) -> Told:
        """As arrays."""
        return {"longest": np.array([self.longest]), **told_of("pulled", [self.pulled]), **told_of("held", [self.held])}

    def add(self, told: Told) -> None:
        """Of the parts that follow."""
        self.longest = max(self.longest, float(told["longest"][0]))
        add_to([self.pulled], told, "pulled")
        add_to([self.held], told, "held")


@dataclass(frozen=True, eq=False)
class Taken:
    """What each row takes from the margin of every point to first order: the largest, with the numbers of the rows.

    Attributes:
        u: `(N, p)` solutions for the points.
        sides: `(N,)` 1 or −1, the sign of each point's output.
        V, Y, count, relabel: as of :class:`Reach`.
    """

    u: Array
    sides: Array
    V: Array
    Y: PerRow
    count: int
    relabel: bool

    @property
    def beside(self) -> int:
        """An influence on every point."""
        return len(self.u)

    def tally(self) -> TakenFound:
        """Nothing yet."""
        return TakenFound(self)


class TakenFound:
    """Of the parts so far.

    Attributes:
        largest: for each point.
        influence: `(N,)` the largest influence on each point.
    """

    def __init__(self, task: Taken) -> None:
        self._task, self.influence = task, np.zeros(len(task.u))
        self.largest = [Largest(task.count, 1) for _ in task.u]

    def take(self, number: int, start: int, part: Array) -> None:
        """Another part."""
        task = self._task
        Q = fp.require_finite(task.u @ part.T, "influences")
        self.influence = np.maximum(self.influence, np.maximum(Q.max(axis=1), -Q.min(axis=1)))
        c = pulls(part, task.V, task.Y.at(start, len(part)), task.relabel)
        at = np.arange(start, start + len(part), dtype=np.float64)[None, :]
        for largest, q, side in zip(self.largest, Q, task.sides.tolist(), strict=True):
            largest.take((side * c) * q, at)

    def told(self) -> Told:
        """As arrays."""
        return {"influence": self.influence, **told_of("largest", self.largest)}

    def add(self, told: Told) -> None:
        """Of the parts that follow."""
        self.influence = np.maximum(self.influence, told["influence"])
        add_to(self.largest, told, "largest")
