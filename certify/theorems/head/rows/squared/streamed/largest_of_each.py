"""The largest numbers of each of many sequences that come in parts, side by side: as `Largest`, all of them at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from certify.rigor.fp import Array
from certify.theorems.head.rows.squared.contrasts import Ints

GROUPS = 4
"""Groups of a part, for each number that is kept: the largest of each group say about where the least kept one lies."""


class LargestOfEach:
    """The `most` largest positive numbers of each sequence so far, with what stands beside; of equal ones the first.

    Which ones they are does not depend on how the sequences were divided.

    Args:
        count: how many sequences.
        most: how many numbers of each, at least 1.
        width: numbers that stand beside each.

    >>> found = LargestOfEach(2, 2, 1)
    >>> for part in ([[1.0, 5.0, -1.0], [0.0, 1.0, -1.0]], [[3.0, 4.0, 9.0], [0.0, 0.0, -1.0]]):
    ...     found.take(np.arange(2), np.array(part), [np.array([7.0, 8.0, 9.0])])
    >>> found.falling().tolist(), found.counts().tolist(), found.beside()[0].tolist()
    ([[9.0, 5.0], [1.0, 0.0]], [2, 1], [[9.0, 8.0], [8.0, 0.0]])
    """

    def __init__(self, count: int, most: int, width: int = 0) -> None:
        self.most = most
        self._least = np.full(count, np.nextafter(0.0, 1.0))  # a number below it is none of the largest
        self._held = np.empty((2 + width, 0))  # number of the sequence, and its numbers in falling order
        self._waiting: list[Array] = []
        self._waits = 0

    def take(self, at: Ints, values: Array, beside: Sequence[Array] = ()) -> None:
        """One part of some sequences.

        Args:
            at: `(s,)` which ones, in rising order.
            values: `(s, b)` numbers. Of a sequence with a NaN nothing is kept of this part: sizes beside it tell.
            beside: `(b,)` or `(s, b)`, `width` arrays.
        """
        least = self._least[at]
        if values.shape[1] > self.most and (least < np.finfo(float).tiny).any():
            least = np.maximum(least, _about(values, self.most))
        some: Ints = np.flatnonzero(values.max(axis=1) >= least)
        if len(some):
            part = values if len(some) == len(at) else values[some]
            row, column = np.divmod(np.flatnonzero(part >= least[some, None]), values.shape[1])
            row = some[row]
            self._keep(np.array([at[row], values[row, column],
                                 *(one[column] if one.ndim == 1 else one[row, column] for one in beside)]))

    def counts(self) -> Ints:
        """`(count,)` how many numbers of each are held."""
        self._settle()
        return np.bincount(self._held[0].astype(np.int64), minlength=len(self._least))

    def falling(self) -> Array:
        """`(count, most)` the numbers, largest first; 0 where there are fewer."""
        return np.asarray(self._table()[0])

    def beside(self) -> Array:
        """`(width, count, most)` what stands beside them; 0 where there are fewer."""
        return self._table()[1:]

    def told(self, name: str) -> dict[str, Array]:
        """What is held, as arrays whose names begin so."""
        return {f"{name}.counts": self.counts().astype(np.float64), f"{name}.held": self._held[1:]}

    def add(self, told: Mapping[str, Array], name: str) -> None:
        """What another one holds of the sequences that follow."""
        counts = told[f"{name}.counts"].astype(np.int64)
        self._keep(np.vstack([np.repeat(np.arange(len(counts), dtype=np.float64), counts), told[f"{name}.held"]]))

    def _table(self) -> Array:
        counts = self.counts()
        found = np.zeros((len(self._held) - 1, len(counts), self.most))
        found[:, np.repeat(np.arange(len(counts)), counts), _places(counts)] = self._held[1:]
        return found

    def _keep(self, columns: Array) -> None:
        self._waiting.append(columns)
        self._waits += columns.shape[1]
        if self._waits > self.most * len(self._least):
            self._settle()

    def _settle(self) -> None:
        if not self._waiting:
            return
        held = np.concatenate([self._held, *self._waiting], axis=1)
        held = held[:, np.lexsort((-held[1], held[0]))]  # of equal ones the first stay before the others
        place = _places(np.bincount(held[0].astype(np.int64), minlength=len(self._least)))
        self._held, self._waiting, self._waits = held[:, place < self.most], [], 0
        last = held[:2, place == self.most - 1]
        self._least[last[0].astype(np.int64)] = np.nextafter(last[1], np.inf)


def _places(counts: Ints) -> Ints:
    """`0 … c − 1` for each of the counts c, one after another."""
    ends = np.cumsum(counts)
    return np.asarray(np.arange(counts.sum()) - np.repeat(ends - counts, counts))


def _about(values: Array, most: int) -> Array:
    """`(s,)` lower bounds of the `most`-th largest number of each row of `(s, b)`, `b > most`, near it."""
    groups = GROUPS * max(most, 16)
    each = values.shape[1] // groups
    if each > 1:  # so many groups have a number that is no less than the `most`-th of their largest ones
        values = values[:, : each * groups].reshape(len(values), each, groups).max(axis=1)
    at = values.shape[1] - most
    return np.asarray(np.partition(values, at, axis=1)[:, at])
