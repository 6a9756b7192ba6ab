"""The kernel made nearly orthonormal by an untrusted witness: `X K Xᵀ = I + F`, F small and enclosed (C1).

Every bound on `K⁻¹` or on the pencil `κ²K − Q` is read off `I + F`, where plain floats lose nothing however
ill-conditioned K is. For a square X, `XMXᵀ ≻ 0` proves `M ≻ 0`, so nothing about X has to be trusted.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import scipy.linalg
from scipy.linalg.lapack import dpotrf, dtrtri

from certify.network.layers.jacobian import Jacobian
from certify.network.layers.kernel import Kernel
from certify.rigor import fp
from certify.rigor.arithmetic import Arithmetic, Pair
from certify.rigor.fp import RAISE, Array
from certify.rigor.matrices import nonnegative_norm
from certify.rigor.witness import orthonormalise, propose


@dataclass(frozen=True, eq=False)
class Congruence:
    """`‖X K Xᵀ − (I + F)‖₂ ≤ error` and `‖X K Xᵀ − I‖₂ ≤ epsilon < 1`.

    Attributes:
        X: `(N, N)` float64 witness.
        F: `(N, N)` symmetric float64.
        error: bound of what F leaves out.
        epsilon: bound of the distance to the identity.
        sigma: proved lower bound of `σ(J) = √λ_min(K)`.
    """

    X: Array
    F: Array
    error: Fraction
    epsilon: Fraction
    sigma: float


@dataclass(frozen=True)
class Failure:
    """Why no congruence was found: K may be singular, or too ill-conditioned for this arithmetic.

    Attributes:
        condition: estimated condition number of K (not proved), infinity where K looks singular.
        rank_gap: estimated number of directions lost at float64 precision.
        reason: one clause for the user.
    """

    condition: float
    rank_gap: int
    reason: str


def witness(K: Array) -> Array | None:
    """`X ≈ L⁻¹` with `K ≈ LLᵀ`, from LAPACK; None where the factorisation stops. Nothing here is trusted."""
    d = np.diagonal(K)
    if not (np.isfinite(K).all() and (d > 0).all()):
        return None
    scale = np.ldexp(1.0, -(np.frexp(d)[1] // 2))
    L, info = dpotrf(np.array(scale[:, None] * K * scale, order="F"), lower=1, clean=1, overwrite_a=1)
    if info != 0:
        return None
    inverse, info = dtrtri(L, lower=1)
    if info != 0 or not np.isfinite(inverse).all():
        return None
    return np.ascontiguousarray(inverse * scale)


def congruence(K: Kernel, arithmetic: Arithmetic) -> Congruence | Failure:
    """Find X and enclose `X K Xᵀ` (C1).

    The error is `‖|X|e‖·‖|X|s‖·2` from the kernel's radius plus `c‖X‖_F²‖K‖_F + c'‖XK‖_F‖X‖_F` from the two
    products, of which the second approximates a symmetric matrix.

    Args:
        K: enclosed kernel.
        arithmetic: the arithmetic the kernel was computed in.

    Returns:
        A :class:`Congruence`, or a :class:`Failure` in words.
    """
    sym = (K.mid.hi + K.mid.hi.T) / 2
    X = witness(sym)
    if X is None:
        return _failure(sym, "the Cholesky factorisation of the kernel stops")
    N = len(X)
    T = arithmetic.product(Pair(X), Pair(K.mid.hi.T, None if K.mid.lo is None else K.mid.lo.T))
    E = arithmetic.symmetric_product(T, Pair(X))
    size_x, size_k = Fraction(fp.frobenius(X)), Fraction(fp.frobenius(K.mid.hi)) * Fraction(RAISE)
    size_t = Fraction(fp.frobenius(T.hi)) * Fraction(RAISE)
    c = Fraction(arithmetic.product_unit(N))
    error = c * size_x * size_x * size_k + Fraction(arithmetic.symmetric_unit(N)) * size_t * size_x
    error += 2 * applied(X, K.e) * applied(X, K.s)
    if E.lo is not None:
        error += Fraction(fp.frobenius(E.lo))
    F = (E.hi + E.hi.T) / 2  # the truth is symmetric, so the symmetric part is no further from it
    error += 2 * Fraction(fp.U) * Fraction(fp.frobenius(E.hi))
    i = np.arange(N)
    F[i, i] -= 1.0  # rounding at most u(1 + |F|)
    error += Fraction(fp.U) * (1 + nonnegative_norm(np.abs(F)))
    epsilon = nonnegative_norm(np.abs(F)) + error
    if epsilon >= Fraction(1, 2):
        return _failure(sym, f"rounding leaves ‖XKXᵀ − I‖ ≤ {fp.shown(epsilon)} only, where less than 0.5 is needed")
    return Congruence(X, F, error, epsilon, _sigma(X, epsilon))


def jacobian_congruence(J: Jacobian, arithmetic: Arithmetic) -> Congruence | Failure:
    """The congruence from the Jacobian itself: X makes the rows of J nearly orthonormal (W1).

    Args:
        J: enclosed Jacobian.
        arithmetic: the arithmetic of J.
    """
    X = propose(J.mid.hi)
    found = None if X is None else orthonormalise(J.mid, J.rad, X, arithmetic)
    if found is None:
        reason = "the rows of the Jacobian cannot be orthonormalised in floats"
        try:
            values = scipy.linalg.svdvals(J.mid.hi)
        except np.linalg.LinAlgError:
            return Failure(float("inf"), 0, reason)
        condition = float(values[0] / values[-1]) if values[-1] > 0 else float("inf")
        lost = int((values <= len(values) * fp.U * values[0]).sum())
        return Failure(condition * condition, lost, reason)
    return Congruence(found.X, found.F, found.error, found.epsilon, _sigma(found.X, found.epsilon))


def applied(X: Array, v: Array) -> Fraction:
    """Upper bound of `‖ |X| v ‖` for v ≥ 0."""
    product = fp.require_finite(np.abs(X) @ v, "congruence") * (1.0 + 2 * fp.dot_unit(len(v)))
    return Fraction(float(fp.row_norms(product[None, :])[0])) * Fraction(RAISE)


def _sigma(X: Array, epsilon: Fraction) -> float:
    """`K ⪰ (1 − ε)(XᵀX)⁻¹`, so `σ(J) ≥ √(1 − ε)/‖X‖₂`, with the verified spectral norm of X."""
    from certify.rigor.singular import enclose_norm2

    return fp.down(fp.sqrt_down(1 - epsilon) / Fraction(enclose_norm2(X).upper))


def _failure(K: Array, reason: str) -> Failure:
    """Estimate, for the message only, how ill-conditioned the kernel is."""
    try:
        values = scipy.linalg.eigvalsh(K)
    except (np.linalg.LinAlgError, ValueError):
        return Failure(float("inf"), 0, reason)
    top = float(values[-1])
    lost = int((values <= len(K) * fp.U * top).sum())
    least = float(values[0])
    return Failure(top / least if least > 0 else float("inf"), lost, reason)
