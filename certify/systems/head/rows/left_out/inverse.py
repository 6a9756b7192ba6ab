"""A matrix that is proved to be nearly the inverse of a large positive definite one, from one Cholesky factor (D1h)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg.lapack import dlauum, dpotrf, dtrtri

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array


@dataclass(frozen=True, eq=False)
class Inverse:
    """`(1 − ε)A⁻¹ ⪯ P ⪯ (1 + ε)A⁻¹`.

    Attributes:
        P: `(N, N)` symmetric floats.
        error: ε < 1.
        size: upper bound of `‖P‖` (Frobenius).
        top: upper bound of `‖A‖`.
    """

    P: Array
    error: float
    size: float
    top: float


def enclose_inverse(H: Array, off: float) -> Inverse | None:
    """P for every symmetric A with `‖A − H‖ ≤ off`, H overwritten; None where nothing is proved.

    With `H = LLᵀ` up to rounding (R4) and any X, `‖1 − XAXᵀ‖ ≤ 2f + f² + e‖X‖²` for `f ≥ ‖XL − 1‖`, `e ≥ ‖A − LLᵀ‖`;
    and `P = XᵀX` up to the rounding of inner products.

    Args:
        H: `(N, N)` symmetric, C-contiguous.
        off: upper bound.

    >>> found = enclose_inverse(np.array([[4.0, 2.0], [2.0, 3.0]]), 0.0)
    >>> found is not None and found.error < 1e-13
    True
    >>> enclose_inverse(np.array([[1.0, 2.0], [2.0, 1.0]]), 0.0) is None
    True
    """
    N = len(H)
    if not (np.abs(H).max(initial=0.0) <= fp.RANGE):  # NaN too
        return None
    top = fp.frobenius(H) + off
    trace = float(np.sum(np.diagonal(H))) * fp.sum_up(N)
    if not np.isfinite(top + trace):
        return None
    L, info = dpotrf(H.T, lower=1, clean=1, overwrite_a=1)
    if info != 0 or not (np.diagonal(L) > 0).all():
        return None
    e = off + fp.up(fp.cholesky_unit(N)) * trace * RAISE + fp.FLOOR
    X, info = dtrtri(L, lower=1)
    if info != 0:
        return None
    wide = fp.frobenius(X.T)
    f = _apart(X.T, L.T) + (fp.dot_unit(N) * wide * fp.frobenius(L.T) + N * fp.FLOOR) * RAISE
    del L
    P, info = dlauum(X, lower=1, overwrite_c=1)
    if info != 0:
        return None
    P = _mirrored(P.T)
    error = (2 * f + f * f + e * wide * wide + top * fp.dot_unit(N) * wide * wide) * RAISE
    size = fp.frobenius(P)
    if not (error < 0.5 and np.isfinite(size)):
        return None
    return Inverse(P, error, size, top)


def _apart(X: Array, L: Array, block: int = 768) -> float:
    """Upper bound of `‖fl(XL) − 1‖` (Frobenius) for transposes of lower triangular X and L, by blocks."""
    squares, N = 0.0, len(X)
    for i in range(0, N, block):
        for j in range(0, i + 1, block):
            at, to = slice(j, i + block), slice(i, i + block)
            near = X[at, to].T @ L[j : j + block, at].T
            if i == j:
                near[np.diag_indices_from(near)] -= 1.0
            squares += float(np.einsum("ab,ab->", near, near))
    return float(np.sqrt(squares) * fp.sum_up(block * block + N) * RAISE)


def _mirrored(P: Array, block: int = 512) -> Array:
    """The upper triangle of a C-contiguous matrix copied to the lower one, in place."""
    for start in range(0, len(P), block):
        at = slice(start, start + block)
        P[start + block :, at] = P[at, start + block :].T
        corner = P[at, at]
        P[at, at] = np.triu(corner) + np.triu(corner, 1).T
    return P
