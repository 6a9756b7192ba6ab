"""Sums of parts in an order that their numbers alone say, so that it does not matter who summed which of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from certify.rigor.fp import Array

Join = Callable[[Array, Array], Array]


class Tree:
    """What neighbouring parts give together: 0 with 1, 2 with 3, then both pairs, and so on.

    Of consecutive parts, in their order, no more is held than one array for each level on either side.

    Args:
        join: of two neighbours, the left one first; may write to the left one.

    >>> whole, left, right = Tree(), Tree(), Tree()
    >>> for number in range(7):
    ...     whole.take(number, np.array([0.1 * number]))
    ...     (left if number < 3 else right).take(number, np.array([0.1 * number]))
    >>> left.add(right.told("x"), "x")
    >>> left.total() == whole.total()
    array([ True])
    """

    def __init__(self, join: Join | None = None) -> None:
        self._join: Join = _sum if join is None else join
        self._nodes: list[tuple[int, int, Array]] = []

    def take(self, number: int, value: Array, level: int = 0) -> None:
        """The part of that number, or the node of a higher level; the next one after those before."""
        self._nodes.append((level, number, value))
        while len(self._nodes) > 1:
            (low, at, left), (level, number, right) = self._nodes[-2:]
            if low != level or at % 2 or number != at + 1:
                return
            self._nodes[-2:] = [(level + 1, at // 2, self._join(left, right))]

    def total(self) -> Array | None:
        """Of all of them; None where there were none."""
        if not self._nodes:
            return None
        found = self._nodes[-1][2].copy()
        for _, _, value in self._nodes[-2::-1]:
            found = self._join(value.copy(), found)
        return found

    def told(self, name: str) -> dict[str, Array]:
        """The nodes, as arrays whose names begin so."""
        if not self._nodes:
            return {}
        return {f"{name}.places": np.array([node[:2] for node in self._nodes], dtype=np.float64),
                f"{name}.nodes": np.stack([node[2] for node in self._nodes])}

    def add(self, told: Mapping[str, Array], name: str) -> None:
        """The nodes that another one has told of, of the parts that follow."""
        if f"{name}.places" in told:
            for (level, number), value in zip(told[f"{name}.places"], told[f"{name}.nodes"], strict=True):
                self.take(int(number), value.copy(), int(level))


def levels(parts: int, blocks: int) -> int:
    """How often at most a term of a sum is in a rounded addition: of `blocks` in turn, then of parts in a tree.

    >>> levels(1, 5), levels(8, 5)
    (5, 13)
    """
    return blocks + (2 * parts.bit_length() if parts > 1 else 0)


def _sum(left: Array, right: Array) -> Array:
    left += right
    return left
