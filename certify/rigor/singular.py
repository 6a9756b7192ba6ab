"""Verified smallest singular value and spectral norm, through the Gram matrix and one Cholesky."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from certify.format.errors import EnclosureError
from certify.rigor import fp
from certify.rigor.arithmetic import Arithmetic, Binary64, DoubleDouble, Pair
from certify.rigor.cholesky import Method, extreme_pair, lambda_max_upper, lambda_min_lower
from certify.rigor.enclosure import Enclosure
from certify.rigor.fp import Array
from certify.rigor.matrices import as_matrix, as_radius, power_of_two, scaled_spread, unit_scaled
from certify.rigor.witness import Orthonormalised, orthonormalise, propose

PLAIN = Binary64()

WITNESS_GAP = Fraction(1, 10**6)
"""Relative gap of σ_min's ends above which the witness tier is tried."""


def _gram(A: Array) -> tuple[Array, Fraction]:
    """`fl(AAᵀ)`, symmetric, and a bound of `‖fl(AAᵀ) − AAᵀ‖₂`: `(m+2)u‖A‖_F²` (R2)."""
    G = fp.require_finite(A @ A.T, "Gram matrix")
    G = (G + G.T) / 2  # exact where BLAS is symmetric; where not, the mean of two valid values is valid
    size = Fraction(fp.frobenius(A))
    return G, (Fraction(fp.dot_unit(A.shape[1])) + 2 * Fraction(fp.U)) * size * size


def _image_norm(A: Array, z: Array, arithmetic: Arithmetic = PLAIN) -> tuple[Fraction, Fraction]:
    """Lower and upper bound of `|Aᵀz| / |z|` for one vector z ≠ 0, the products by `arithmetic` (R2, R7)."""
    y = arithmetic.product(Pair(z[None, :]), Pair(np.ascontiguousarray(A.T)))
    norm = Fraction(fp.row_norms(z[None, :])[0])
    error = Fraction(arithmetic.product_unit(len(z))) * Fraction(fp.frobenius(A)) * norm
    parts = [fp.require_finite(part[0], "product").tolist() for part in (y.hi, y.lo) if part is not None]
    square = sum((sum(map(fp.exact, entry), Fraction(0)) ** 2 for entry in zip(*parts, strict=True)), Fraction(0))
    length = sum((fp.exact(x) ** 2 for x in z.tolist()), Fraction(0))
    if length == 0:
        return Fraction(0), Fraction(fp.frobenius(A))
    lower = max(fp.sqrt_down(square) - error, Fraction(0)) / fp.sqrt_up(length)
    return lower, (fp.sqrt_up(square) + error) / fp.sqrt_down(length)


def _prepared(A: object, radius: object) -> tuple[Array, int, Fraction]:
    """A wide, unit-scaled matrix, the exponent taken out, and the radius' norm."""
    matrix = as_matrix(A, "A")
    r = as_radius(radius, matrix.shape)
    scaled, e = unit_scaled(matrix)
    spread = scaled_spread(r, e)
    return np.ascontiguousarray(scaled if scaled.shape[0] <= scaled.shape[1] else scaled.T), e, spread


def enclose_sigma_min(A: object, radius: object = None, method: Method = "residual") -> Enclosure:
    """Enclose the smallest of the `min(n, m)` singular values of every M with `|M − A| ≤ radius` entrywise.

    Lower end: `σ² ≥ λ_min(fl(AAᵀ)) − (m+2)u‖A‖_F²`, λ_min by a shifted Cholesky. Upper end: `|Aᵀz|/|z|` for an
    approximate singular vector. Where these leave a gap, both ends by an orthonormalising witness (W1), plain
    or with sliced products: condition numbers to about 1e14; the upper end then by `|Aᵀz|/|z|` again, z from the
    witness and the product sliced. A radius moves both ends by at most its spectral
    norm (Weyl). The lower end is 0 where nothing positive can be proved.

    Args:
        A: `(n, m)` real matrix, entries exactly representable in float64.
        radius: None, one number, or `(n, m)` numbers ≥ 0.
        method: ``"residual"`` or ``"a-priori"``, see :func:`verify_positive_definite`.

    Returns:
        Floats `0 ≤ lower ≤ σ_min(M) ≤ upper`.

    Raises:
        InputError: NaN or infinity, empty, not a matrix, bad radius.
        EnclosureError: a bound overflows.

    >>> e = enclose_sigma_min(np.array([[3.0, 0.0], [0.0, 4.0]]))
    >>> e.lower <= 3.0 <= e.upper and e.upper - e.lower < 1e-12
    True
    """
    B, e, spread = _prepared(A, radius)
    G, error = _gram(B)
    value, vector = extreme_pair(G, largest=False)
    square = lambda_min_lower(G, value, method) - error
    lower = fp.sqrt_down(square) - Fraction(fp.FLOOR) * len(B)
    _, upper = _image_norm(B, vector)
    lower, upper = _sharpened(B, lower, upper)
    scale = power_of_two(e)
    low = max(lower * scale - spread, Fraction(0))
    return Enclosure(fp.down(low), fp.up((upper + Fraction(fp.FLOOR) * len(B)) * scale + spread))


def _sharpened(B: Array, lower: Fraction, upper: Fraction) -> tuple[Fraction, Fraction]:
    """Both ends of σ_min by the orthonormalising witness (W1), where the Gram matrix left a gap."""
    if upper - lower <= WITNESS_GAP * upper:
        return lower, upper
    X = propose(B)
    if X is None:
        return lower, upper
    margin = Fraction(fp.FLOOR) * len(B)  # what scaling to unit size may have cost
    for arithmetic in (Binary64(), DoubleDouble()):
        try:
            found = orthonormalise(Pair(B), margin, X, arithmetic)
            if found is None:
                continue
            low, high = sigma_min_ends(found)
        except EnclosureError:  # this tier is out of range; what is proved already stands
            continue
        lower, upper = max(lower, low - margin), min(upper, high + margin)
        if upper - lower <= WITNESS_GAP * upper:
            return lower, upper
    try:  # A⁺ ≈ (XA)ᵀX: what X stretches most, Aᵀ shrinks most
        Y, _ = unit_scaled(X)
        _, z = extreme_pair(fp.require_finite(Y.T @ Y, "witness"), largest=True)
        return lower, min(upper, _image_norm(B, z, DoubleDouble())[1])
    except EnclosureError:  # any z is sound, and none is needed
        return lower, upper


def enclose_norm2(A: object, radius: object = None, method: Method = "residual") -> Enclosure:
    """Enclose the spectral norm of every M with `|M − A| ≤ radius` entrywise.

    Upper end: `‖A‖² ≤ λ_max(fl(AAᵀ)) + (m+2)u‖A‖_F²`, λ_max by a Cholesky of `θI − fl(AAᵀ)`. Lower end:
    `|Aᵀz|/|z|` for an approximate singular vector.

    Args:
        A: `(n, m)` real matrix, entries exactly representable in float64.
        radius: None, one number, or `(n, m)` numbers ≥ 0.
        method: ``"residual"`` or ``"a-priori"``.

    Returns:
        Floats `0 ≤ lower ≤ ‖M‖₂ ≤ upper`.

    Raises:
        InputError: NaN or infinity, empty, not a matrix, bad radius.
        EnclosureError: a bound overflows.

    >>> e = enclose_norm2(np.array([[3.0, 0.0], [0.0, 4.0]]))
    >>> e.lower <= 4.0 <= e.upper and e.upper - e.lower < 1e-12
    True
    """
    B, e, spread = _prepared(A, radius)
    G, error = _gram(B)
    n = len(G)
    value, vector = extreme_pair(G, largest=True)
    upper = fp.sqrt_up(lambda_max_upper(G, value, method) + error) + Fraction(fp.FLOOR) * n
    lower, _ = _image_norm(B, vector)
    scale = power_of_two(e)
    low = max((lower - Fraction(fp.FLOOR) * n) * scale - spread, Fraction(0))
    return Enclosure(fp.down(low), fp.up(upper * scale + spread))


def sigma_min_ends(o: Orthonormalised) -> tuple[Fraction, Fraction]:
    """`√(1−ε)/‖X‖₂` and `√(1+ε)/‖X‖₂` with the verified ends of `‖X‖₂` (W1)."""
    norm = enclose_norm2(o.X)
    if norm.lower <= 0:
        raise EnclosureError("witness", "no positive bound of its norm", "this is a defect: report it")
    return (fp.sqrt_down(1 - o.epsilon) / Fraction(norm.upper), fp.sqrt_up(1 + o.epsilon) / Fraction(norm.lower))
