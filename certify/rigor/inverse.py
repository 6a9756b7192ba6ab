"""W2: both ends of `‖A⁻¹C‖` from an untrusted X ≈ A⁻¹, with an error proportional to cond(A) and not its square."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import scipy.linalg
from scipy.linalg.lapack import dgetrf, dgetri

from certify.format.errors import EnclosureError
from certify.rigor import fp
from certify.rigor.arithmetic import Arithmetic, Pair
from certify.rigor.cholesky import extreme_pair, lambda_max_upper, quadratic_form
from certify.rigor.eigenvalues import largest_eigenvalues
from certify.rigor.fp import RAISE, Array, U
from certify.rigor.matrices import nonnegative_norm, power_of_two, unit_scaled
from certify.rigor.singular import enclose_norm2

NEGLIGIBLE = 1e-11
"""Eigenvalues of A below this share of the largest look like 0; for messages only."""

_DEAR = 2500
"""Size of a matrix from which its spectral norm is enclosed only if that is needed."""

_COLUMNS = 4096
"""Columns of C that are worked on at a time."""


@dataclass(frozen=True, eq=False)
class Matrix:
    """A symmetric matrix with `‖A − mid‖₂ ≤ radius`.

    Attributes:
        mid: `(p, p)` pair.
        radius: bound of the spectral norm of what it leaves out.
    """

    mid: Pair
    radius: Fraction


@dataclass(frozen=True, eq=False)
class Block:
    """Columns of C that belong to some rows of the data: `‖C_i − mid_i‖_F ≤ radius_i`.

    Attributes:
        mid: `(m, p, q)` float64.
        radius: `(m,)` bounds.
    """

    mid: Array
    radius: Array


Blocks = Callable[[], Iterable[Block]]
"""C, block by block, as often as it is asked for: it may be too large to keep."""


@dataclass(frozen=True, eq=False)
class Inverse:
    """`‖XA − I‖₂ ≤ epsilon < 1`, so A is nonsingular (W2).

    Attributes:
        X: `(p, p)` float64, trusted in nothing (`(m, p)` for `FA⁻¹`, of which the rest is then true: M5s).
        epsilon: proved.
        size: upper bound of `‖X‖₂`.
    """

    X: Array
    epsilon: Fraction
    size: Fraction

    @property
    def sigma(self) -> float:
        """Proved lower bound of `σ_min(A) ≥ (1 − ε)/‖X‖`."""
        return fp.down((1 - self.epsilon) / self.size)


@dataclass(frozen=True)
class NoInverse:
    """Why A was not proved nonsingular.

    Attributes:
        reason: one clause.
        tiny: eigenvalues that look like 0 (estimated).
        condition: estimated condition number of the rest.
    """

    reason: str
    tiny: int
    condition: float


def invert(A: Matrix, arithmetic: Arithmetic) -> Inverse | NoInverse:
    """Find X and enclose `XA − I` (W2): `‖fl(XA) − I‖ + c‖X‖_F‖A‖_F + ‖X‖₂·radius`.

    Args:
        A: enclosed symmetric matrix.
        arithmetic: what computes the product XA.

    >>> from certify.rigor.arithmetic import Binary64
    >>> A = Matrix(Pair(np.array([[2.0, 0.0], [0.0, 4.0]])), Fraction(0))
    >>> found = invert(A, Binary64())
    >>> 1.999 < found.sigma <= 2.0
    True
    """
    mid = A.mid.hi
    X = _propose(mid)
    if X is None:
        return singularity(mid, "it is singular to the precision of floats")
    p = len(mid)
    product = arithmetic.product(Pair(X), A.mid)  # A is symmetric: its rows are its columns
    E = product.hi
    i = np.arange(p)
    E[i, i] -= 1.0  # rounding at most u(1 + |E|)
    size_x, size_a = Fraction(fp.frobenius(X)), Fraction(fp.frobenius(mid)) * Fraction(RAISE)
    norm_x = _spectral_norm(X, size_x, A.radius)
    norm_e = nonnegative_norm(np.abs(E))
    epsilon = norm_e + Fraction(U) * (1 + norm_e) * 2
    epsilon += Fraction(arithmetic.product_unit(p)) * size_x * size_a + norm_x * A.radius
    if product.lo is not None:
        epsilon += Fraction(fp.frobenius(product.lo))
    if epsilon >= Fraction(1, 2):
        return singularity(mid, f"only ‖XA − I‖ ≤ {fp.shown(epsilon)} is proved of the best X found; 0.5 is needed")
    return Inverse(X, epsilon, norm_x)


def _propose(A: Array) -> Array | None:
    """LAPACK's inverse of the matrix scaled to a diagonal near 1; None where it gives up. Nothing here is trusted."""
    if not np.isfinite(A).all():
        return None
    largest = np.abs(A).max(axis=1)
    if not (largest > 0).all():
        return None
    scale = np.ldexp(1.0, -(np.frexp(largest)[1] // 2))
    X = float_inverse(scale[:, None] * A * scale)
    if X is None:
        return None
    X = scale[:, None] * X * scale
    return np.ascontiguousarray(X) if np.isfinite(X).all() and np.abs(X).max() < fp.RANGE else None


def float_inverse(A: Array) -> Array | None:
    """LAPACK's inverse; None where a pivot is 0 or the result is not finite. A finder."""
    factors, pivots, info = dgetrf(np.array(A, order="F"), overwrite_a=1)
    if info != 0:
        return None
    X, info = dgetri(factors, pivots, overwrite_lu=1)
    return X if info == 0 and np.isfinite(X).all() else None


def _spectral_norm(X: Array, frobenius: Fraction, radius: Fraction) -> Fraction:
    """Proved upper bound of `‖X‖₂`: by a verified Cholesky, or Frobenius where that is dear and hardly helps."""
    if len(X) > _DEAR and frobenius * radius < Fraction(1, 10**5):
        return frobenius
    try:
        return min(Fraction(enclose_norm2(X).upper), frobenius)
    except EnclosureError:
        return frobenius


def singularity(A: Array, reason: str) -> NoInverse:
    """Count, for the message only, the eigenvalues that look like 0."""
    try:
        sizes = np.sort(np.abs(scipy.linalg.eigvalsh(A, check_finite=False)))
    except (np.linalg.LinAlgError, ValueError):
        return NoInverse(reason, 0, float("inf"))
    tiny = int((sizes <= NEGLIGIBLE * sizes[-1]).sum())
    rest = sizes[tiny:]
    return NoInverse(reason, tiny, float(rest[-1] / rest[0]) if len(rest) else float("inf"))


@dataclass(frozen=True, eq=False)
class Ends:
    """Proved ends of `‖A⁻¹C‖` and of every `‖A⁻¹C_i‖`.

    Attributes:
        lower, upper: of the whole.
        row_lower, row_upper: of every block, in order.
        top: `(p,)`, approximately the unit vector v with `|CᵀXᵀv| = ‖XC‖`; not proved to be anything.
    """

    lower: float
    upper: float
    row_lower: Array
    row_upper: Array
    top: Array


def enclose_ends(inverse: Inverse, C: Blocks) -> Ends:
    """Both ends of `‖A⁻¹C‖`, and of every block's (W2).

    `Y_i = fl(X C_i)` errs by `y_i = c_p‖X‖_F‖C_i‖_F + ‖X‖r_i`; `‖Y‖² = λ_max(Σ Y_iY_iᵀ)` by a verified Cholesky; and
    `‖A⁻¹C‖ ∈ [(‖Y‖ − y)/(1 + ε), (‖Y‖ + y)/(1 − ε)]`, `y = √Σ y_i²`.

    Args:
        inverse: of A.
        C: the columns, at least one.
    """
    X = inverse.X
    rows = len(X)
    gram, rounding = np.zeros((rows, rows)), Fraction(0)
    pieces, low, high, errors = 0, [], [], []
    for Y, slack in _measured(inverse, C):
        m, _, q = Y.shape
        errors.append(slack)
        own = _block_norms(Y)
        low.append(own[0] - slack)
        high.append(own[1] + slack)
        flat = np.ascontiguousarray(Y.swapaxes(0, 1)).reshape(rows, m * q)
        size = Fraction(fp.frobenius(flat))
        rounding += (Fraction(fp.dot_unit(m * q)) + Fraction(U)) * size * size
        gram += flat @ flat.T
        pieces += 1
    slack_all = Fraction(float(fp.row_norms(np.concatenate(errors)[None, :])[0]))
    row_low, row_high = _divided(inverse, low, high)
    fp.require_finite(gram, "modulus")
    # every partial sum is rounded once, the symmetric part twice; norms of positive semidefinite partial sums grow
    total = Fraction(fp.frobenius(gram))
    rounding += (pieces + 2) * Fraction(U) * (total + rounding) * 2
    bottom, top, vector = _extreme(gram)
    lower = fp.sqrt_down(max(bottom - rounding, Fraction(0))) - slack_all
    upper = fp.sqrt_up(max(top, Fraction(0)) + rounding) + slack_all
    return Ends(
        fp.down(max(lower, Fraction(0)) / (1 + inverse.epsilon)), fp.up(upper / (1 - inverse.epsilon)),
        row_low, row_high, vector,
    )


def enclose_row_ends(inverse: Inverse, C: Blocks) -> tuple[Array, Array]:
    """Both ends of every block's `‖A⁻¹C_i‖` alone, as :func:`enclose_ends` has them.

    Args:
        inverse: of A.
        C: the columns, at least one.
    """
    low, high = [], []
    for Y, slack in _measured(inverse, C):
        own = _block_norms(Y)
        low.append(own[0] - slack)
        high.append(own[1] + slack)
    return _divided(inverse, low, high)


def _divided(inverse: Inverse, low: list[Array], high: list[Array]) -> tuple[Array, Array]:
    """Ends of `‖XC_i‖` as ends of `‖A⁻¹C_i‖`."""
    row_low = np.concatenate(low) / fp.up(1 + inverse.epsilon) * (1 - 2.0**-48)
    return np.maximum(row_low, 0.0), np.concatenate(high) / fp.down(1 - inverse.epsilon) * RAISE


def _measured(inverse: Inverse, C: Blocks) -> Iterator[tuple[Array, Array]]:
    """`Y_i = fl(X C_i)` for some rows at a time, with the bound `c_p‖X‖_F‖C_i‖_F + ‖X‖r_i` of its error."""
    p, size_x, norm_x = inverse.X.shape[1], fp.frobenius(inverse.X), fp.up(inverse.size)
    for Y, size_c, radius in applied(inverse.X, C):
        yield Y, (fp.dot_unit(p) * size_x * size_c + norm_x * radius) * RAISE


def applied(X: Array, C: Blocks) -> Iterator[tuple[Array, Array, Array]]:
    """`fl(X C_i)` for some rows at a time, with `‖C_i‖_F` and the radii."""
    for block in C():
        m, p, q = block.mid.shape
        step = max(1, _COLUMNS // max(q, 1))
        for start in range(0, m, step):
            part = block.mid[start : start + step]
            flat = np.ascontiguousarray(part.swapaxes(0, 1)).reshape(p, -1)
            Y = fp.require_finite(X @ flat, "modulus").reshape(len(X), len(part), q).swapaxes(0, 1)
            yield Y, fp.row_norms(part.reshape(len(part), -1)), block.radius[start : start + step]


def _block_norms(Y: Array) -> tuple[Array, Array]:
    """Proved ends of `‖Y_i‖₂`: of `λ_max(Y_iᵀY_i)`, whose products err by `(p + 2)u|Y_i|_F²`."""
    m, p, q = Y.shape
    size = fp.row_norms(Y.reshape(m, -1))
    if q == 1:
        return size * (1 - 4 * (p + 32) * U) - 2 * fp.FLOOR, size
    M = np.matmul(np.swapaxes(Y, 1, 2), Y)
    M = (M + np.swapaxes(M, 1, 2)) / 2
    low, high = largest_eigenvalues(fp.require_finite(M, "row moduli"))
    error = (fp.dot_unit(p) + 4 * U) * size * size * RAISE
    lower = np.sqrt(np.maximum(low - error, 0.0)) * (1 - 2.0**-40)
    return lower, np.minimum(np.sqrt(high + error) * RAISE, size)


def _extreme(G: Array) -> tuple[Fraction, Fraction, Array]:
    """Proved ends of `λ_max(G)`, and an approximate vector."""
    G = (G + G.T) / 2
    M, e = unit_scaled(G)
    value, vector = extreme_pair(M, largest=True)
    low, _, square = quadratic_form(M, vector)
    floor = Fraction(fp.FLOOR) * len(M)
    scale = power_of_two(e)
    return (low / square - floor) * scale, (lambda_max_upper(M, value) + floor) * scale, vector


Dual = Callable[[Array, Fraction], Fraction]
"""Upper bound of the dual length `|S⁻¹h|` of every vector within a distance of h."""


def ratio_below(
    H: Matrix, C: Blocks, z: Array, arithmetic: Arithmetic, dual: Dual | None = None,
) -> float | None:
    """`|Cᵀz| / |Hz|` rounded down: a lower end of the modulus for any z (M5d); None where it is not proved positive.

    Args:
        H: the Hessian.
        C: the mixed derivative.
        z: `(p,)` any vector.
        arithmetic: computes Hz.
        dual: how long Hz is, if not by its Euclidean norm.
    """
    if not np.isfinite(z).all() or not z.any():
        return None
    z = np.ldexp(z, -int(np.frexp(np.max(np.abs(z)))[1]))
    norm = Fraction(float(fp.row_norms(z[None, :])[0]))
    square, slack = Fraction(0), Fraction(0)
    for block in C():
        m, p, q = block.mid.shape
        y = np.einsum("mpq,p->mq", block.mid, z).ravel()
        square += fp.inner(y, y)
        size = fp.row_norms(block.mid.reshape(m, -1))
        each = (fp.dot_unit(p) * size + block.radius) * RAISE
        slack += Fraction(float(fp.row_norms(each[None, :])[0])) ** 2
    top = fp.sqrt_down(square) - fp.sqrt_up(slack) * norm * Fraction(RAISE)
    return fp.down(top / length_above(H, z, arithmetic, dual)) if top > 0 else None


def length_above(H: Matrix, z: Array, arithmetic: Arithmetic, dual: Dual | None = None) -> Fraction:
    """Upper bound of `|Hz|`, above 0, for z with entries up to 1 in size."""
    norm = Fraction(float(fp.row_norms(z[None, :])[0]))
    product = arithmetic.product(Pair(z[None, :]), H.mid)
    size_h = Fraction(fp.frobenius(H.mid.hi)) * Fraction(RAISE)
    error = (Fraction(arithmetic.product_unit(len(z))) * size_h + H.radius) * norm
    error += 0 if product.lo is None else Fraction(float(fp.row_norms(product.lo)[0]))
    if dual is not None:
        return dual(product.hi[0], error)
    return Fraction(float(fp.row_norms(product.hi)[0])) + error
