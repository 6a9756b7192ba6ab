"""The fast tier of M2: `κ²K − Q ≻ 0` by one a-priori Cholesky, the Rayleigh quotient of a Lanczos vector below.

Costs two factorisations and a few triangular solves on top of the kernel; enough where K is well-conditioned. Where its
ends do not meet closely enough, the congruence tiers take over.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from scipy.linalg.blas import dtrsv

from certify.finders.top_vector import top_pair
from certify.format.errors import InputError
from certify.network.layers.kernel import Kernel
from certify.problem.perturbations.factor import BlockFactor
from certify.rigor import fp
from certify.rigor.arithmetic import Arithmetic
from certify.rigor.cholesky import factor_in_place, least_float_shift
from certify.rigor.fp import Array
from certify.theorems.modulus.kernel import ModulusEnds, rayleigh


def direct_modulus(K: Kernel, Q: BlockFactor, arithmetic: Arithmetic) -> ModulusEnds:
    """Both ends of `lip S` from the kernel itself (M2).

    Args:
        K: enclosed kernel in binary64 (`mid.lo` None).
        Q: enclosed perturbation matrix.
        arithmetic: binary64.
    """
    z = propose_vector(K.mid.hi, Q)
    if z is None:
        return ModulusEnds(None, None, None)
    lower = rayleigh(K, Q, z, arithmetic)
    if lower is None:
        return ModulusEnds(None, None, None)
    for slack in (1.25, 4.0, 64.0):
        upper = _upper_end(K, Q, z, lower, slack)
        if upper is not None:
            return ModulusEnds(lower, upper, z)
    return ModulusEnds(lower, None, z)


def verify_modulus_below(K: Kernel, Q: BlockFactor, kappa: float) -> bool:
    """Whether `lip S < kappa` is proved by one a-priori Cholesky of `κ²K − Q` (M2, R4)."""
    if not (0.0 < kappa < 1e150) or kappa < 1e-150:
        raise InputError("verify_modulus_below", f"threshold {kappa}", "give a positive number within 1e±150")
    return _definite(K, Q, fp.down(Fraction(kappa) ** 2))


def _upper_end(K: Kernel, Q: BlockFactor, z: Array, lower: float, slack: float) -> float | None:
    """`κ` with `κ²K − Q ≻ 0` proved, `κ² = lower²(1 + δ)`: δ is `slack` times what rounding should need at z."""
    square = float(z @ z)
    energy = float(z @ (K.mid.hi @ z))
    room = _room(K, Q, lower * lower)
    delta = slack * room * square / max(lower * lower * energy, 1e-300)
    kappa2 = lower * lower * (1.0 + delta + 1e-12)
    if not np.isfinite(kappa2) or delta > 1e3 or not _definite(K, Q, kappa2):
        return None
    return fp.up(fp.sqrt_up(Fraction(kappa2)))


def _room(K: Kernel, Q: BlockFactor, kappa2: float) -> float:
    """What a Cholesky of `κ²K − Q` loses to rounding and radii; a float estimate."""
    trace = kappa2 * float(np.trace(K.mid.hi))
    e, s = float(np.linalg.norm(K.e)), float(np.linalg.norm(K.s))
    return float(fp.cholesky_unit(len(K.e))) * trace + kappa2 * 2.0 * e * s + float(Q.eta.max(initial=0.0))


def _definite(K: Kernel, Q: BlockFactor, kappa2: float) -> bool:
    """`κ²(K̂ ± (esᵀ + seᵀ)) − (CCᵀ ± η) ≻ 0` by a Cholesky of its midpoint shifted by everything left out (R4).

    Left out: `2κ²|e||s|`, `max η`, rounding of `κ²K̂` and of the difference (`u·κ²·2|s|²` and `2u·size` a block), and
    the Cholesky itself.
    """
    N = len(K.e)
    n, k, q = Q.C.shape
    if K.mid.lo is not None:
        raise InputError("direct tier", "a double-double kernel", "use the congruence tiers")
    M = kappa2 * K.mid.hi
    blocks = np.matmul(Q.C, np.swapaxes(Q.C, 1, 2))
    view = M.reshape(n, k, n, k)
    i = np.arange(n)
    view[i, :, i, :] -= blocks
    size_c = fp.row_norms(Q.C.reshape(n, -1))
    e, s = (Fraction(float(fp.row_norms(v[None, :])[0])) for v in (K.e, K.s))
    kappa = Fraction(kappa2)
    defect = 2 * kappa * e * s + Fraction(float(Q.eta.max(initial=0.0)))
    defect += 3 * Fraction(fp.U) * (kappa * 2 * s * s)
    defect += Fraction(float(np.max(size_c**2))) * Fraction(fp.dot_unit(q) + 4 * fp.U) * Fraction(fp.RAISE)
    shift = least_float_shift(M, defect)
    d = np.einsum("ii->i", M)
    d[:] = np.nextafter(d - shift, -np.inf)
    if not np.isfinite(d).all() or not (d > 0).all():
        return False
    trace = fp.total(d.tolist())
    if not factor_in_place(M):
        return False
    return Fraction(shift) - fp.cholesky_unit(N) * trace - Fraction(fp.FLOOR) > defect


def propose_vector(K: Array, Q: BlockFactor) -> Array | None:
    """z ≈ `K⁻¹Cv`, v the top right vector of `CᵀK⁻¹C`, by Lanczos with a float Cholesky; nothing here is trusted."""
    L = K.copy()
    if not factor_in_place(L):
        return None
    # L holds the lower factor row by row; its transpose is an upper factor column by column, which BLAS reads as is
    def solve(b: Array) -> Array:
        half = dtrsv(L.T, b, lower=0, trans=1)
        return np.asarray(dtrsv(L.T, half, lower=0, trans=0))

    top = top_pair(Q.C, solve)
    return None if top is None else top.z
