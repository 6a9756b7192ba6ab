"""Quadratic forms of many rows with one symmetric matrix, from one of its triangles: little more than half the work."""

from __future__ import annotations

import numpy as np

from certify.rigor.fp import Array

COLUMNS, ROWS = 112, 2048
"""Columns and rows at a time: what is formed of them stays near."""


def forms(rows: Array, X: Array) -> Array:
    """`s_i·Xs_i` of rows `s_i`, off by at most `3·dot_unit(p)|X||s_i|²` in the norm of Frobenius (R2b).

    Args:
        rows: `(n, p)`.
        X: `(p, p)`, symmetric to the last bit.

    >>> import numpy as np
    >>> forms(np.array([[1.0, 2.0]]), np.array([[3.0, 1.0], [1.0, 5.0]]))
    array([27.])
    """
    p = len(X)
    U = 2.0 * np.triu(X, 1)
    U[np.diag_indices(p)] = np.diagonal(X)
    parts = [(slice(0, min(a + COLUMNS, p)), slice(a, min(a + COLUMNS, p))) for a in range(0, p, COLUMNS)]
    right = [np.ascontiguousarray(U[above, at]) for above, at in parts]
    found = np.zeros(len(rows))
    for start in range(0, len(rows), ROWS):
        some = rows[start : start + ROWS]
        for (above, at), block in zip(parts, right, strict=True):
            found[start : start + ROWS] += np.einsum("ij,ij->i", some[:, above] @ block, some[:, at])
    return found
