"""Bounds of `‖E_i^½(K⁻¹)_ijE_j^½‖` for every pair of rows, from the congruence of K (a member of N2)."""

from __future__ import annotations

import numpy as np

from certify.problem.perturbations.factor import BlockFactor
from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.interpolation.congruence import Congruence


def pair_norms(X: Congruence, E: BlockFactor) -> Array:
    """Upper bounds of `‖E_i^½(K⁻¹)_ijE_j^½‖₂`, `E_i = C_iC_iᵀ + η_iI`, `(n, n)`.

    With `XKXᵀ = I + F'`, `Y_i = X_iC_i`, `W = FY`:
    `C_iᵀ(K⁻¹)_ijC_j = Y_iᵀ(Y_j − W_j) + R_ij`, where `|R_ij|` collects, each as a product of norms, the rounding of Y
    and W, F' − F, and the second order `|F'Y_i||F'Y_j|/(1 − ε)` (proofs/perturbation-sets.md, N2). η adds
    `(√η_i x_i(y_j + √η_j x_j) + (y_i + …)√η_j x_j)/(1 − ε)`, x_i the size of X_i.

    Args:
        X: congruence of the kernel.
        E: factors of the ellipsoids.
    """
    N = len(X.X)
    n, k, q = E.C.shape
    blocks = X.X.reshape(N, n, k)
    Y = fp.require_finite(np.einsum("Nik,ikq->Niq", blocks, E.C).reshape(N, n * q), "pair bounds")
    W = fp.require_finite(X.F @ Y, "pair bounds")
    M = fp.require_finite(Y.T @ (Y - W), "pair bounds").reshape(n, q, n, q)
    size = fp.row_norms(np.ascontiguousarray(np.transpose(M, (0, 2, 1, 3))).reshape(n, n, q * q))
    x = fp.row_norms(np.transpose(blocks, (1, 2, 0)).reshape(n, k * N))
    y = fp.row_norms(np.transpose(Y.reshape(N, n, q), (1, 2, 0)).reshape(n, q * N))
    w = fp.row_norms(np.transpose(W.reshape(N, n, q), (1, 2, 0)).reshape(n, q * N))
    slack = fp.dot_unit(k) * x * fp.row_norms(E.C.reshape(n, -1)) * RAISE
    epsilon, error, unit = fp.up(X.epsilon), fp.up(X.error), fp.dot_unit(N)
    w_error = unit * fp.frobenius(X.F) * y * RAISE
    second = (w + w_error + error * y) * RAISE
    loose = np.sqrt(E.eta) * x * RAISE
    whole = (y + slack) * RAISE
    inner = np.outer(y, error * y + w_error + (unit + 4 * U) * (y + w)) * RAISE
    divided = np.outer(slack, y) + np.outer(y, slack) + np.outer(slack, slack) + np.outer(second, second)
    divided += np.outer(loose, whole) + np.outer(whole, loose) + np.outer(loose, loose)
    return fp.require_finite((size + inner + divided / (1 - epsilon) * RAISE) * RAISE, "pair bounds")
