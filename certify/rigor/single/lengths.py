"""Lengths of many rows in the norm of one matrix, from above, in single precision."""

from __future__ import annotations

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.rigor.single.floats import LOST, UNIT, Short, dot_unit, products_are_exact

LARGEST = 64.0
"""Longest row: underflow is counted for numbers up to it."""

COLUMNS, ROWS, PART = 112, 2048, 256
"""Columns and rows at a time, and terms of a part of a product."""


def lengths_above(S: Short, norms: Array, X: Array, off: float) -> Array | None:
    """Upper bounds of `√(s·Ms)` for symmetric M within `off` of X; None where there are none.

    With a Cholesky factor, `X ≈ LLᵀ`, a square is `|Lᵀs|²`, so that rounding is a part of a root and not of a square.

    Args:
        S: `(n, p)` rows, rounded to single precision.
        norms: upper bounds of the lengths of the rows that were rounded.
        X: `(p, p)` symmetric.
        off: as above.

    >>> x = lengths_above(np.ones((1, 2), np.float32), np.array([1.5]), np.eye(2), 0.0)
    >>> bool(np.sqrt(2.0) <= x[0] < 1.4143)
    True
    """
    if not (float(norms.max(initial=0.0)) <= LARGEST and products_are_exact()):
        return None
    try:
        L = np.asarray(np.linalg.cholesky(X), np.float64)
    except np.linalg.LinAlgError:
        return None
    p, size = len(X), fp.frobenius(L)
    if not size < 2.0**60:
        return None
    missed = fp.frobenius(X - L @ L.T) + fp.dot_unit(p) * size * size + 2.0 * U * fp.frobenius(X)
    factor, squares = L.astype(np.float32), np.zeros(len(S))
    for start in range(0, len(S), ROWS):
        some = S[start : start + ROWS]
        for a in range(0, p, COLUMNS):  # below its diagonal L is all there is
            Y = some[:, a : a + PART] @ factor[a : a + PART, a : a + COLUMNS]
            for b in range(a + PART, p, PART):
                Y += some[:, b : b + PART] @ factor[b : b + PART, a : a + COLUMNS]
            squares[start : start + ROWS] += np.einsum("ij,ij->i", Y, Y)
    # both factors are rounded once; what is lost to underflow is less than LOST a term
    unit = (min(p, PART) + 2 * -(-p // PART) + 8) * UNIT * size
    root = np.sqrt(squares * (1.0 + 2.0 * dot_unit(COLUMNS + 4)) + p * LOST) + unit * norms
    root += p * p * LOST * (1.0 + size)
    return np.asarray(np.sqrt(root * root + (off + missed) * norms * norms) * RAISE)
