"""Gram matrices of nonnegative columns from above, in single precision: what rounding loses is a part of each number.

Of many terms of at least 0 a sum is off by a part of itself, so that half the bits are enough for a bound (R2c).
"""

from __future__ import annotations

import numpy as np

from certify.rigor.fp import Array
from certify.rigor.single.floats import Short, above, dot_unit

ROWS = 2048
"""Rows at a time."""

TINY = np.float32(2.0**-60)
"""Numbers are at least that: no product of two is subnormal, which would be inexact, and slow."""


def not_tiny(x: Array) -> Short:
    """Nonnegative numbers rounded up, and at least `TINY`."""
    return np.asarray(np.maximum(above(x), TINY))


def gram_above(M: Short, weights: Array, squared: bool = False) -> Array | None:
    """Upper bounds of `Σ_j weights_j m_ji m_jl`, or of squares of all m; None where numbers are too large.

    Args:
        M: `(n, f)` upper bounds of nonnegative numbers, by `not_tiny`.
        weights: `(n,)` nonnegative numbers.

    >>> M = not_tiny(np.ones((3000, 2)))
    >>> bool((gram_above(M, np.ones(3000)) >= 3000.0).all()), gram_above(1e30 * M, np.ones(3000)) is None
    (True, True)
    """
    found = np.zeros((M.shape[1], M.shape[1]))
    with np.errstate(over="ignore"):
        root = not_tiny(np.sqrt(weights))[:, None]
        for start in range(0, len(M), ROWS):
            R = M[start : start + ROWS] * root[start : start + ROWS]
            if squared:
                np.maximum(R, TINY, out=R)
                R *= M[start : start + ROWS]
            np.maximum(R, TINY, out=R)
            found += R.T @ R
    if not np.isfinite(found).all():
        return None
    return np.asarray(found * (1.0 + 2.0 * dot_unit(ROWS + 8)))  # of either factor two roundings more


def most_above(M: Short, weights: Array) -> Array:
    """`(f,)` upper bounds of `max_j weights_j m_ji`, for the same."""
    found = np.zeros(M.shape[1])
    with np.errstate(over="ignore"):
        factor = not_tiny(weights)[:, None]
        for start in range(0, len(M), ROWS):
            some = M[start : start + ROWS] * factor[start : start + ROWS]
            found = np.maximum(found, some.max(axis=0, initial=0.0))
    return np.asarray(found * (1.0 + 2.0 * dot_unit(2)))
