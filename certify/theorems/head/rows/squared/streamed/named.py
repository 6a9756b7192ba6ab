"""What deleting rows that are named takes from a contrast at least: their block of the hat matrix is inverted."""

from __future__ import annotations

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.ridge import Ridge
from certify.theorems.head.rows.squared.majorant import entry_error


def taken_by(system: Ridge, phi: Array, point: tuple[Array, tuple[float, float]], residuals: tuple[Array, float],
             wrong: float) -> float:
    """A lower bound of `c_M·(I − K_MM)⁻¹r_M`; −∞ where none is proved.

    With `N = I − K_MM`, X near `N⁻¹` and `‖I − XN‖ ≤ e < 1` it is N nonsingular, `‖N⁻¹‖ ≤ ‖X‖/(1 − e)`, and for any x̂
    `|N⁻¹r − x̂| ≤ ‖N⁻¹‖|r − Nx̂|`.

    Args:
        system: of all rows.
        phi: `(m, p)` these rows, scaled.
        point: its solution u, and what `φ·u` errs by: every one, and the length of the rest.
        residuals: r̂ of these rows, and at least the length of what they are off by.
        wrong: what a stretched row errs by in length.
    """
    A, m = phi @ system.R.T, len(phi)
    error = m * (entry_error(system, wrong, (float(fp.row_norms(A).max()) + wrong) * RAISE) + 2 * U)  # of N in length
    N: Array = np.asarray(np.eye(m) - A @ A.T, dtype=np.float64)
    r, off_r = residuals
    try:
        X: Array = np.asarray(np.linalg.inv(N), dtype=np.float64)
    except np.linalg.LinAlgError:
        return -np.inf
    x = X @ r
    size_N, size_X, size_x, size_r = (_length(one) for one in (N, X, x, r))
    gap = (_length(np.eye(m) - X @ N) + (fp.dot_unit(m) * size_N + error) * size_X + 4 * U * np.sqrt(m)) * RAISE
    if not gap < 0.5:
        return -np.inf
    left = _length(r - N @ x) + (fp.dot_unit(m) + 4 * U) * (size_N * size_x + size_r) + error * size_x + off_r
    away = size_X * left / (1.0 - gap) * (RAISE * RAISE)
    c, (each, off) = phi @ point[0], point[1]
    short = _length(c) * away + (np.sqrt(m) * each + off) * (size_x + away)
    short += (fp.dot_unit(m) + 4 * U) * _length(c) * size_x
    found = float(c @ x - short * (RAISE * RAISE) - fp.FLOOR)
    return found if np.isfinite(found) else -np.inf


def _length(A: Array) -> float:
    """At least the Frobenius norm."""
    return fp.frobenius(np.atleast_2d(A)) * RAISE
