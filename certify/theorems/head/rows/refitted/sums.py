"""Weights near refits from the refits of smaller changes, by inclusion and exclusion. Nothing is trusted.

Of a change M the sum `Σ (−1)^(|M|−1−|S|) V_S` over the smaller changes S that it contains would be the refit if no more
rows than `|M| − 1` interacted at a time.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from certify.rigor.fp import Array
from certify.systems.head.rows.head import Whole

Item = tuple[int, int]
"""The place of a row among those that may change, and the number of what it becomes."""


class Sums:
    """Changes as ascending sequences of items, numbered in lexicographic order, and weights of all small ones.

    Attributes:
        n: rows that may change.
        each: what a row may become.
        count: rows of the largest changes.

    Args:
        n, each, count: as above.
        weights: `(A_s, …)` weights after the changes of s rows, s = 0 … count − 1.
    """

    def __init__(self, n: int, each: int, count: int, weights: list[Array]) -> None:
        self.n, self.each, self.count = n, each, count
        self._weights = weights
        self._start: list[Whole] = []
        last = np.array([-1])
        for _ in range(count):
            below = (n - 1 - last) * each
            self._start.append(np.concatenate([[0], np.cumsum(below)[:-1]]))
            if len(self._start) < count:
                last = np.concatenate([np.repeat(np.arange(one + 1, n), each) for one in last])
        self._shape = weights[0].shape[1:]

    def place(self, chosen: tuple[Item, ...]) -> int:
        """The number of a change among those of as many rows."""
        at, last = 0, -1
        for level, (row, code) in enumerate(chosen):
            at = self.begin(level, at, last, row) + code
            last = row
        return at

    def begin(self, level: int, at: int, last: int, row: int) -> int:
        """The number of the first change that has a row, and one of the level's before it, whose last row is given."""
        return int(self._start[level][at]) + (row - last - 1) * self.each

    def family(self, prefix: tuple[Item, ...]) -> Array:
        """Sums for a change of `count − 1` rows with each item after its last."""
        after = prefix[-1][0] + 1
        total = np.zeros(((self.n - after) * self.each, *self._shape))
        for size in range(self.count):
            sign = 1.0 if (self.count - 1 - size) % 2 == 0 else -1.0
            for part in combinations(prefix, size):
                at = self.place(part)
                total += sign * self._weights[size][at]
                if size < self.count - 1:
                    begin = self.begin(size, at, part[-1][0] if part else -1, after)
                    total -= sign * self._weights[size + 1][begin : begin + len(total)]
        return total

    def parent(self, prefix: tuple[Item, ...]) -> Array:
        """Weights after a change of `count − 1` rows."""
        return np.asarray(self._weights[-1][self.place(prefix)])
