"""M4, C2: how far each row alone can move a solution, from both sides, through a congruence of the kernel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from certify.problem.perturbations.factor import BlockFactor
from certify.rigor import fp
from certify.rigor.eigenvalues import largest_eigenvalues
from certify.rigor.fp import RAISE, Array, U
from certify.systems.interpolation.congruence import Congruence


@dataclass(frozen=True, eq=False)
class RowEnds:
    """`lower_i ≤ κ_i ≤ upper_i` for each listed sample."""

    lower: Array
    upper: Array


def enclose_sample_moduli(X: Congruence, Q: BlockFactor, samples: NDArray[np.intp]) -> RowEnds:
    """Enclose `κ_i² = λ_max(G_iᵀ (K⁻¹)_ii G_i)` for every listed sample (M4, C2).

    With `XKXᵀ = I + F` and `Y_i = X_i C_i` (`X_i` the k columns of sample i),

    `C_iᵀ(K⁻¹)_ii C_i = Y_iᵀ(I + F)⁻¹Y_i = Y_iᵀ(Y_i − FY_i) + R`, `0 ⪯ R ⪯ |FY_i|²/(1 − ε)`,

    so the error is second order in F. The largest eigenvalue of a k × k matrix M is enclosed by `B = VᵀMV` with
    approximate eigenvectors V: `max B_aa/(1+ω) ≤ λ_max ≤ max_a(B_aa + Σ_b|B_ab|)/(1−ω)`, `ω ≥ ‖VᵀV − I‖`.

    Args:
        X: congruence of the kernel.
        Q: enclosed perturbation matrix.
        samples: numbers of the samples whose modulus is wanted.
    """
    N = len(X.X)
    n, k, q = Q.C.shape
    C = Q.C[samples]
    m = len(samples)
    blocks = X.X.reshape(N, n, k)[:, samples, :]
    Y = fp.require_finite(np.einsum("Nik,ikq->Niq", blocks, C), "row moduli")
    W = fp.require_finite(X.F @ Y.reshape(N, m * q), "row moduli").reshape(N, m, q)
    first = np.ascontiguousarray(np.transpose(Y, (1, 2, 0)))  # (m, q, N)
    rest = np.ascontiguousarray(np.transpose(Y - W, (1, 2, 0)))
    M = np.matmul(first, np.swapaxes(rest, 1, 2))
    M = (M + np.swapaxes(M, 1, 2)) / 2
    size_x = fp.row_norms(np.transpose(blocks, (1, 2, 0)).reshape(m, k * N))
    size_c = fp.row_norms(C.reshape(m, k * q))
    y = fp.row_norms(first.reshape(m, q * N))
    w = fp.row_norms(np.transpose(W, (1, 2, 0)).reshape(m, q * N))
    epsilon, error = fp.up(X.epsilon), fp.up(X.error)
    unit = fp.dot_unit(N)
    slack = fp.dot_unit(k) * size_x * size_c * RAISE  # |Y − XC|
    w_error = unit * fp.frobenius(X.F) * y * RAISE  # of W = F·Y
    both = (y + w) * RAISE
    plain = (2 * y * slack + slack**2) / (1 - epsilon) + error * y**2 + w_error * y + (unit + 4 * U) * 2 * y * both
    second = (w + w_error + error * y) ** 2 / (1 - epsilon)
    loose = Q.eta[samples] * size_x**2 / (1 - epsilon)
    low, high = largest_eigenvalues(M)
    down = fp.require_finite(low, "row moduli") - (plain + loose) * RAISE
    high = high + (plain + second + loose) * RAISE
    lower = np.sqrt(np.maximum(down - np.abs(down) * 2.0**-40, 0.0)) * (1 - 2.0**-40)
    upper = np.sqrt(fp.require_finite(high, "row moduli") * RAISE) * RAISE
    still = ~(C.any(axis=(1, 2)) | (Q.eta[samples] > 0))  # rows whose Q_i is exactly 0
    return RowEnds(np.where(still, 0.0, lower), np.where(still, 0.0, upper))
