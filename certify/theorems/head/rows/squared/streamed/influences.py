"""What deleting each row takes from contrasts of evaluation rows, to first order and with what many rows add."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import Array
from certify.systems.head.rows.stored.tally import PerRow, Told, most
from certify.theorems.head.rows.squared.contrasts import Contrast, Ints
from certify.theorems.head.rows.squared.spectral import terms_of
from certify.theorems.head.rows.squared.streamed.largest_of_each import LargestOfEach

AT_ONCE = 2**16
"""Products that are worked on at a time: they stay in the cache next to a core."""


def as_lines(contrasts: list[Contrast]) -> Array:
    """Contrasts as lines of numbers."""
    return np.array([[c.a, c.b, c.sign, c.offset] for c in contrasts], dtype=np.float64).reshape(-1, 4)


def of_lines(lines: Array) -> list[Contrast]:
    """The contrasts that they were.

    >>> of_lines(as_lines([Contrast(1, -1, -1.0, 0.5)]))
    [Contrast(a=1, b=-1, sign=-1.0, offset=0.5)]
    """
    return [Contrast(int(a), int(b), float(sign), float(offset)) for a, b, sign, offset in lines]


@dataclass(frozen=True, eq=False)
class Influences:
    """The largest numbers of every contrast of a point that is asked about.

    Attributes:
        u: `(N, p)` solutions for the points.
        fit: `(k, p)` weights near the refit, for the scaled columns.
        Y: `(n, k)` targets.
        contrasts: their lines.
        asked: `(A, 2)` point, and number of the contrast.
        sigma: `(A,)` σ of D4c.
        lam: λ of D4c.
        count: how many rows go.
        R: where it is given, residuals are divided by `1 − |Rφ_i|²`, about what a row leaves (D4f, D4a).
        xi: `(n,)` the comparison of D4a, `|c_i|ξ_i` of which is added to a term.
    """

    u: Array
    fit: Array
    Y: PerRow
    contrasts: Array
    asked: Ints
    sigma: Array
    lam: float
    count: int
    R: Array | None = None
    xi: Array | None = None

    @property
    def beside(self) -> int:
        """An influence on every point."""
        return len(self.u)

    def tally(self) -> InfluencesFound:
        """Nothing yet."""
        return InfluencesFound(self)

    def of(self, start: int, part: Array) -> tuple[Array, Array]:
        """`(N, b)` influences and `(b, k)` residuals of a part."""
        C = fp.require_finite(self.u @ part.T, "influences")
        values = self.Y.at(start, len(part)) - part @ self.fit.T
        if self.R is not None:
            stretched = part @ self.R.T
            values /= (1.0 - np.einsum("ij,ij->i", stretched, stretched))[:, None]
        return C, fp.require_finite(values, "residuals")


class InfluencesFound:
    """Of the parts so far.

    Attributes:
        bound: for each contrast of a point the largest terms of D4c.
        first: and the rows that take most to first order: with their numbers, influences and residuals.
        influence: `(N,)` the largest influence on each point.
        residual: `(k,)` the largest residual of each output.
        contrasted: `(C,)` and of each contrast.
    """

    def __init__(self, task: Influences) -> None:
        self._task, self._contrasts = task, of_lines(task.contrasts)
        self.bound = LargestOfEach(len(task.asked), task.count)
        self.first = LargestOfEach(len(task.asked), task.count, 3)
        self.influence, self.residual = np.zeros(len(task.u)), np.zeros(len(task.fit))
        self.contrasted = np.zeros(len(self._contrasts))

    def take(self, number: int, start: int, part: Array) -> None:
        """Another part."""
        task = self._task
        C, values = task.of(start, part)
        self.influence = most(self.influence, np.maximum(C.max(axis=1), -C.min(axis=1)))
        self.residual = most(self.residual, np.abs(values).max(axis=0))
        numbers = np.arange(start, start + len(part), dtype=np.float64)
        xi = None if task.xi is None else task.xi[start : start + len(part)]
        step = max(1, AT_ONCE // len(part))
        for number_of, contrast in enumerate(self._contrasts):  # never all contrasts of all rows at once
            asked, r = np.flatnonzero(task.asked[:, 1] == number_of), contrast.of(values)
            self.contrasted[number_of] = np.maximum(self.contrasted[number_of], np.abs(r).max())  # NaN stays
            for begin in range(0, len(asked), step):
                at = asked[begin : begin + step]
                c = C[task.asked[at, 0]]
                product = c * r
                self.bound.take(at, terms_of(product, c, r, task.lam, task.sigma[at, None]) if xi is None
                                else product + np.abs(c) * xi)
                self.first.take(at, product, (numbers, c, r))

    def told(self) -> Told:
        """As arrays."""
        return {"influence": self.influence, "residual": self.residual, "contrasted": self.contrasted,
                **self.bound.told("bound"), **self.first.told("first")}

    def add(self, told: Told) -> None:
        """Of the parts that follow."""
        self.influence = most(self.influence, told["influence"])
        self.residual = most(self.residual, told["residual"])
        self.contrasted = most(self.contrasted, told["contrasted"])
        self.bound.add(told, "bound")
        self.first.add(told, "first")
