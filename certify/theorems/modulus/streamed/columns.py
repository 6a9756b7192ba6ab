"""The columns of `K̂ − D`, D blocks on the diagonal, made when they are factorised (M2k)."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from certify.network.layers.kernel import KernelParts
from certify.problem.perturbations.factor import BlockFactor
from certify.rigor import fp
from certify.rigor.blocked.columns import WIDTH, Columns, blocks
from certify.rigor.fp import RAISE, Array

TILE = 512
"""Samples of a tile of the kernel."""


def kernel_columns(parts: KernelParts, samples: slice) -> Columns:
    """The columns of the kernel's midpoint that belong to these samples, from their own rows on."""
    k, n = parts.outputs, parts.samples
    first = samples.start
    found = np.zeros(((n - first) * k, (samples.stop - first) * k))
    step = max(1, TILE // k)
    for j in range(first, samples.stop, step):
        columns = slice(j, min(j + step, samples.stop))
        for i in range(j, n, step):
            rows = slice(i, min(i + step, n))
            parts.floats(rows, columns, found[(rows.start - first) * k : (rows.stop - first) * k,
                                              (columns.start - first) * k : (columns.stop - first) * k])
    return Columns(first * k, found)


def sample_blocks(n: int, k: int, start: int = 0) -> list[slice]:
    """The samples `start` to n − 1 in blocks of about `WIDTH` equations."""
    return blocks(n, max(1, WIDTH // k), start)


def scaled_blocks(Q: BlockFactor, kappa2: float) -> Array:
    """Floats `D_i ⪰ Q_i/κ²`, `(n, k, k)`: `fl(C_iC_iᵀ)/κ²`, and on the diagonal all that these leave out.

    Left out: η/κ², the product `(q+2)u|C_i|²/κ²`, a quotient and two sums, u of the result each; the second sum is that
    of :func:`subtract_blocks`, whose shift is counted there. What underflows is less than FLOOR.
    """
    _, k, q = Q.C.shape
    size = fp.row_norms(Q.C.reshape(len(Q.C), -1))
    moves = Q.C.any(axis=(1, 2)) | (Q.eta > 0)
    extra = (Q.eta + (fp.dot_unit(q) + 8.0 * fp.U) * size * size) / kappa2 * (1.0 + 8.0 * fp.U) * RAISE
    D = np.matmul(Q.C, np.swapaxes(Q.C, 1, 2)) / kappa2
    D[:, np.arange(k), np.arange(k)] += extra[:, None] * moves[:, None]
    return fp.require_finite(D, "perturbation over κ²")


def subtract_blocks(columns: Columns, D: Array, shift: float) -> None:
    """Subtract `D_i + shift·I` from the diagonal blocks of these columns' samples, one subtraction an entry."""
    k = D.shape[1]
    n = columns.width // k
    own = columns.start // k
    view = columns.entries[: columns.width].reshape(n, k, n, k)
    i = np.arange(n)
    taken = D[own : own + n].copy()
    taken[:, np.arange(k), np.arange(k)] += shift
    view[i, :, i, :] -= taken


def off_diagonal(D: Array) -> Fraction:
    """`Σ_i (h_i − d_ii)`, h_i the sum of the sizes in row i of the blocks; exact, 0 for one output."""
    k = D.shape[1]
    return fp.total((np.abs(D) * (1.0 - np.eye(k))).ravel().tolist()) if k > 1 else Fraction(0)
