"""`H = ΦᵀΦ + μ·diag(decayed)` of a squared-loss head: proved positive definite, and solved with proved errors.

Columns are scaled by powers of two to a diagonal near 1, which changes nothing that is said of outputs. Lengths of
residuals are measured by `|ρ|_{H⁻¹} ≤ |Rρ|/√(1 − δ)` with `‖RHRᵀ − I‖ ≤ δ < 1`, R any float matrix (proofs/heads, D3).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from certify.format.errors import EnclosureError
from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.stored.normal import Normal, Products, Squares
from certify.systems.head.rows.stored.rows import BLOCK, Held, Readers, Rows, Source
from certify.systems.head.rows.stored.tree import levels

POINTS = 2048
"""Points that are solved for at a time."""


@dataclass(frozen=True, eq=False)
class Ridge:
    """A squared-loss head with features known within a radius; every number is for columns scaled by `scale`.

    Attributes:
        rows: `(n, p)` features times `scale`, exactly, some at a time.
        scale: `(p,)` powers of two.
        loose: bound of the Frobenius norm of what the rows leave out.
        H: `(p, p)` float64, near `phiᵀphi + μ·diag`, phi the rows.
        columns: `(p,)` bounds of the column norms of the rows.
        unit: `|H_ab − exact| ≤ unit·columns_a·columns_b` off the diagonal; the same and `diagonal_a` on it.
        diagonal: `(p,)` error of the decay's part.
        R: `(p, p)` lower triangular.
        delta: `‖RHRᵀ − I‖ ≤ delta < 1` for the exact H of every feature matrix meant.
        size_R: bound of `‖R‖_F`.
        reach: `‖R·|·|`columns`‖` and `‖|R|·`row norms of H`‖`, for the errors of a residual.
        longest: bound of the largest length of a row.
        held: an array beside the rows, and the sums of its products with them that were found by the way.
        share: every entry of the true rows, and of targets that go with them, is within that of itself; `loose` counts
            it for the rows.
    """

    rows: Rows
    scale: Array
    loose: float
    H: Array
    columns: Array
    unit: float
    diagonal: Array
    R: Array
    delta: float
    size_R: float
    reach: tuple[float, float]
    longest: float
    held: tuple[Array, Array] | None = None
    share: float = 0.0

    @property
    def n(self) -> int:
        """Rows."""
        return len(self.rows)

    @property
    def phi(self) -> Array:
        """All rows at once, for few of them."""
        return self.rows.whole()

    @property
    def p(self) -> int:
        """Features, the constant one among them."""
        return len(self.scale)


@dataclass(frozen=True, eq=False)
class Solved:
    """Approximate solutions of `Hu = e` for the rows e of a matrix.

    The true influences `q = ΦH⁻¹e` of any feature matrix and point meant satisfy `|q − phi·u|₂ ≤ off`.

    Attributes:
        u: `(N, p)` float64, trusted in nothing.
        off: `(N,)` proved.
        size: `(N,)` bounds of `|u|`.
    """

    u: Array
    off: Array
    size: Array


def products_of(rows: Rows, B: Array, held: tuple[Array, Array] | None = None) -> tuple[Array, float]:
    """`AᵀB` of the rows A summed block by block, and c with `|error_ab| ≤ c·|A_a||B_b|` in column norms (R2).

    Blocks err by `dot_unit(BLOCK)·|A_a^i||B_b^i|`, which add up by Cauchy–Schwarz. So do the roundings of the sums of
    blocks, of all that are as far from the blocks together: relative to at most `(1 + small)·|A_a||B_b|`.

    Args:
        rows: `(n, p)`.
        B: `(n, k)`.
        held: of which array the sums are known.
    """
    sums = held[1] if held is not None and held[0] is B else rows.tallied(Products(rows.per_row(B))).sums()
    return fp.require_finite(sums, "normal matrix"), unit_of(rows)


def unit_of(rows: Rows) -> float:
    """c of :func:`products_of`, for any B."""
    n, step = len(rows), rows.step()
    deep = min(-(-n // BLOCK), levels(-(-n // step), -(-min(n, step) // BLOCK)))
    return (fp.dot_unit(min(BLOCK, n)) + 2 * deep * U) * RAISE


def ridge(phi: Array | Source, mu: tuple[float, float], decayed: NDArray[np.bool_], phi_rad: Array | None = None,
          readers: Readers | None = None, beside: Array | None = None, share: float = 0.0) -> Ridge | str:
    """Prove that `ΦᵀΦ + μ·diag(decayed)` is positive definite, or say why it was not.

    Args:
        phi: `(n, p)` features as they are, or where they are read from.
        mu: float and a bound of its error; the weight decay in the sum form.
        decayed: `(p,)` bool.
        phi_rad: `(n,)` Euclidean distance within which the true rows are; None: exact.
        readers: of the rows; None: whoever asks.
        beside: `(n, k)` array whose products with the rows are wanted too, which saves a reading.
        share: every entry of the true rows is within that of itself, as of roots of weights.

    >>> found = ridge(np.array([[1.0, 1.0], [-1.0, 1.0]]), (1.0, 0.0), np.array([True, False]))
    >>> found.delta < 1e-12, ridge(np.ones((2, 2)), (0.0, 0.0), np.array([True, True]))[:11]
    (True, 'the squares')
    """
    source: Source = Held(phi) if isinstance(phi, np.ndarray) else phi
    whole = Rows(source, np.ones(source.shape[1]), readers)
    squares_of = whole.tallied(Squares()).squares() if mu[0] >= 0 else None
    if squares_of is None:
        return "the features or the weight decay are not finite, or beyond 2^100"
    if not (0 <= mu[0] <= 2.0**200 and 0 <= mu[1] <= mu[0] + 2.0**-200):
        return "the weight decay is beyond 2^200, or not known"
    decay = np.where(decayed, mu[0], 0.0)
    rough = squares_of + decay
    if not (rough > 2.0**-200).all():
        return "a column of the features is zero, or almost, and bears no decay"
    scale = np.ldexp(1.0, -(np.frexp(rough)[1] // 2))
    rows = Rows(source, scale, readers)  # exact: below 2^-400 only what FLOOR pays for
    loose = 0.0
    if phi_rad is not None and phi_rad.any():
        loose = float(fp.row_norms(phi_rad[None, :])[0] * scale.max() * RAISE)
    found = rows.tallied(Normal(None if beside is None else rows.per_row(beside)))
    H = fp.require_finite(found.gram(), "normal matrix")
    H = np.tril(H) + np.tril(H, -1).T
    squares = scale * scale
    H[np.diag_indices_from(H)] += decay * squares
    diagonal = np.where(decayed, mu[1] * squares, 0.0) * RAISE + 2 * U * np.abs(np.diagonal(H))
    if share:  # norms are at least FLOOR, which pays for what underflows
        loose += share * float(fp.row_norms(found.columns()[None, :])[0]) * RAISE
    made = factored(rows, found.longest, loose, H, found.columns(), unit_of(rows), diagonal)
    made = made if isinstance(made, str) or not share else replace(made, share=share)
    sums = found.sums()
    return made if isinstance(made, str) or beside is None or sums is None else replace(made, held=(beside, sums))


def factored(rows: Rows, longest: float, loose: float, H: Array, columns: Array, unit: float,
              diagonal: Array) -> Ridge | str:
    """R from a Cholesky factor, judged by `‖RHRᵀ − I‖` with every rounding and what H leaves out."""
    refusal = ("the squares of the features and the decay do not make a matrix that floats prove positive definite; "
               "more weight decay would")
    try:
        L = scipy.linalg.cholesky(H, lower=True, check_finite=True)
        R = np.tril(scipy.linalg.solve_triangular(L, np.eye(len(H)), lower=True, check_finite=False))
    except (np.linalg.LinAlgError, ValueError):
        return refusal
    if not (np.isfinite(R).all() and np.abs(R).max() <= 2.0**150):
        return refusal
    p = len(H)
    left = R @ H
    defect = left @ R.T - np.eye(p)
    size_R, size_H, size_left = fp.frobenius(R), fp.frobenius(H), fp.frobenius(fp.require_finite(left, "residual"))
    c = fp.dot_unit(p)
    spread = float(fp.row_norms((np.abs(R) @ columns)[None, :])[0]) * fp.sum_up(p)
    across = float(fp.row_norms((np.abs(R) @ fp.row_norms(H))[None, :])[0]) * fp.sum_up(p)
    delta = fp.frobenius(fp.require_finite(defect, "residual")) * (1 + 4 * U) + 4 * U * math.sqrt(p)
    delta += c * size_R * (size_left + size_R * size_H)
    delta += unit * spread * spread + float(diagonal.max()) * size_R * size_R
    top = math.sqrt(1 + delta)  # bounds ‖ΦRᵀ‖
    delta = (delta + 2 * top * loose * size_R + (loose * size_R) ** 2) * RAISE
    if not delta <= 0.5:
        return refusal
    return Ridge(rows, rows.scale, loose, H, columns, unit, diagonal, R, delta, size_R, (spread, across),
                 longest + loose)


def solve(system: Ridge, points: Array, points_rad: Array | None = None) -> Solved:
    """Approximate `u = H⁻¹e` for each row e and a proved bound of `|ΦH⁻¹e − phi·u|₂` (D3, step 1).

    `|ΦH⁻¹ρ|₂ ≤ |ρ|_{H⁻¹}` because `ΦᵀΦ ⪯ H`; ρ is the residual with the errors of H, of the products and of e, and
    what the features leave out adds `loose·(|u| + |phi·u|·‖R‖/√(1 − δ))` and `loose·|u|`.
    """
    if not (np.isfinite(points).all() and max(points.max(initial=0.0), -points.min(initial=0.0)) <= 2.0**100):
        raise EnclosureError("evaluation rows", "entries that are not finite or beyond 2^100", "rescale the data")
    if len(points) <= POINTS:
        return _solved(system, points, points_rad)
    u, off, size = np.empty(points.shape), np.empty(len(points)), np.empty(len(points))
    for start in range(0, len(points), POINTS):
        some = slice(start, start + POINTS)
        part = _solved(system, points[some], None if points_rad is None else points_rad[some])
        u[some], off[some], size[some] = part.u, part.off, part.size
    return Solved(u, off, size)


def solve_rows(system: Ridge, rows: Array) -> Solved:
    """The same for rows of training data, known within the share of themselves that the system's are.

    Args:
        system: the normal matrix.
        rows: `(r, p)`, its own or others of their kind.
    """
    if not system.share:
        return solve(system, rows)
    away = system.share * fp.row_norms(rows * system.scale) * (RAISE * RAISE)  # in scaled columns
    return solve(system, rows, away / float(system.scale.max()) * RAISE)


def _solved(system: Ridge, points: Array, points_rad: Array | None) -> Solved:
    """Those of some points."""
    E = points * system.scale
    u = (E @ system.R.T) @ system.R
    u += ((E - u @ system.H) @ system.R.T) @ system.R
    rest = E - u @ system.H
    fp.require_finite(rest, "residual")
    c, size = fp.dot_unit(system.p), fp.row_norms(u)
    spread, across = system.reach
    weight = (np.abs(u) @ system.columns) * fp.sum_up(system.p)
    off = fp.row_norms(rest @ system.R.T) + c * fp.row_norms(rest) * system.size_R
    off += c * size * across + system.unit * weight * spread
    off += system.size_R * (float(system.diagonal.max()) * size + 4 * U * (fp.row_norms(rest) + fp.row_norms(E)))
    if points_rad is not None and points_rad.any():
        off += points_rad * float(system.scale.max()) * system.size_R
    off /= math.sqrt(1 - system.delta)
    if system.loose:
        reached = np.sqrt(2.0) * system.size_R
        off += system.loose * (2 * size + reached * weight)
    return Solved(u, fp.require_finite(off * RAISE * RAISE, "residual"), size)
