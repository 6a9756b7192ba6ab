"""The orthonormalising witness: an untrusted X that makes the rows of `XA` nearly orthonormal (W1).

`XA(XA)ᵀ = I + F` is enclosed with an error proportional to `cond(A)·u` (plain products) or `cond(A)·2^-90` (sliced
ones), where the Gram matrix of A itself costs `cond(A)²·u`. From `‖F‖ ≤ ε < 1`:

`√(1−ε)/‖X‖₂ ≤ σ_min(A) ≤ √(1+ε)/‖X‖₂`, since `A⁺ = (XA)⁺X` and the singular values of XA lie in `[√(1−ε), √(1+ε)]`.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import scipy.linalg

from certify.rigor import fp
from certify.rigor.arithmetic import Arithmetic, Pair
from certify.rigor.fp import RAISE, Array
from certify.rigor.matrices import nonnegative_norm


@dataclass(frozen=True, eq=False)
class Orthonormalised:
    """`‖XA(XA)ᵀ − (I + F)‖₂ ≤ error`, `‖XA(XA)ᵀ − I‖₂ ≤ epsilon < ½`.

    Attributes:
        X: `(n, n)` float64 witness.
        F: `(n, n)` symmetric float64.
        error, epsilon: rationals.
    """

    X: Array
    F: Array
    error: Fraction
    epsilon: Fraction


def propose(A: Array) -> Array | None:
    """`X ≈ R⁻ᵀ` from a Householder QR of `Aᵀ`, rows scaled by powers of two first; None where LAPACK gives up."""
    n = A.shape[0]
    largest = np.abs(A).max(axis=1)
    if not (largest > 0).all() or A.shape[1] < n:
        return None
    scale = np.ldexp(1.0, -np.frexp(largest)[1])
    try:
        R = scipy.linalg.qr((A * scale[:, None]).T, mode="r", check_finite=False)[0][:n]
        X = scipy.linalg.solve_triangular(R.T, np.eye(n), lower=True, check_finite=False)
    except (np.linalg.LinAlgError, ValueError):
        return None
    X = np.tril(X) * scale
    return np.ascontiguousarray(X) if np.isfinite(X).all() else None


def orthonormalise(A: Pair, radius: Fraction | Array, X: Array, arithmetic: Arithmetic) -> Orthonormalised | None:
    """Enclose `XA(XA)ᵀ` for every A within the radius of the pair; None where `ε < ½` cannot be proved (W1).

    Args:
        A: `(n, m)` midpoint.
        radius: `(n,)` bounds r of `|ΔA_i|` row by row (then `‖XΔA‖_F ≤ ‖|X| r‖`), or one bound of `‖ΔA‖₂`.
        X: `(n, n)` candidate, any float matrix.
        arithmetic: computes the product `XA`.
    """
    n = len(X)
    turned = Pair(np.ascontiguousarray(A.hi.T), None if A.lo is None else np.ascontiguousarray(A.lo.T))
    Q = arithmetic.product(Pair(X), turned)
    size_x, size_a = Fraction(fp.frobenius(X)), Fraction(fp.frobenius(A.hi)) * Fraction(RAISE)
    delta = Fraction(arithmetic.product_unit(X.shape[1])) * size_x * size_a
    if isinstance(radius, Fraction):
        delta += radius * size_x
    else:
        spread = fp.require_finite(np.abs(X) @ radius, "witness") * (1.0 + 2 * fp.dot_unit(n))
        delta += Fraction(float(fp.row_norms(spread[None, :])[0])) * Fraction(RAISE)
    if Q.lo is not None:
        delta += Fraction(fp.frobenius(Q.lo))
    E = fp.require_finite(Q.hi @ Q.hi.T, "witness")
    size_q = Fraction(fp.frobenius(Q.hi))
    F = (E + E.T) / 2
    i = np.arange(n)
    F[i, i] -= 1.0
    norm_f = nonnegative_norm(np.abs(F))
    unit = Fraction(fp.U)
    error = Fraction(fp.dot_unit(Q.hi.shape[1])) * size_q**2
    error += 2 * unit * Fraction(fp.frobenius(E)) + unit * (1 + norm_f)
    error += 2 * delta * fp.sqrt_up(1 + norm_f + error) + delta**2
    epsilon = norm_f + error
    return Orthonormalised(X, F, error, epsilon) if epsilon < Fraction(1, 2) else None
