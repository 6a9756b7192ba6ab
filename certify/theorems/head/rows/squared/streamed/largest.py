"""The largest numbers of a long sequence that comes in parts; of equal ones those that come first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from certify.rigor.fp import Array
from certify.theorems.head.rows.squared.contrasts import Ints


class Largest:
    """The `most` largest positive numbers so far, with what stands beside them.

    Which ones they are does not depend on how the sequence was divided.

    Args:
        most: how many, at least 1.
        width: numbers that stand beside each.

    >>> found = Largest(2, 1)
    >>> for part in ([1.0, 5.0, -1.0], [3.0, 4.0]):
    ...     found.take(np.array(part), np.array([part]))
    >>> [x.tolist() for x in found.sorted()], found.falling().tolist(), found.whole
    ([[5.0, 4.0], [[5.0, 4.0]]], [5.0, 4.0], False)
    """

    def __init__(self, most: int, width: int = 0) -> None:
        self.most, self.bar, self.whole = most, 0.0, True
        self._held = np.empty((1 + width, 0))
        self._waiting: list[Array] = []
        self._count = 0

    def take(self, values: Array, beside: Sequence[Array] | Array = ()) -> None:
        """One part: `(b,)` numbers, and `width` times as many beside them."""
        at = (values > self.bar).nonzero()[0]
        if len(at) > self.most:  # of a first part, half of the rows: what stands beside most of them is never asked for
            at = at[_first_largest(values[at], self.most)]
            self.bar, self.whole = float(values[at].min()), False
        if len(at):
            self._keep(np.array([values[at], *(one[at] for one in beside)]))

    def sorted(self) -> tuple[Array, Array]:
        """The numbers, largest first, and what stands beside them."""
        self._settle()
        at: Ints = np.argsort(-self._held[0], kind="stable")
        return self._held[0, at], self._held[1:, at]

    def falling(self) -> Array:
        """The numbers alone, largest first; the order of equal ones does not show, and need not be found out."""
        self._settle()
        return np.sort(self._held[0])[::-1]

    def held(self) -> Array:
        """The numbers, with what stands beside them in the rows below, in the order in which they came."""
        self._settle()
        return self._held

    def add(self, held: Array, whole: bool) -> None:
        """What another one holds of the sequence that follows, and whether that was all that is positive there."""
        self.whole &= whole
        if held.shape[1]:
            self._keep(held)

    def _keep(self, columns: Array) -> None:
        self._waiting.append(columns)
        self._count += columns.shape[1]
        if self._count > 2 * self.most:
            self._settle()

    def _settle(self) -> None:
        if self._waiting:
            held = np.concatenate([self._held, *self._waiting], axis=1)
            if held.shape[1] > self.most:
                held = held[:, _first_largest(held[0], self.most)]
                self.bar, self.whole = float(held[0].min()), False
            self._held, self._waiting, self._count = held, [], held.shape[1]


def _first_largest(values: Array, most: int) -> Ints:
    """Places of the largest numbers in their order; of those that equal the least of them the first ones."""
    order = values.copy()
    order.partition(len(values) - most)
    bar = order[len(values) - most]
    at: Ints = (values >= bar).nonzero()[0]
    if len(at) > most:
        equal = values[at] == bar
        at = at[~equal | (equal.cumsum() <= most - int((~equal).sum()))]
    return at


def told_of(name: str, found: Sequence[Largest]) -> dict[str, Array]:
    """What many of them hold, as arrays whose names begin so."""
    if not found:
        return {}
    held = [one.held() for one in found]
    counts = np.array([[one.shape[1] for one in held], [one.whole for one in found]], dtype=np.float64)
    return {f"{name}.counts": counts, f"{name}.held": np.concatenate(held, axis=1)}


def add_to(found: Sequence[Largest], told: Mapping[str, Array], name: str) -> None:
    """What others hold of the sequences that follow, in the same order."""
    start, counts = 0, told.get(f"{name}.counts", np.empty((2, 0)))
    for one, count, whole in zip(found, counts[0].astype(np.int64).tolist(), counts[1].tolist(), strict=True):
        one.add(told[f"{name}.held"][:, start : start + count], bool(whole))
        start += count
