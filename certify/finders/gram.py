"""The quadratic form `P = YᵀY` of a search, by products with Y where P itself would be too large to form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.rigor.fp import Array

DENSE = 3000
"""Columns of Y up to which P is formed."""


@dataclass(frozen=True, eq=False)
class Gram:
    """`P = YᵀY` for `(r, N)` floats Y; a finder's, nothing here is trusted."""

    Y: Array

    def __len__(self) -> int:
        """N."""
        return int(self.Y.shape[1])

    def __matmul__(self, V: Array) -> Array:
        """`PV`."""
        product: Array = self.Y.T @ (self.Y @ V)
        return product


Form = Array | Gram


def form_of(Y: Array, tail: float = 1e-6) -> Form:
    """`YᵀY`: formed if it is small, else with Y on its leading left singular vectors.

    Args:
        Y: `(p, N)` floats.
        tail: share of the largest eigenvalue of `YYᵀ` below which directions are left out.
    """
    if Y.shape[1] <= DENSE:
        return Y.T @ Y
    values, vectors = np.linalg.eigh(Y @ Y.T)
    kept = values > tail * values[-1]
    return Gram(np.ascontiguousarray(vectors[:, kept].T @ Y))


def diagonal_blocks(P: Form, k: int) -> Array:
    """The blocks `P_ii`, `(n, k, k)`."""
    n = len(P) // k
    if isinstance(P, Gram):
        columns = np.ascontiguousarray(P.Y.reshape(-1, n, k).transpose(1, 2, 0))
        return np.asarray(np.matmul(columns, np.swapaxes(columns, 1, 2)))
    blocks: Array = np.einsum("iaib->iab", P.reshape(n, k, n, k))
    return blocks
