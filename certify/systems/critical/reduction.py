"""M5b: the Hessian completed by its symmetry fields, nonsingular if and only if they explain its kernel."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from certify.rigor import fp
from certify.rigor.arithmetic import Arithmetic, Pair
from certify.rigor.fp import RAISE, Array, U
from certify.rigor.inverse import Matrix
from certify.systems.critical.symmetry import Fields

RANK = 1e-9
"""Singular values of the unit-length fields below this count as 0: what is left out is left to A to show."""


@dataclass(frozen=True, eq=False)
class Basis:
    """Columns that span what the fields span: `‖TB − columns‖_F ≤ error` for some matrix B, T the fields.

    Attributes:
        columns: `(p, s)` float64, nearly orthogonal, all of one length.
        error: over the ball of parameters where T was taken.
    """

    columns: Array
    error: Fraction

    @property
    def dimension(self) -> int:
        """Number s of columns."""
        return int(self.columns.shape[1])


def spanning(
    fields: Fields, length: float, distance: Fraction = Fraction(0), inverse_scale: Array | None = None,
) -> Basis:
    """Nearly orthogonal columns of the given length that span the fields (any B will do, M5b).

    B is proposed by a singular value decomposition. `fl(TB)` errs by `c‖T‖_F‖B‖_F`; where the parameters differ from
    those of T by at most `distance`, the moving fields do so too, in Frobenius norm by `√moving · distance`.

    Args:
        fields: the fields, at some parameters.
        length: of the columns; makes `TTᵀ` as large as the Hessian.
        distance: how far the parameters of interest may be from those.
        inverse_scale: `(p,)` floats t within 2u of `s⁻¹` where the columns are those of `ST`, in the coordinates `Sw`;
            `fl(T/t)` errs by 4u of each entry, and a distance grows by `max s`.
    """
    T = fields.T
    if T.shape[1] == 0:
        return Basis(T, Fraction(0))
    loose = Fraction(0)
    if inverse_scale is not None:
        T = fp.require_finite(T / inverse_scale[:, None], "symmetry fields")
        loose = Fraction(4 * U) * Fraction(fp.frobenius(T)) + Fraction(fp.FLOOR)
        distance = distance / Fraction(float(inverse_scale.min())) * (1 + Fraction(4 * U))
    scale = np.ldexp(1.0, -np.frexp(fp.row_norms(np.ascontiguousarray(T.T)))[1])
    _, sizes, V = np.linalg.svd(T * scale, full_matrices=False)
    kept = sizes > RANK * sizes[0]
    B = scale[:, None] * (V[kept].T * (length / sizes[kept]))
    columns = fp.require_finite(T @ B, "symmetry fields")
    size_b = Fraction(fp.frobenius(B))
    error = Fraction(fp.dot_unit(T.shape[1])) * Fraction(fp.frobenius(T)) * size_b
    error += (fp.sqrt_up(Fraction(fields.moving)) * distance + loose) * size_b
    return Basis(columns, error)


def completed(H: Matrix, basis: Basis, arithmetic: Arithmetic) -> Matrix:
    """`A = H + T''T''ᵀ`, `T'' = TB` what the basis stands for.

    `‖T''T''ᵀ − fl(ccᵀ)‖ ≤ 2‖c‖e + e² + k_s‖c‖_F²`, and one rounded sum.

    Args:
        H: enclosed Hessian.
        basis: from :func:`spanning`; without columns `A = H`.
        arithmetic: computes the sum.
    """
    if basis.dimension == 0:
        return H
    c = basis.columns
    square = fp.require_finite(c @ c.T, "symmetry fields")
    square = (square + square.T) / 2
    size = Fraction(fp.frobenius(c)) * Fraction(RAISE)
    error = 2 * size * basis.error + basis.error**2
    error += (Fraction(fp.dot_unit(basis.dimension)) + 2 * Fraction(U)) * size * size
    total = arithmetic.add(H.mid, Pair(square))
    sizes = Fraction(fp.frobenius(H.mid.hi)) * Fraction(RAISE) + Fraction(fp.frobenius(square))
    error += Fraction(arithmetic.unit) * sizes
    return Matrix(total, H.radius + error)


def field_length(H: Array) -> float:
    """Length of the columns for which `TTᵀ` has eigenvalues like those of H: the root of their mean size."""
    mean = float(np.sqrt(np.mean(np.square(np.linalg.norm(H, axis=1)))))
    return float(np.sqrt(mean)) if np.isfinite(mean) and mean > 0 else 1.0
