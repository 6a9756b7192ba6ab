"""What a new label of each row takes from contrasts of evaluation rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import Array
from certify.systems.head.rows.stored.tally import PerRow, Told, most
from certify.theorems.head.rows.squared.contrasts import Ints, swing
from certify.theorems.head.rows.squared.streamed.influences import of_lines
from certify.theorems.head.rows.squared.streamed.largest import Largest, add_to, told_of
from certify.theorems.head.rows.squared_labels import Point, drops


@dataclass(frozen=True, eq=False)
class Drops:
    """The largest numbers of every contrast of a point that is asked about.

    Attributes:
        u: `(P, p)` solutions for the points.
        Y: `(n, k)` targets.
        codes: `(c, k)` what they may become.
        open_codes: `(n, c)` which of these a row may be given.
        contrasts: their lines.
        asked: `(A, 2)` point, and number of the contrast.
        kept: how many numbers of each.
    """

    u: Array
    Y: PerRow
    codes: Array
    open_codes: PerRow
    contrasts: Array
    asked: Ints
    kept: int

    @property
    def beside(self) -> int:
        """An influence on every point, and two swings of every contrast."""
        return len(self.u) + 2 * len(self.contrasts)

    def tally(self) -> DropsFound:
        """Nothing yet."""
        return DropsFound(self)


class DropsFound:
    """Of the parts so far.

    Attributes:
        largest: for each contrast of a point.
        influence: `(P,)` the largest influence on each point.
        sizes: `(C, 2)` for each contrast what rounding costs a swing, and its largest size.
    """

    def __init__(self, task: Drops) -> None:
        self._task, self._contrasts = task, of_lines(task.contrasts)
        self.largest = [Largest(task.kept) for _ in task.asked]
        self.influence, self.sizes = np.zeros(len(task.u)), np.zeros((len(self._contrasts), 2))

    def take(self, number: int, start: int, part: Array) -> None:
        """Another part."""
        task = self._task
        Q = fp.require_finite(task.u @ part.T, "influences")
        self.influence = most(self.influence, np.maximum(Q.max(axis=1), -Q.min(axis=1)))
        Y, open_codes = (x.at(start, len(part)) for x in (task.Y, task.open_codes))
        swings = [swing(c, Y, task.codes, open_codes) for c in self._contrasts]
        self.sizes = most(self.sizes, np.array([[s.coarse, s.largest] for s in swings]).reshape(-1, 2))
        for found, (point, contrast) in zip(self.largest, task.asked.tolist(), strict=True):
            found.take(drops(Point(Q[point], 0.0, 0.0), swings[contrast]))

    def told(self) -> Told:
        """As arrays."""
        return {"influence": self.influence, "sizes": self.sizes, **told_of("largest", self.largest)}

    def add(self, told: Told) -> None:
        """Of the parts that follow."""
        self.influence, self.sizes = most(self.influence, told["influence"]), most(self.sizes, told["sizes"])
        add_to(self.largest, told, "largest")
