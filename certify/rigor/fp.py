"""Rounding: the only home of floating-point constants, and exact scalar arithmetic.

Model (proofs/rounding.md): binary64, round to nearest, any order of summation, any use of FMA, gradual
underflow or flush-to-zero, no overflow (every kernel checks that its result is finite, and a finite result
proves that nothing overflowed on the way). Scalars that end in a claim are computed in exact rationals
(:class:`fractions.Fraction`) and rounded outward once.

Kernels normalise their inputs so that entries are at most `RANGE` in size, and floor every norm at `FLOOR`;
an error bound `c·norm·norm` is then never below the absolute error that underflow can cause, so that no
separate underflow terms are carried (proofs/rounding.md, R0).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.format.errors import EnclosureError

Array = NDArray[np.float64]

U = 2.0**-53
"""Unit roundoff of binary64."""

RANGE = 2.0**150
"""Largest entry that a product accepts; larger data must be rescaled by the caller."""

FLOOR = 2.0**-400
"""Least value of any norm bound: pays for underflow and flush-to-zero (R0)."""

KERNEL_FLOOR_E = 2.0**-540
"""Least e of a kernel's radius `e_i s_j + s_i e_j`; with `KERNEL_FLOOR_S`, at least 2^-990 an entry (R0)."""

KERNEL_FLOOR_S = 2.0**-450
"""Least s of a kernel's radius."""

RAISE = 1.0 + 2.0**-40
"""Factor that covers up to 2^10 roundings in sums and products of nonnegative numbers (R1)."""

DOT_EXTRA = 2
"""`|fl(x·y) − x·y| ≤ (k + DOT_EXTRA)·u·|x|·|y|`; k is proved (R2), the rest is slack."""

CHOLESKY_EXTRA = 8
"""`|A − LLᵀ| ≤ (N + CHOLESKY_EXTRA)·u·|L||Lᵀ|` for a Cholesky that ran to the end (R4)."""

BLOCK_EXTRA = 6
"""A sum in parts of at most b products, q subtractions: off by `(b + 2q + BLOCK_EXTRA)u·|l_i||l_j|` (R5b)."""

PAIR_ADD = 8.0
"""Double-double sum: error ≤ PAIR_ADD·u²·(|a| + |b|) (R6)."""

PAIR_MULTIPLY = 24.0
"""Double-double product: error ≤ PAIR_MULTIPLY·u²·|a||b| (R6)."""

SLICE_TRUNCATION = 4.0
"""Sliced product: dropped slices weigh ≤ SLICE_TRUNCATION·k·(s+1)·2^(−st)·|a||b| (R7)."""

SLICE_SUM = 10.0
"""Sliced product: summing the slices costs ≤ SLICE_SUM·k·T²·u²·|a||b| (R7)."""

SCALE_ROOT = 2.0**-99
"""A root of a rational as a pair of floats: 2^-100 of `sqrt_up`, u² of the second rounding (S1)."""

TIE_SLACK = 2.0**-49
"""A maximum: covers two rounded differences and the low parts of both pairs, relative to the sum of sizes (G3)."""


def dot_unit(k: int) -> float:
    """Coefficient `(k + 2)u` of an inner product of length k, as a float upper bound (R2)."""
    if (k + DOT_EXTRA) * U > 2.0**-20:
        raise EnclosureError("inner product", f"{k} terms", "split it: the error bound needs k < 2^32")
    return (k + DOT_EXTRA) * U  # exact: an integer below 2^53 times a power of two


def sum_up(k: int) -> float:
    """Factor that covers a sum of k products of nonnegative numbers in any order, and `RAISE`'s roundings (R1, R2)."""
    return RAISE * (1.0 + 2.0 * dot_unit(k))


def cholesky_unit(n: int) -> Fraction:
    """`γ/(1 − γ)` with `γ = (N + 8)u` (R4)."""
    gamma = Fraction(n + CHOLESKY_EXTRA) * Fraction(U)
    return gamma / (1 - gamma)


def block_unit(longest: int, parts: int) -> Fraction:
    """`(b + 2q + 6)u` of sums in q parts of at most b products each, subtracted one after another (R5b)."""
    if longest + parts > 2**32:
        raise EnclosureError("sum in parts", f"{longest} products, {parts} parts", "the bound needs fewer than 2^32")
    return Fraction(longest + 2 * parts + BLOCK_EXTRA) * Fraction(U)


_SMALLEST_NORMAL = Fraction(2) ** -1022
_AT_ONCE = 2**18
"""Entries that are looked at at a time."""
_LARGEST_SQUARE = 2.0**1000
"""Sums of squares up to it did not overflow on the way."""


def flushes() -> bool:
    """Whether this thread flushes subnormal results to zero, or reads subnormal operands as zero."""
    normal, subnormal = np.full(16, 2.0**-1022), np.ldexp(np.full(16, 1.0), -1060)
    return not bool((normal * 0.5 > 0).all() and (subnormal * 2.0**100 > 0).all())


def has_subnormal(x: NDArray[Any]) -> bool:
    """Whether an entry is subnormal in its own type, float64 or float32, read off its bits.

    A flushing machine would compare it equal to 0, and a float32 would become the float64 0.

    >>> [has_subnormal(np.array([1e-40], dtype)) for dtype in (np.float32, np.float64)]
    [True, False]
    """
    size = x.dtype.itemsize
    if x.dtype.kind != "f" or size not in (4, 8):
        return False  # float16 is widened without arithmetic
    if x.ndim and x.size > _AT_ONCE and len(x) > 1:  # three copies of a large matrix would not fit
        step = max(1, _AT_ONCE // max(x.size // len(x), 1))
        return any(has_subnormal(x[i : i + step]) for i in range(0, len(x), step))
    native, kind = np.ascontiguousarray(x, dtype=x.dtype.newbyteorder("=")), np.dtype(f"u{size}").type
    bits = native.view(kind) & kind((1 << (8 * size - 1)) - 1)  # without the sign
    bits -= kind(1)  # 0 is the largest of all then
    return bool((bits < kind((1 << (23 if size == 4 else 52)) - 1)).any())


def shown(x: Fraction) -> str:
    """A rational in three digits, however large."""
    return f"{float(min(x, Fraction(10) ** 300)):.1e}"


def up(x: Fraction | int) -> float:
    """Least float ≥ x; 2^-1022 for a positive x below it, so that flush-to-zero cannot lose it.

    >>> up(Fraction(1, 3)) >= Fraction(1, 3), up(Fraction(1, 4))
    (True, 0.25)
    """
    x = Fraction(x)
    if abs(x) < _SMALLEST_NORMAL:
        return 2.0**-1022 if x > 0 else 0.0
    try:
        f = float(x)
    except OverflowError:
        raise EnclosureError("rounding", "a bound above the largest float", "rescale the problem") from None
    return f if Fraction(f) >= x else math.nextafter(f, math.inf)


def down(x: Fraction | int) -> float:
    """Greatest float ≤ x; −2^-1022 for a negative x above it."""
    return -up(-Fraction(x)) + 0.0  # never −0


def exact(x: float) -> Fraction:
    """The rational that a finite float is; NaN and infinity raise."""
    if not math.isfinite(x):
        raise EnclosureError("rounding", f"{x} where a finite number is needed", "look for overflow in the input")
    return Fraction(float(x))


_SQRT_BITS = 256


def sqrt_up(x: Fraction) -> Fraction:
    """A rational ≥ √x, within 2^-100 relative."""
    if x < 0:
        raise EnclosureError("square root", f"negative number {float(x):.3g}", "this is a defect of the caller")
    if x == 0:
        return Fraction(0)
    shift = _SQRT_BITS - x.numerator.bit_length() + x.denominator.bit_length()
    shift += shift % 2
    q = _scaled(x, shift)
    return Fraction(math.isqrt(q) + 1) * Fraction(2) ** (-shift // 2)


def sqrt_down(x: Fraction) -> Fraction:
    """A rational ≤ √x (0 for x ≤ 0), within 2^-100 relative."""
    if x <= 0:
        return Fraction(0)
    shift = _SQRT_BITS - x.numerator.bit_length() + x.denominator.bit_length()
    shift += shift % 2
    return Fraction(math.isqrt(_scaled(x, shift))) * Fraction(2) ** (-shift // 2)


def _scaled(x: Fraction, shift: int) -> int:
    """⌊x·2^shift⌋; isqrt(⌊q⌋) ≤ √q < isqrt(⌊q⌋) + 1."""
    if shift >= 0:
        return (x.numerator << shift) // x.denominator
    return x.numerator // (x.denominator << -shift)


def total(values: Iterable[float]) -> Fraction:
    """Exact sum of finite floats."""
    values = np.array(list(values), dtype=np.float64)
    return inner(values, np.ones(len(values)))


def inner(x: Array, y: Array) -> Fraction:
    """Exact inner product of two vectors of finite floats, in integers with one common exponent.

    >>> inner(np.array([0.1, 2.0**-1000]), np.array([3.0, 2.0**-74])) == 3 * Fraction(0.1) + Fraction(2) ** -1074
    True
    """
    x, y = require_finite(x, "inner product"), require_finite(y, "inner product")
    some = (x != 0) & (y != 0)
    if not some.any():
        return Fraction(0)
    (mx, ex), (my, ey) = np.frexp(x[some]), np.frexp(y[some])
    exponents = ex + ey
    least = int(exponents.min())
    terms = zip(np.ldexp(mx, 53).tolist(), np.ldexp(my, 53).tolist(), (exponents - least).tolist(), strict=True)
    return Fraction(sum((int(a) * int(b)) << shift for a, b, shift in terms)) * Fraction(2) ** (least - 106)


def require_finite(x: Array, what: str) -> Array:
    """Return x if all entries are finite; overflow on the way would have left inf or NaN."""
    if not np.isfinite(x).all():
        raise EnclosureError(what, "overflow or NaN in floating point", "rescale the data or the weights")
    return x


def row_norms(A: Array) -> Array:
    """Upper bounds of the Euclidean norms of the rows of A, at least `FLOOR` (R3).

    `√(fl Σ a²)·(1 + (k+8)u)`: a sum of k squares has relative error ≤ (k+3)u however it is ordered, where it is at
    least 2^−900. Below that the norm is less than `FLOOR`; where one could overflow, rows are scaled by a power of two.

    Args:
        A: `(…, k)` finite array.

    Returns:
        `(…)` array.
    """
    k = A.shape[-1]
    dot_unit(k)
    if A.dtype != np.float64:
        A = A.astype(np.float64)  # squares of whole numbers would wrap around
    squares = np.einsum("...k,...k->...", A, A)
    roots = np.sqrt(squares) if np.max(squares, initial=0.0) <= _LARGEST_SQUARE else _scaled_roots(A)
    return np.maximum(require_finite(roots * (1.0 + (k + 8) * U), "row norms"), FLOOR)


def _scaled_roots(A: Array) -> Array:
    """`√Σ a²` of rows brought to entries of at most 1."""
    k = A.shape[-1]
    if A.ndim == 2 and A.size > _AT_ONCE and len(A) > 1:  # three copies of a large matrix would not fit
        step = max(1, _AT_ONCE // max(k, 1))
        return np.concatenate([_scaled_roots(A[i : i + step]) for i in range(0, len(A), step)])
    scale = np.maximum(np.max(np.abs(A), axis=-1, initial=0.0), FLOOR)
    scale = np.ldexp(1.0, np.frexp(scale)[1])  # power of two above the largest entry
    B = A / scale[..., None]
    return np.asarray(scale * np.sqrt(np.sum(B * B, axis=-1)))


def frobenius(A: Array) -> float:
    """Upper bound of the Frobenius norm, at least `FLOOR`."""
    rows = row_norms(A.reshape(A.shape[0], -1))
    return float(row_norms(rows[None, :])[0])
