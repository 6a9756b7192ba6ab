"""M1, M2: the Lipschitz modulus `lip S = ‖G_w⁺G_u‖` of the solution map, from both sides."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import scipy.linalg

from certify.format.errors import EnclosureError
from certify.network.layers.jacobian import Jacobian
from certify.network.layers.kernel import Kernel
from certify.problem.perturbations.factor import BlockFactor
from certify.rigor import fp
from certify.rigor.arithmetic import Arithmetic, Pair
from certify.rigor.cholesky import verify_definite
from certify.rigor.fp import RAISE, Array
from certify.systems.interpolation.congruence import Congruence


@dataclass(frozen=True, eq=False)
class ModulusEnds:
    """Proved ends of `lip S` (None: not proved) and the vector that proves the lower one."""

    lower: float | None
    upper: float | None
    z: Array | None


@dataclass(frozen=True, eq=False)
class Applied:
    """`Y_i = X_i C_i` blockwise, flattened, with bounds of its rounding error and size.

    Attributes:
        Y: `(N, n·q)` float64.
        slack: bound of `‖Y − XC‖_F`.
        size: bound of `‖Y‖_F`.
        loose: bound of `‖X diag(η) Xᵀ‖₂`.
    """

    Y: Array
    slack: Fraction
    size: Fraction
    loose: Fraction


def applied_factor(X: Array, Q: BlockFactor) -> Applied:
    """`XC` for the block factor C of Q, with rounding error `(k+2)u‖X_i‖_F‖C_i‖_F` a block."""
    N = len(X)
    n, k, q = Q.C.shape
    Y = np.einsum("Nik,ikq->Niq", X.reshape(N, n, k), Q.C).reshape(N, n * q)
    fp.require_finite(Y, "congruence of the perturbation")
    blocks = fp.row_norms(np.ascontiguousarray(X.T).reshape(n, k * N))
    sizes = fp.row_norms(Q.C.reshape(n, k * q))
    slack = Fraction(fp.dot_unit(k)) * Fraction(float(fp.row_norms((blocks * sizes)[None, :])[0])) * Fraction(fp.RAISE)
    loose = Fraction(float(fp.row_norms((blocks * np.sqrt(Q.eta))[None, :])[0])) * Fraction(fp.RAISE)
    return Applied(Y, slack, Fraction(fp.frobenius(Y)), loose * loose)


def enclose_modulus(K: Kernel | Jacobian, Q: BlockFactor, X: Congruence, arithmetic: Arithmetic) -> ModulusEnds:
    """Enclose `lip S = √λ_max(Q^½ K⁻¹ Q^½)` by M2.

    LAPACK proposes the top eigenpair `(θ, v)` of `(XQXᵀ, XKXᵀ)`. Upper end: the least κ² = θ(1 + δ), δ from a
    short list, for which a Cholesky proves `κ²·XKXᵀ − XQXᵀ ≻ 0`. Lower end: the Rayleigh quotient of z = Xᵀv.

    Args:
        K: enclosed kernel, or the Jacobian it is the Gram matrix of.
        Q: enclosed perturbation matrix.
        X: congruence of K.
        arithmetic: the arithmetic of K.
    """
    if not Q.C.any() and not Q.eta.any():  # nothing moves the outputs
        return ModulusEnds(0.0, 0.0, None)
    applied = applied_factor(X.X, Q)
    S = fp.require_finite(applied.Y @ applied.Y.T, "congruence of the perturbation")
    S = (S + S.T) / 2
    E = X.F.copy()
    i = np.arange(len(E))
    E[i, i] += 1.0
    last = len(E) - 1
    try:
        theta, v = scipy.linalg.eigh(S, E, subset_by_index=[last, last])
    except np.linalg.LinAlgError as error:
        raise EnclosureError("modulus", f"LAPACK found no eigenvector ({error})", "this is rare: report it") from None
    z = X.X.T @ v[:, 0]
    return ModulusEnds(rayleigh(K, Q, z, arithmetic), _upper(float(theta[0]), E, S, X, applied), z)


def _upper(theta: float, E: Array, S: Array, X: Congruence, applied: Applied) -> float | None:
    """Least tried κ with `κ²·XKXᵀ − XQXᵀ ≻ 0` proved, rounded up."""
    rounding = Fraction(fp.dot_unit(applied.Y.shape[1]) + 2 * fp.U) * applied.size**2
    defect_s = rounding + 2 * applied.slack * applied.size + applied.slack**2 + applied.loose
    size_e, size_s = Fraction(fp.frobenius(E)), Fraction(fp.frobenius(S))
    least = float(applied.size) ** 2 * 1e-12
    for delta in (1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0):
        kappa2 = max(theta, 0.0) * (1.0 + delta) + least * delta
        M = kappa2 * E - S
        defect = Fraction(kappa2) * (X.error + Fraction(fp.U)) + defect_s
        defect += 3 * Fraction(fp.U) * (Fraction(kappa2) * size_e + size_s)
        if np.isfinite(M).all() and verify_definite(M, defect):
            return fp.up(fp.sqrt_up(Fraction(kappa2)))
    return None


def rayleigh(K: Kernel | Jacobian, Q: BlockFactor, z: Array, arithmetic: Arithmetic) -> float | None:
    """`√(zᵀQz / zᵀKz)` rounded down: `zᵀQz` from below, `zᵀKz` from above (M2)."""
    if not np.isfinite(z).all() or not z.any():
        return None
    z = np.ldexp(z, -int(np.frexp(np.max(np.abs(z)))[1]))
    return quotient(Q, z, energy(K, z, arithmetic))


def quotient(Q: BlockFactor, z: Array, bottom: Fraction) -> float | None:
    """`√(zᵀQz / bottom)` rounded down, for an upper bound of `zᵀKz` and a z with entries at most 1 in size (M2)."""
    n, k, _ = Q.C.shape
    top = perturbation_form(Q, z.reshape(n, k))
    if top <= 0 or bottom <= 0:
        return None
    return fp.down(fp.sqrt_down(top / bottom))


def energy(K: Kernel | Jacobian, z: Array, arithmetic: Arithmetic) -> Fraction:
    """Upper bound of `zᵀKz` for a vector with entries at most 1 in size."""
    return _kernel_form(K, z, arithmetic) if isinstance(K, Kernel) else _jacobian_form(K, z, arithmetic)


def perturbation_form(Q: BlockFactor, z: Array) -> Fraction:
    """Lower bound of `zᵀQz`: `|Cᵀz|² − Σ η_i |z_i|²`, `Cᵀz` in floats with an error of `(k+2)u‖C_i‖_F|z_i|` a block."""
    n, k, q = Q.C.shape
    y = fp.require_finite(np.einsum("ikq,ik->iq", Q.C, z), "perturbation form").ravel()
    sizes, lengths = fp.row_norms(Q.C.reshape(n, k * q)), fp.row_norms(z)
    error = Fraction(fp.dot_unit(k)) * Fraction(float(fp.row_norms((sizes * lengths)[None, :])[0])) * Fraction(RAISE)
    missing = _dot_up(Q.eta, lengths * lengths * RAISE)
    return max(fp.sqrt_down(fp.inner(y, y)) - error, Fraction(0)) ** 2 - missing


def _kernel_form(K: Kernel, z: Array, arithmetic: Arithmetic) -> Fraction:
    """Upper bound of `zᵀKz`: `Kz` in the arithmetic, the outer sum exactly, the radius as `2(|z|·e)(|z|·s)`."""
    T = arithmetic.product(K.mid, Pair(z[None, :]))
    size = np.abs(z)
    c = Fraction(arithmetic.product_unit(len(z))) * Fraction(float(fp.row_norms(z[None, :])[0]))
    error = c * _dot_up(size, arithmetic.row_norms(K.mid)) + 2 * _dot_up(size, K.e) * _dot_up(size, K.s)
    parts = [T.hi] if T.lo is None else [T.hi, T.lo]
    return sum((fp.inner(part[:, 0], z) for part in parts), error)


def _jacobian_form(J: Jacobian, z: Array, arithmetic: Arithmetic) -> Fraction:
    """Upper bound of `zᵀKz = |Jᵀz|²`: `Jᵀz` in the arithmetic, its error `c‖J‖_F|z| + |z|·rad`."""
    turned = Pair(np.ascontiguousarray(J.mid.hi.T), None if J.mid.lo is None else np.ascontiguousarray(J.mid.lo.T))
    T = arithmetic.product(turned, Pair(z[None, :]))
    error = Fraction(arithmetic.product_unit(len(z))) * Fraction(fp.frobenius(J.mid.hi)) * Fraction(fp.RAISE)
    error = error * Fraction(float(fp.row_norms(z[None, :])[0])) + _dot_up(np.abs(z), J.rad)
    if T.lo is not None:
        error += Fraction(fp.frobenius(T.lo))
    return (Fraction(fp.frobenius(T.hi)) + error) ** 2


def _dot_up(a: Array, b: Array) -> Fraction:
    """Upper bound of the inner product of nonnegative vectors."""
    floor = Fraction(fp.FLOOR) * Fraction(fp.FLOOR)
    return fp.exact(float(a @ b)) * (1 + 2 * Fraction(fp.dot_unit(len(a)))) + floor

