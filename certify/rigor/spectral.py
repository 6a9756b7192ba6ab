"""Upper bounds of spectral norms by powers: nearer than the Frobenius norm where many singular values are alike."""

from __future__ import annotations

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array

SQUARINGS, SMALL = 3, 48
"""Products, each of which takes the square root of how far the Frobenius norm is off; rows below which none is made."""


def spectral(A: Array) -> float:
    """Upper bound of the largest singular value, at most the bound of the Frobenius norm.

    `‖A‖² = ‖AᵀA‖`, over and over, and the Frobenius norm in the end. A float product is off by at most
    `(k + 2)u|A|_F²` (R2), which is added before each root is taken.

    >>> spectral(np.eye(64)) < 1.7, fp.frobenius(np.eye(64)) > 7.9
    (True, True)
    """
    size = fp.frobenius(A)
    if len(A) < SMALL or not 2.0**-300 < size < 2.0**300:
        return size
    M, lost = A * (1.0 / size), []
    for _ in range(SQUARINGS):
        length = fp.frobenius(M)
        M = M.T @ M
        lost.append((fp.dot_unit(max(A.shape)) * length * length + 2.0**-500) * RAISE)
    top = fp.frobenius(M)
    for off in reversed(lost):
        top = float(np.sqrt((top + off) * RAISE)) * RAISE
    # entries of the scaled matrix are rounded twice: of its norm, at most 1, less than 2^-50
    return min((top + 2.0**-50) * size * RAISE, size)
