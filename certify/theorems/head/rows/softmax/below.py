"""The inverse of a matrix below the curvature of a softmax head, with its error, and lengths in its norm."""

from __future__ import annotations

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.boxes.trap import inverse
from certify.theorems.head.rows.softmax.centre import Centre
from certify.theorems.head.rows.softmax.trap import hessian


def inverse_below(c: Centre, d: Array) -> tuple[Array, float, float] | None:
    """The inverse of `Σ d_jA_j ⊗ x_jx_jᵀ + diag μ + ∇²N`; None where it is not proved.

    Args:
        c: the centre.
        d: `(n,)` floats ≥ 0.

    Returns:
        `(kp, kp)` floats X; their error, room for products with two rows in it; at least the root of the norm.
    """
    k, n, norms = c.head.k, c.head.n, c.head.phi_norm
    squares = (c.S * c.S).sum(axis=1)
    size = np.sqrt(np.maximum(squares - 2 * (c.S**3).sum(axis=1) + squares * squares, 0.0))  # of A_j, as floats have it
    size = np.minimum(1.0, size + 2.0**-20)
    curve_off = (2 + 2 * np.sqrt(k) + k * c.s_off) * c.s_off + 2 * (fp.dot_unit(n) + 8 * U) * size
    unsure = float((d * norms * norms) @ curve_off) * fp.sum_up(n)
    unsure = (unsure + 4 * U * k * (float(c.decay.sum()) + k * c.tie) + c.decay_off) * RAISE
    H = hessian(c, d)
    if not np.isfinite(H).all() or (inv := inverse(H, unsure)) is None:
        return None
    flat, off = inv
    whole = fp.frobenius(flat) + off
    off = (off + 8 * fp.dot_unit(len(flat)) * whole) * RAISE
    return flat, off, float(np.sqrt(whole + off) * RAISE)


def lengths_in(flat: Array, off: float, vectors: Array) -> Array:
    """Upper bounds of lengths of vectors in the norm of the inverse."""
    square = np.einsum("ij,ij->i", vectors @ flat, vectors)
    square = np.maximum(square, 0.0) + off * np.einsum("ij,ij->i", vectors, vectors)
    return np.asarray(np.sqrt(square * RAISE) * RAISE)


def block_lengths(own: Array, off: float, norms: Array, u: Array) -> Array:
    """The same of `x ⊗ u`, from the blocks `(xᵀ ⊗ 1)X(x ⊗ 1)` of rows x."""
    square = np.einsum("fa,fab,fb->f", u, own, u)
    square = np.maximum(square, 0.0) + 2 * off * norms * norms * (u * u).sum(axis=1)
    return np.asarray(np.sqrt(square * RAISE) * RAISE)
