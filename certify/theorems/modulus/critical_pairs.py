"""A member of N2 for the critical map: how much any two rows can add to one motion."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array
from certify.rigor.inverse import Blocks, Inverse


def pair_sum(inverse: Inverse, C: Blocks, tau: Array, count: int, entries: bool) -> float:
    """`√(sum of the m largest ρ_i)`, ρ_i the sum of the m largest `τ_iτ_j‖(A⁻¹C_i)ᵀA⁻¹C_j‖` of row i, rounded up.

    `A⁻¹ = (XA)⁻¹X` and `‖(XA)⁻ᵀ(XA)⁻¹ − I‖ ≤ δ = (1 − ε)⁻² − 1`. With `Y_i = fl(XC_i)` within y_i the product differs
    from `fl(Y_iᵀY_j)` by at most `(p+2)u|Y_i||Y_j| + y_i|Y_j| + |Y_i|y_j + y_iy_j + δ(|Y_i| + y_i)(|Y_j| + y_j)`.

    Args:
        inverse: of A.
        C: the rows' blocks.
        tau: `(n,)` factors.
        count: m.
        entries: whether the size of a product is its largest entry (norm 1), not its Frobenius norm.
    """
    X = inverse.X
    p, pieces, slacks = max(X.shape), [], []
    size_x, norm_x = fp.frobenius(X), fp.up(inverse.size)
    for block in C():
        pieces.append(fp.require_finite(np.matmul(X, block.mid), "pair bounds"))
        size = fp.row_norms(block.mid.reshape(len(block.mid), -1))
        slacks.append((fp.dot_unit(p) * size_x * size + norm_x * block.radius) * RAISE)
    Y, slack = np.concatenate(pieces), np.concatenate(slacks)
    n, _, q = Y.shape
    flat = np.ascontiguousarray(Y.transpose(1, 0, 2)).reshape(len(X), n * q)
    M = fp.require_finite(flat.T @ flat, "pair bounds").reshape(n, q, n, q).transpose(0, 2, 1, 3)
    whole = np.ascontiguousarray(M).reshape(n, n, q * q)
    norms = np.abs(whole).max(axis=2) if entries else fp.row_norms(whole)
    y = fp.row_norms(Y.reshape(n, -1))
    delta = fp.up(1 / (1 - inverse.epsilon) ** 2 - 1)
    full = (y + slack) * RAISE
    error = (fp.dot_unit(p) * np.outer(y, y) + np.outer(slack, y) + np.outer(y, slack) + np.outer(slack, slack)
             + delta * np.outer(full, full)) * RAISE
    sizes = (norms + error) * tau[:, None] * tau * RAISE
    largest = -np.sort(-sizes, axis=1)[:, :count]
    rho = fp.require_finite(largest.sum(axis=1) * (1.0 + 2.0 * fp.dot_unit(count)) * RAISE, "pair bounds")
    return fp.up(fp.sqrt_up(sum(sorted((fp.exact(v) for v in rho.tolist()), reverse=True)[:count], Fraction(0))))
