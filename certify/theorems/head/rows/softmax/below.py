"""The inverse of a matrix below the curvature of a softmax head, with its error, and lengths in its norm."""

from __future__ import annotations

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotri

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.theorems.head.rows.softmax.centre import Centre
from certify.theorems.head.rows.softmax.trap import hessian

POWERS = 6
"""Products with the vector that a bound of a norm rests on."""


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
    if not np.isfinite(H).all() or (inv := enclose_inverse(H, unsure)) is None:
        return None
    flat, off = inv
    whole = fp.frobenius(flat) + off
    off = (off + 8 * fp.dot_unit(len(flat)) * whole) * RAISE
    return flat, off, float(np.sqrt(whole + off) * RAISE)


def enclose_inverse(H: Array, unsure: float) -> tuple[Array, float] | None:
    """Symmetric X and e with `‖G⁻¹ − X‖ ≤ e` for every symmetric G within `unsure` of H; None if not proved.

    `‖I − XH‖ ≤ ε < 1` gives an error of at most `ε‖X‖/(1 − ε)`. X comes from a Cholesky factor, in half the time that
    any H takes.

    >>> X, e = enclose_inverse(np.diag([1.0, 4.0]), 0.0)
    >>> X.tolist(), e < 1e-13, enclose_inverse(np.diag([1.0, -4.0]), 0.0)
    ([[1.0, 0.0], [0.0, 0.25]], True, None)
    """
    p = len(H)
    factor, failed = dpotrf(H, lower=1, clean=1)
    X, lost = dpotri(factor, lower=1) if not failed else (factor, failed)
    if lost or not np.isfinite(X).all():
        return None
    X = X + X.T
    X[np.diag_indices(p)] *= 0.5
    whole = fp.frobenius(X)
    size = min(whole, symmetric_norm(X))
    left = X @ H
    left[np.diag_indices(p)] -= 1.0
    eps = (fp.frobenius(left) + whole * fp.dot_unit(p) * fp.frobenius(H) + size * unsure + 2.0 * U * p) * RAISE
    return (X, eps * size * 1.5) if eps < 0.25 else None


def symmetric_norm(X: Array) -> float:
    """Upper bound of the norm of a symmetric matrix: `‖X‖ ≤ ‖|X|‖ ≤ max_i (|X|v)_i/v_i` for every v > 0 (Collatz).

    >>> 1.0 <= symmetric_norm(np.array([[0.0, 1.0], [1.0, 0.0]])) < 1.0 + 1e-12
    True
    """
    sizes = np.abs(X)
    v = sizes.sum(axis=1)
    for _ in range(POWERS):
        v = sizes @ v
        v /= v.max()
        v += 2.0**-30
    return float((sizes @ v / v).max()) * fp.sum_up(len(X))


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
