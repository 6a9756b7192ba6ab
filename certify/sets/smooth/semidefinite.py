"""A lower bound of the least eigenvalue of a symmetric matrix of balls."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from flint import arb

from certify.sets.exact.rational import flint_matrix, fraction, positive_definite


def least_eigenvalue(M: Sequence[Sequence[arb]]) -> Fraction | None:
    """λ with `M ⪰ λI` for every symmetric member of the balls; None where one is not finite.

    The midpoints (symmetrised) less a proposed λ are proved positive definite by exact elimination; the radii cost at
    most their largest row sum, which bounds the spectral norm of a symmetric matrix.

    >>> found = least_eigenvalue([[arb(2), arb(1)], [arb(1), arb(2)]])
    >>> float(found) <= 1 and float(found) > 1 - 1e-6
    True
    """
    size = len(M)
    if not all(v.is_finite() for row in M for v in row):
        return None
    mid = [[fraction(v.mid().fmpq()) for v in row] for row in M]
    mean = [[(mid[i][j] + mid[j][i]) / 2 for j in range(size)] for i in range(size)]
    off = [[fraction(M[i][j].rad().fmpq()) + abs(mid[i][j] - mean[i][j]) for j in range(size)] for i in range(size)]
    # a symmetric member is off the mean by at most the larger of the two radii, entry by entry
    spread = max(sum((max(off[i][j], off[j][i]) for j in range(size)), Fraction(0)) for i in range(size))
    floats = np.array([[float(v) for v in row] for row in mean])
    if not np.isfinite(floats).all():
        return None
    scale = float(np.abs(floats).max()) or 1.0
    proposed = float(np.linalg.eigvalsh(floats)[0])
    for slack in (1e-12, 1e-9, 1e-6, 1e-3, 1.0):
        level = Fraction(proposed - slack * scale)
        shifted = [[v - (level if i == j else 0) for j, v in enumerate(row)] for i, row in enumerate(mean)]
        if positive_definite(flint_matrix(shifted, size)):
            return level - spread
    return None
