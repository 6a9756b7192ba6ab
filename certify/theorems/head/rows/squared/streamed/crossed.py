"""Entries of the hat matrix in rows and columns of long rows: the largest of every row, and what bounds the rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import Array
from certify.systems.head.rows.stored.tally import Told
from certify.theorems.head.rows.squared.contrasts import Ints
from certify.theorems.head.rows.squared.streamed.largest import Largest, add_to, told_of


@dataclass(frozen=True, eq=False)
class Crossed:
    """The `kept` largest `|a_i·a_l|` of every row, `a = Rφ`: of a long one among all, else among columns of long rows.

    Attributes:
        R: the factor.
        long: `(L, p)` the long `a_l`.
        at: `(L,)` the numbers of these rows, ascending.
        kept: how many, no more than there are long rows.
    """

    R: Array
    long: Array
    at: Array
    kept: int

    @property
    def beside(self) -> int:
        """A stretched row, its entries, and these once more by columns."""
        return len(self.R) + 2 * len(self.long)

    def tally(self) -> CrossedFound:
        """Nothing yet."""
        return CrossedFound(self)


class CrossedFound:
    """Of the parts so far."""

    def __init__(self, task: Crossed) -> None:
        self._task, self._at = task, task.at.astype(np.int64)
        self._parts = [np.empty((2, 0, task.kept))]
        self._columns = [Largest(task.kept, 1) for _ in self._at]

    def take(self, number: int, start: int, part: Array) -> None:
        """Another part."""
        task = self._task
        size = np.abs(fp.require_finite((part @ task.R.T) @ task.long.T, "hat matrix"))
        mine = np.flatnonzero((self._at >= start) & (self._at < start + len(part)))
        size[self._at[mine] - start, mine] = 0.0  # no row stands beside itself
        places = np.argpartition(size, len(self._at) - task.kept, axis=1)[:, len(self._at) - task.kept :]
        self._parts.append(np.array([self._at[places], np.take_along_axis(size, places, axis=1)]))
        numbers = np.arange(start, start + len(part), dtype=np.float64)[None, :]
        for found, values in zip(self._columns, np.ascontiguousarray(size.T), strict=True):
            found.take(values, numbers)

    def entries(self) -> tuple[Ints, Array, Array]:
        """`(n, kept)` columns and entries of each row, and `(n,)` what none of its others exceeds.

        Of a row that is not long the others are those in columns of long rows.
        """
        ids, values = np.concatenate(self._parts, axis=1)
        bars = values.min(axis=1)
        for row, found in zip(self._at.tolist(), self._columns, strict=True):
            top, beside = found.sorted()
            ids[row], values[row] = 0.0, 0.0
            ids[row, : len(top)], values[row, : len(top)] = beside[0], top
            bars[row] = 0.0 if found.whole else top[-1]
        return ids.astype(np.int64), values, bars

    def told(self) -> Told:
        """As arrays."""
        return {"rows": np.concatenate(self._parts, axis=1), **told_of("columns", self._columns)}

    def add(self, told: Told) -> None:
        """Of the parts that follow."""
        self._parts.append(told["rows"])
        add_to(self._columns, told, "columns")
