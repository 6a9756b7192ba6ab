"""M5s beside symmetries: the Hessian completed by `S²T`, T its symmetry fields and `|Sv|` the function norm of v.

What that matrix gives is orthogonal to the kernel `range T` as S measures angles, and so the shortest motion in S.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from certify.format.errors import EnclosureError
from certify.rigor import fp
from certify.rigor.arithmetic import Binary64, DoubleDouble, Pair
from certify.rigor.fp import Array
from certify.rigor.inverse import Inverse, Matrix, invert
from certify.rigor.singular import enclose_sigma_min
from certify.systems.critical.function_norm import Seen
from certify.systems.critical.reduction import RANK, Basis, completed, field_length
from certify.systems.critical.symmetry import Fields

MOST_TURNED = Fraction(1, 8)
"""How far the fields may turn, as S measures angles, between where they are known and where they are meant."""


def invert_seen(H: Matrix, fields: Fields, seen: Seen, distance: Fraction) -> tuple[Inverse, Fraction] | str:
    """An inverse of `A = H + S²TBBᵀTᵀS²` for some matrix B, and η; or in words why none was proved.

    With y the shortest motion in S and `y' = A⁻¹g`, T the fields that are given: `√(1 − η²)|Sy'| ≤ |Sy| ≤ |Sy'|`.

    Args:
        H: enclosed Hessian.
        fields: T, at some parameters; at least one field.
        seen: F, `S² = FᵀF`.
        distance: how far the parameters of interest may be from those.
    """
    try:
        eta = turned(fields, seen, distance)
        found = invert(completed(H, spanning_seen(fields, seen, field_length(H.mid.hi)), Binary64()), Binary64())
    except EnclosureError as error:
        return f"{error.found} ({error.asked})"
    if eta > MOST_TURNED:
        return ("the symmetry fields at the exact critical point are not known well enough as the reference rows see "
                "them: take a larger weights.tau")
    if isinstance(found, Inverse):
        return found, eta
    return (f"the Hessian completed by the symmetry fields as the reference rows see them was not inverted: "
            f"{found.reason}: take a larger weights.tau")


def loosened(found: Inverse, eta: Fraction) -> Inverse:
    """The measured inverse with an error that covers η: `1 + θ' = (1 + θ)/(1 − η²)`, and `1 − η² ≤ √(1 − η²)`.

    Args:
        found: from :func:`certify.systems.critical.function_norm.measured`.
        eta: at most :data:`MOST_TURNED`.
    """
    return Inverse(found.X, (1 + found.epsilon) / (1 - eta**2) - 1, found.size)


def turned(fields: Fields, seen: Seen, distance: Fraction) -> Fraction:
    """η: at least `|S(T* − T)k|/|ST*k|` for all k, T* the fields where they are meant; 1 where nothing is known.

    `‖F‖δ/(τ(σ − δ))` with `δ ≥ ‖(T* − T)B‖_F`, `√moving·distance·‖B‖_F`, and `σ ≤ σ_min(TB)` of a basis TB.

    Args:
        fields: T; at least one field.
        seen: F.
        distance: how far the parameters of interest may be from those of T.
    """
    first = _basis(fields.T)
    size = Fraction(fp.frobenius(first))
    delta = fp.sqrt_up(Fraction(fields.moving)) * distance * size
    if delta == 0:
        return Fraction(0)
    TB = fp.require_finite(fields.T @ first.T, "symmetry fields")
    error = Fraction(fp.dot_unit(fields.T.shape[1])) * Fraction(fp.frobenius(fields.T)) * size + Fraction(fp.FLOOR)
    room = seen.tau * (Fraction(enclose_sigma_min(TB).lower) - error - delta)
    return min(seen.norm * delta / room, Fraction(1)) if room > 0 else Fraction(1)


def spanning_seen(fields: Fields, seen: Seen, length: float) -> Basis:
    """Nearly orthogonal columns of the given length that span `S²T`: `‖S²TB − columns‖_F ≤ error` for some B.

    B is made of two factors that cost tightness alone: one takes a basis of the fields out of them, one makes its image
    by S² nearly orthogonal. Rows of the pairs below are columns of T. All products are in double-double: where T
    leaves the outputs at the reference rows alone, `S²T = τ²T` is what is left of numbers far larger.

    Args:
        fields: T; at least one field.
        seen: F, `S² = FᵀF`.
        length: of the columns.

    >>> one = Fields(np.array([[1.0], [-2.0]]), {"linear": 1}, 1)
    >>> F = Pair(np.vstack([np.array([[6.0, 3.0]]), 0.5 * np.eye(2)]))  # which the field leaves alone
    >>> found = spanning_seen(one, Seen(F, Fraction(0), Fraction(7), Fraction(1, 2)), 5**0.5)
    >>> np.allclose(found.columns * found.columns[0, 0], [[1.0], [-2.0]]), found.error < Fraction(1, 10**14)
    (True, True)
    """
    arithmetic, F, T = DoubleDouble(), seen.F, Pair(fields.T)
    unit, size_f, r = arithmetic.product_unit, _size(F), seen.radius
    first = _basis(fields.T)
    t = arithmetic.product(Pair(first), T)
    size_b = _size(Pair(first))
    loose = Fraction(unit(T.shape[1])) * size_b * _size(T)
    image = arithmetic.product(t, F)
    W = arithmetic.product(image, _transposed(F))
    wrong = Fraction(unit(F.shape[0])) * _size(image) * size_f + Fraction(unit(F.shape[1])) * _size(t) * size_f**2
    wrong += (2 * seen.norm + r) * r * _size(t) + (seen.norm + r) ** 2 * loose + Fraction(fp.FLOOR)
    second = _orthogonal(W.hi, length)
    found = arithmetic.product(Pair(second), _transposed(W))
    size_b = _size(Pair(second))
    error = Fraction(unit(len(second))) * size_b * _size(W) + size_b * wrong + Fraction(fp.FLOOR)
    error += Fraction(0) if found.lo is None else Fraction(fp.frobenius(found.lo))
    return Basis(np.ascontiguousarray(found.hi.T), error)


def _basis(T: Array) -> Array:
    """Combinations of the columns of T that are nearly orthonormal, a row each; a finder."""
    scale = np.ldexp(1.0, -np.frexp(fp.row_norms(np.ascontiguousarray(T.T)))[1])
    _, sizes, V = np.linalg.svd(T * scale, full_matrices=False)
    kept = sizes > RANK * sizes[0]
    return np.ascontiguousarray(V[kept] / sizes[kept, None] * scale)


def _orthogonal(W: Array, length: float) -> Array:
    """Combinations of the rows of W that are nearly orthogonal and of that length; a finder."""
    scale = np.ldexp(1.0, -np.frexp(fp.row_norms(W))[1])
    U, sizes, _ = np.linalg.svd(W * scale[:, None], full_matrices=False)
    if not (sizes > 0).all():
        raise EnclosureError("symmetry fields", "they look dependent as the reference rows see them",
                             "take a larger weights.tau")
    return np.ascontiguousarray(length * U.T / sizes[:, None] * scale)


def _size(A: Pair) -> Fraction:
    return Fraction(fp.frobenius(A.hi)) + (Fraction(0) if A.lo is None else Fraction(fp.frobenius(A.lo)))


def _transposed(A: Pair) -> Pair:
    lo = None if A.lo is None else np.ascontiguousarray(A.lo.T)
    return Pair(np.ascontiguousarray(A.hi.T), lo)
