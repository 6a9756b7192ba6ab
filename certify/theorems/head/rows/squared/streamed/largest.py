"""The largest numbers of a long sequence that comes in parts."""

from __future__ import annotations

import numpy as np

from certify.rigor.fp import Array
from certify.theorems.head.rows.squared.contrasts import Ints


class Largest:
    """The `most` largest positive numbers so far, with what stands beside them.

    Args:
        most: how many, at least 1.
        width: numbers that stand beside each.

    >>> found = Largest(2, 1)
    >>> for part in ([1.0, 5.0, -1.0], [3.0, 4.0]):
    ...     found.take(np.array(part), np.array([part]))
    >>> [x.tolist() for x in found.sorted()], found.whole
    ([[5.0, 4.0], [[5.0, 4.0]]], False)
    """

    def __init__(self, most: int, width: int = 0) -> None:
        self.most, self.bar, self.whole = most, 0.0, True
        self._held = np.empty((1 + width, 0))
        self._waiting: list[Array] = []
        self._count = 0

    def take(self, values: Array, beside: Array | None = None) -> None:
        """One part: `(b,)` numbers, and `(width, b)` beside them."""
        at = np.flatnonzero(values > self.bar)
        if not len(at):
            return
        kept = values[at][None, :] if beside is None else np.concatenate([values[at][None, :], beside[:, at]])
        self._waiting.append(kept)
        self._count += len(at)
        if self._count > 2 * self.most:
            self._settle()

    def sorted(self) -> tuple[Array, Array]:
        """The numbers, largest first, and what stands beside them."""
        self._settle()
        at: Ints = np.argsort(-self._held[0], kind="stable")
        return self._held[0, at], self._held[1:, at]

    def _settle(self) -> None:
        held = np.concatenate([self._held, *self._waiting], axis=1)
        if held.shape[1] > self.most:
            at = np.argpartition(held[0], held.shape[1] - self.most)[held.shape[1] - self.most :]
            held = held[:, at]
            self.bar, self.whole = float(held[0].min()), False
        self._held, self._waiting, self._count = held, [], held.shape[1]
