"""Rows for a graph network, in the shape of one row or flat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from certify.format.errors import InputError
from certify.inputs.given import given_numbers
from certify.rigor.fp import Array


@dataclass(frozen=True)
class GraphRows:
    """Rows as lists of numbers, in the order of memory.

    Attributes:
        shape: of one row of the graph.
    """

    shape: tuple[int, ...]

    @property
    def words(self) -> str:
        """What is done."""
        return f"rows of shape {self.shape} as lists of {int(np.prod(self.shape))} numbers"

    def given(self, X: Any, name: str) -> Array:
        """Rows `(n, *shape)` or `(n, d)` as `(n, d)`.

        Raises:
            InputError: rows of another shape, or no numbers.

        >>> GraphRows((2, 1)).given(np.array([[[1.0], [2.0]]]), "X").tolist()
        [[1.0, 2.0]]
        """
        rows = given_numbers(X, name)
        if rows.ndim < 2 or not len(rows) or rows.shape[1:] not in (self.shape, (int(np.prod(self.shape)),)):
            raise InputError(name, f"shape {rows.shape}", f"give (n, {', '.join(map(str, self.shape))}), the shape of "
                             "the network's rows")
        return self(rows)

    def __call__(self, rows: Array) -> Array:
        """The same numbers."""
        return np.ascontiguousarray(rows, dtype=np.float64).reshape(len(rows), -1)
