"""The lower part of a symmetric matrix in blocks of columns, and the products that are subtracted from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.rigor.fp import Array

WIDTH = 1024
"""Columns of a block: no inner product is longer, and its error grows with the length (R5b)."""

TILE = 512
"""Rows, and columns, that are updated at a time: the product stays in the cache until it is subtracted."""


@dataclass(frozen=True, eq=False)
class Columns:
    """Columns `start, …` of a symmetric matrix, from their diagonal block on.

    Entries above the diagonal of the first rows mean nothing.

    Attributes:
        start: number of the first column, and of the first row.
        entries: `(N − start, width)`, overwritten by whoever factorises.
    """

    start: int
    entries: Array

    @property
    def width(self) -> int:
        """Number of columns."""
        return int(self.entries.shape[1])

    def below(self, row: int) -> Array:
        """The rows from number `row` on; no copy."""
        return self.entries[row - self.start :]

    def copy(self) -> Columns:
        """The same numbers elsewhere."""
        return Columns(self.start, self.entries.copy())

    def diagonal(self) -> Array:
        """The entries on the diagonal, to be changed in place."""
        square: Array = np.einsum("ii->i", self.entries[: self.width])
        return square


def blocks(N: int, width: int, start: int = 0) -> list[slice]:
    """The columns `start` to N − 1 in blocks.

    >>> blocks(5, 2, 1)
    [slice(1, 3, None), slice(3, 5, None)]
    """
    return [slice(i, min(i + width, N)) for i in range(start, N, width)]


def subtract_gram(C: Array, A: Array) -> None:
    """`C ← fl(C − fl(A A₀ᵀ))` on and below the diagonal, A₀ the first rows of A: one product, one subtraction an entry.

    Args:
        C: `(m, w)`, changed in place; what is above its diagonal means nothing afterwards.
        A: `(m, k)`.
    """
    width = C.shape[1]
    buffer = np.empty(TILE * max(width, 1))
    for i in range(0, len(C), TILE):
        rows = A[i : i + TILE]
        columns = blocks(width, TILE) if i < width else [slice(0, width)]
        for j in columns:
            if j.start >= i + TILE:
                break
            head = A[j]
            product = buffer[: len(rows) * len(head)].reshape(len(rows), len(head))
            np.matmul(rows, head.T, out=product)
            C[i : i + TILE, j] -= product
