"""Proved ends of the largest eigenvalue of many small symmetric matrices at once (C2)."""

from __future__ import annotations

import numpy as np

from certify.format.errors import EnclosureError
from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U


def largest_eigenvalues(M: Array) -> tuple[Array, Array]:
    """Proved ends of λ_max of each symmetric positive semidefinite-to-rounding `(q, q)` matrix (C2)."""
    q = M.shape[-1]
    if q == 1:
        return M[:, 0, 0], M[:, 0, 0]
    try:
        V = np.linalg.eigh(M)[1]
    except np.linalg.LinAlgError as error:
        remedy = "this is rare: report it"
        raise EnclosureError("row moduli", f"LAPACK found no eigenvectors ({error})", remedy) from None
    Vt = np.swapaxes(V, 1, 2)
    B = np.matmul(np.matmul(Vt, M), V)
    size = fp.row_norms(M.reshape(len(M), -1))
    v = fp.row_norms(V.reshape(len(M), -1))
    unit = fp.dot_unit(q) + 2 * U
    omega = (fp.row_norms((np.matmul(Vt, V) - np.eye(q)).reshape(len(M), -1)) + unit * (v**2 + 1)) * RAISE
    if not (omega < 0.5).all():  # NaN fails the comparison
        raise EnclosureError("row moduli", "eigenvectors that are far from orthonormal", "this is rare: report it")
    b_error = 3 * unit * size * v**2 * RAISE
    diagonal = np.diagonal(B, axis1=1, axis2=2)
    off = np.abs(B).sum(axis=2) - np.abs(diagonal)
    ceiling = np.maximum((diagonal + np.abs(off) * RAISE).max(axis=1), 0.0)
    high = (ceiling + q * b_error + 4 * q * U * size * v**2) / (1 - omega) * RAISE
    base = np.maximum(diagonal.max(axis=1) - b_error, 0.0)
    return base / (1 + omega) * (1 - 2.0**-40), high
