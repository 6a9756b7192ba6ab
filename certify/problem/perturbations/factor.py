"""The matrix `Q = G_u G_uᵀ` of a perturbation, as enclosed block factors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from certify.rigor import fp
from certify.rigor.arithmetic import Pair
from certify.rigor.ball import Balls
from certify.rigor.fp import RAISE, Array, U

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class BlockFactor:
    """`Q = blkdiag(Q_i)` with `‖Q_i − C_i C_iᵀ‖₂ ≤ eta_i`; rows that may not move have `C_i = 0`, `eta_i = 0`.

    Attributes:
        C: `(n, k, q)` float64.
        eta: `(n,)`.
    """

    C: Array
    eta: Array


def target_factor(n: int, k: int, moves: Mask) -> BlockFactor:
    """Targets: `G_u = −I` on the rows that may move, `Q_i = I_k` exactly.

    Args:
        n: number of rows.
        k: number of outputs.
        moves: `(n,)` booleans.
    """
    return BlockFactor(np.eye(k)[None] * moves[:, None, None], np.zeros(n))


def scaled(gradients: Balls, scale: Array | None) -> Balls:
    """Gradients per unit of each feature: `G_i diag(scale)`, 0 for features that may not move.

    Args:
        gradients: rows `∂f_a/∂x`.
        scale: `(d,)` unit of each feature, or None.
    """
    if scale is None:
        return gradients
    most = float(np.max(np.abs(scale)))
    mid = Pair(gradients.mid.hi * scale)  # one rounding an entry; a low part is absorbed below
    extra = 8.0 * U * gradients.norm
    rad = (gradients.rad + extra) * most * RAISE
    return Balls(mid, fp.require_finite(rad, "scaled gradients"), (gradients.norm * most * RAISE + rad) * RAISE)


def feature_factor(gradients: Balls, n: int, k: int, moves: Mask) -> BlockFactor:
    """Features: `Q_i = G_i G_iᵀ`, `G_i = ∂_x f(x_i)` the k rows of `gradients` of sample i (M3).

    `C_i = Rᵀ` from a QR factorisation of the midpoint of `G_iᵀ` is untrusted; eta bounds what it leaves:
    `‖fl(G Gᵀ) − fl(C Cᵀ)‖_F + (d+4)u‖G‖² + (q+4)u‖C‖² + 2r‖G‖ + r²`, r the radius of the whole block.

    Args:
        gradients: enclosure of `∂f/∂x`, `n·k` rows.
        n: number of rows.
        k: number of outputs.
        moves: `(n,)` booleans.
    """
    radius = gradients.rad if gradients.mid.lo is None else gradients.rad + 4.0 * U * gradients.norm
    return _gram_factor(gradients.mid.hi.reshape(n, k, -1), fp.row_norms(radius.reshape(n, k)) * RAISE, moves)


def box_factor(G: Array, rad: Array, W: Array) -> BlockFactor:
    """Factor of `(G_i diag(w_i))(G_i diag(w_i))ᵀ` for every G within the radii.

    Args:
        G: `(n, k, d)`; rows that may not move are 0 with radius 0.
        rad: `(n,)` bounds of `‖ΔG_i‖_F`.
        W: `(n, d)` positive weights of the columns.
    """
    n = len(G)
    weighted = G * W[:, None, :]  # one rounding an entry
    extra = 2.0 * U * fp.row_norms(weighted.reshape(n, -1))
    r = (rad * W.max(axis=1) + extra) * RAISE
    return _gram_factor(fp.require_finite(weighted, "factor of the perturbation"), r, G.any(axis=(1, 2)) | (rad > 0))


def _gram_factor(G: Array, r: Array, moves: Mask) -> BlockFactor:
    """`C_iC_iᵀ ≈ G_iG_iᵀ` with eta for every block within the radii r (Frobenius)."""
    n, _, d = G.shape
    R = np.linalg.qr(np.swapaxes(G, 1, 2), mode="r")
    C = np.ascontiguousarray(np.swapaxes(R, 1, 2))
    fp.require_finite(C, "factor of the perturbation")
    size_g = fp.row_norms(G.reshape(n, -1))
    size_c = fp.row_norms(C.reshape(n, -1))
    left = np.matmul(G, np.swapaxes(G, 1, 2)) - np.matmul(C, np.swapaxes(C, 1, 2))
    gap = fp.row_norms(left.reshape(n, -1))
    eta = gap * RAISE + (d + 4) * U * size_g**2 + (C.shape[2] + 4) * U * size_c**2 + 2.0 * r * size_g + r**2
    return BlockFactor(C * moves[:, None, None], fp.require_finite(eta * RAISE * moves, "factor of the perturbation"))
