"""Verified positive definiteness and smallest eigenvalue of a symmetric matrix, by one Cholesky."""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np
import scipy.linalg
from scipy.linalg.lapack import dpotrf
from threadpoolctl import threadpool_limits

from certify.format.errors import InputError
from certify.format.words import Verdict
from certify.rigor import fp
from certify.rigor.enclosure import Enclosure
from certify.rigor.fp import Array, U
from certify.rigor.matrices import (
    as_matrix,
    as_radius,
    nonnegative_norm,
    power_of_two,
    require_symmetric,
    scaled_spread,
    unit_scaled,
)

THREADED_LIMIT = 15_000
"""Largest matrix that is factorised with more than one BLAS thread."""

Method = Literal["residual", "a-priori"]


@dataclass(frozen=True)
class Verification:
    """Outcome of a `verify_` function; true in a condition only if certified.

    Attributes:
        verdict: `CERTIFIED` or `INCONCLUSIVE`; not proved is never turned into disproved.
        reason: what blocked the proof, empty if certified.
    """

    verdict: Verdict
    reason: str = ""

    def __bool__(self) -> bool:
        """True only if certified."""
        return self.verdict is Verdict.CERTIFIED


def _factor(M: Array) -> Array | None:
    """LAPACK's lower Cholesky factor, or None where it stops or is not finite (OpenBLAS lets NaN through)."""
    if not np.isfinite(M).all():
        return None
    L, info = dpotrf(np.array(M, order="F"), lower=1, clean=1, overwrite_a=1)
    diagonal = np.diagonal(L)
    if info != 0 or not np.isfinite(L).all() or not (diagonal > 0).all():
        return None
    return np.ascontiguousarray(L)


def factor_in_place(M: Array) -> bool:
    """Overwrite the lower triangle of a symmetric C-ordered M by its Cholesky factor; False where LAPACK stops.

    One thread beyond N = 15,000, where the threaded Cholesky of OpenBLAS has crashed.
    """
    if not M.flags.c_contiguous:  # LAPACK would work on a copy, and what is checked below would not be the factor
        return False
    with _threads(1 if len(M) > THREADED_LIMIT else None):
        _, info = dpotrf(M.T, lower=0, clean=0, overwrite_a=1)  # M.T is Fortran-ordered: no copy
    diagonal = np.diagonal(M)
    return bool(info == 0 and np.isfinite(diagonal).all() and (diagonal > 0).all())


def _threads(limit: int | None) -> contextlib.AbstractContextManager[object]:
    """BLAS limited to that many threads."""
    return contextlib.nullcontext() if limit is None else threadpool_limits(limit)


_MARGIN = Fraction(1025, 1024)
"""What is left for rounding the trace; whether it was enough is decided exactly afterwards."""


def least_float_shift(M: Array, defect: Fraction) -> float:
    """The shift that leaves room for `defect` and for an a-priori Cholesky of M, and hardly more."""
    trace = float(np.sum(np.maximum(np.diagonal(M), 0.0)))
    if not np.isfinite(trace):
        return math.inf
    return fp.up(_MARGIN * fp.cholesky_unit(len(M)) * Fraction(trace) + defect + Fraction(fp.FLOOR))


def residual_norm(M: Array, L: Array) -> Fraction:
    """Upper bound of `‖M − LLᵀ‖₂` for any float L (R5).

    `‖fl(M − fl(LLᵀ))‖_F + (N+2)u‖L‖_F² + u‖fl(M − fl(LLᵀ))‖_F`: only inner products are trusted.

    Args:
        M: `(N, N)` symmetric, entries at most 2 in size.
        L: `(N, N)` float64.
    """
    difference = M - L @ L.T
    computed = Fraction(fp.frobenius(fp.require_finite(difference, "Cholesky residual")))
    size = Fraction(fp.frobenius(L))
    return computed * (1 + 2 * Fraction(U)) + Fraction(fp.dot_unit(L.shape[0])) * size * size


def require_method(method: str) -> None:
    """Refuse an unknown way of bounding the factorisation error."""
    if method not in ("residual", "a-priori"):
        raise InputError("method", f"'{method}'", "use 'residual' or 'a-priori'")


def extreme_pair(M: Array, largest: bool) -> tuple[float, Array]:
    """Approximate smallest or largest eigenvalue of M with its vector; a finder, nothing is proved here.

    LAPACK's subset driver sometimes returns no pair at all; then all pairs are computed.
    """
    index = len(M) - 1 if largest else 0
    for subset in ([index, index], None):
        try:
            values, vectors = scipy.linalg.eigh(M, subset_by_index=subset, check_finite=False)
        except np.linalg.LinAlgError:
            continue
        at = -1 if largest else 0
        if len(values) and np.isfinite(vectors).all() and vectors[:, at].any():
            return float(values[at]), np.ascontiguousarray(vectors[:, at])
    return (float(np.abs(M).sum(axis=1).max()) if largest else 0.0), np.ones(len(M))


def _cholesky_defect(M: Array, method: Method) -> Fraction | None:
    """d with `M ⪰ −d·I`, from a Cholesky of M that ran to the end; None where it did not (R4, R5)."""
    require_method(method)
    L = _factor(M)
    if L is None:
        return None
    if method == "residual":
        return residual_norm(M, L)
    trace = fp.total(np.diagonal(M).tolist())
    return fp.cholesky_unit(M.shape[0]) * trace + Fraction(fp.FLOOR)


def lower_shift(G: Array, shift: Fraction, method: Method) -> Fraction | None:
    """A proved lower bound of `λ_min(G)` near `shift`, or None if the Cholesky of `G − shift·I` stops.

    `G − sI` with the diagonal rounded down is factorised: `G ⪰ sI + M ⪰ (s − d)I`.
    """
    M = G.copy()
    s = fp.up(shift) if shift >= 0 else -fp.down(-shift)
    i = np.arange(len(M))
    M[i, i] = np.nextafter(M[i, i] - s, -math.inf)
    defect = _cholesky_defect(M, method)
    return None if defect is None else fp.exact(s) - defect


def _slack(G: Array) -> Fraction:
    """Shift at which rounding alone no longer stops the Cholesky of a unit-scaled matrix."""
    trace = max(float(np.sum(np.maximum(np.diagonal(G), 0.0))), 1.0)
    return 2 * fp.cholesky_unit(len(G)) * Fraction(trace) + Fraction(fp.FLOOR)


def _jacobi_scaled(G: Array) -> tuple[Array, Array] | None:
    """`SGS` with S diagonal, powers of two, diagonal in [⅛, ½); None if a diagonal entry is not positive."""
    d = np.diagonal(G)
    if not (d > 0).all():
        return None
    s = -(np.frexp(d)[1] + 1) // 2
    i = np.clip(s, -1020, 1020)
    with np.errstate(over="ignore"):
        scaled = np.ldexp(np.ldexp(G, i[:, None]), i[None, :])
    return scaled, i


def verify_definite(G: Array, defect: Fraction, method: Method = "residual") -> bool:
    """Whether `G + D ≻ 0` is proved for every symmetric D with `‖D‖₂ ≤ defect`.

    Args:
        G: `(N, N)` symmetric float64.
        defect: bound of the spectral norm of what G leaves out.
        method: how the factorisation error is bounded, see :func:`verify_positive_definite`.
    """
    trace = float(np.sum(np.maximum(np.diagonal(G), 0.0)))
    if not np.isfinite(trace):
        return False
    room = 2 * fp.cholesky_unit(len(G)) * Fraction(trace) + defect + Fraction(fp.FLOOR)
    proved = lower_shift(G, room, method)
    return proved is not None and proved > defect


def verify_positive_definite(A: object, radius: object = None, method: Method = "residual") -> Verification:
    """Prove that every symmetric matrix M with `|M − A| ≤ radius` entrywise is positive definite.

    A is scaled by powers of two to a diagonal near 1 and shifted down by the radius' norm and the rounding
    error; a Cholesky that runs to the end then proves the claim, with the factorisation error bounded
    *a priori*, `γ/(1−γ)·tr`, γ = (N+8)u (R4: trusts that the factorisation computes inner products in some
    order), or by the *residual* `‖M − LLᵀ‖` (R5: any factor is a valid witness; one more product).

    Args:
        A: `(N, N)` real symmetric matrix, entries exactly representable in float64.
        radius: None, one number, or `(N, N)` numbers ≥ 0.
        method: ``"residual"`` or ``"a-priori"``.

    Returns:
        A :class:`Verification`, true only if proved. Not proved says nothing about A.

    Raises:
        InputError: NaN or infinity, not symmetric, empty, bad radius.

    Source: Rump, BIT 46 (2006) 433–452; Rump and Jeannerod, SIMAX 35 (2014) 684–703.

    >>> bool(verify_positive_definite(np.array([[2.0, 1.0], [1.0, 2.0]])))
    True
    >>> verify_positive_definite(np.ones((2, 2))).verdict.value
    'inconclusive'
    """
    G = as_matrix(A, "A")
    require_symmetric(G, "A")
    r = as_radius(radius, G.shape)
    require_method(method)
    scaled = _jacobi_scaled(G)
    if scaled is None:
        return Verification(Verdict.INCONCLUSIVE, "a diagonal entry is not positive")
    M, exponents = scaled
    if not np.isfinite(M).all() or np.max(np.abs(M)) > 2.0:
        return Verification(Verdict.INCONCLUSIVE, "an off-diagonal entry exceeds its diagonal entries")
    defect = Fraction(fp.FLOOR) * len(M)
    if r is not None:
        with np.errstate(over="ignore"):
            R = np.ldexp(np.ldexp(r, exponents[:, None]), exponents[None, :])
        R = np.minimum(R, R.T)  # M is symmetric: both radii hold for both entries
        if not (R <= 2.0).all():  # a member with that entry is not positive definite; NaN fails the comparison
            return Verification(Verdict.INCONCLUSIVE, "the radius exceeds the diagonal")
        defect += nonnegative_norm(R)
    if verify_definite(M, defect, method):
        return Verification(Verdict.CERTIFIED)
    return Verification(Verdict.INCONCLUSIVE, "the shifted Cholesky factorisation stopped: not positive definite, "
                        "or too close to singular for float64")


def quadratic_form(G: Array, v: Array) -> tuple[Fraction, Fraction, Fraction]:
    """Lower and upper bound of `vᵀGv`, and `|v|²` exactly.

    `Gv` in floats with its error bound, the outer sum exactly.
    """
    y = fp.require_finite(G @ v, "quadratic form")
    norm = fp.row_norms(v[None, :])[0]
    error = fp.exact(float(np.max(fp.row_norms(G) * (norm * fp.dot_unit(len(v)))))) * Fraction(fp.RAISE)
    exact_v = [fp.exact(x) for x in v.tolist()]
    centre = sum((a * fp.exact(b) for a, b in zip(exact_v, y.tolist(), strict=True)), Fraction(0))
    spread = error * sum((abs(a) for a in exact_v), Fraction(0))
    return centre - spread, centre + spread, sum((a * a for a in exact_v), Fraction(0))


def enclose_lambda_min(A: object, radius: object = None, method: Method = "residual") -> Enclosure:
    """Enclose the smallest eigenvalue of every symmetric M with `|M − A| ≤ radius` entrywise.

    Lower end: a shifted Cholesky (R4, R5). Upper end: the Rayleigh quotient of an approximate eigenvector.

    Args:
        A: `(N, N)` real symmetric matrix.
        radius: None, one number, or `(N, N)` numbers ≥ 0.
        method: ``"residual"`` or ``"a-priori"``.

    Returns:
        Floats `lower ≤ λ_min(M) ≤ upper`.

    Raises:
        InputError: NaN or infinity, not symmetric, empty, bad radius.
        EnclosureError: a bound overflows.

    >>> e = enclose_lambda_min(np.diag([1.0, 3.0]))
    >>> e.lower <= 1.0 <= e.upper and e.upper - e.lower < 1e-12
    True
    """
    G = as_matrix(A, "A")
    require_symmetric(G, "A")
    r = as_radius(radius, G.shape)
    M, e = unit_scaled(G)
    spread = scaled_spread(None if r is None else np.minimum(r, r.T), e)
    floor = Fraction(fp.FLOOR) * len(M)
    value, vector = extreme_pair(M, largest=False)
    _, top, square = quadratic_form(M, vector)
    upper = (top / square + floor) * power_of_two(e) + spread
    lower = lambda_min_lower(M, value, method)
    return Enclosure(fp.down((lower - floor) * power_of_two(e) - spread), fp.up(upper))


def lambda_min_lower(M: Array, estimate: float, method: Method = "residual") -> Fraction:
    """A proved lower bound of λ_min of a unit-scaled symmetric float matrix, tried near `estimate` first."""
    slack = _slack(M)
    for k in range(12):
        proved = lower_shift(M, Fraction(estimate) - slack * 4**k, method)
        if proved is not None:
            return proved
    return -nonnegative_norm(np.abs(M))


def lambda_max_upper(M: Array, estimate: float, method: Method = "residual") -> Fraction:
    """A proved upper bound of λ_max of a unit-scaled symmetric float matrix."""
    return -lambda_min_lower(-M, -estimate, method)

