"""Two arithmetics with proved errors: binary64, and double-double by error-free slicing.

A :class:`Pair` is an unevaluated sum `hi + lo` of two float arrays (`lo` None: a plain float array). An
arithmetic offers products, sums and tanh of pairs, each with an error bound; everything above it (passes,
kernel, congruence) is written once for both.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Final, final

import numpy as np

from certify.format.errors import EnclosureError
from certify.rigor import fp
from certify.rigor.activation import Activation
from certify.rigor.fp import Array, U
from certify.rigor.split import sliced, split_product, split_unit, summed_products


@dataclass(frozen=True, eq=False)
class Pair:
    """The real array `hi + lo`; `lo` None means 0. Where both are there, `|lo| ≤ 2u|hi|` up to underflow."""

    hi: Array
    lo: Array | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of both parts."""
        return self.hi.shape

    def reshape(self, *shape: int) -> Pair:
        """The same numbers in another shape."""
        return Pair(self.hi.reshape(*shape), None if self.lo is None else self.lo.reshape(*shape))


@dataclass(frozen=True, eq=False)
class Approximate:
    """Numbers within `error` of the pair, elementwise."""

    mid: Pair
    error: Array


class Arithmetic(ABC):
    """Products, sums and activations of pairs with proved errors; α, β are row norms from :func:`row_norms`."""

    name: str
    extended: bool
    """Whether its pairs have a low part."""
    unit: float
    """`|fl(a∘b) − a∘b| ≤ unit·(|a|+|b|)` for ∘ = +, `≤ unit·|a||b|` for ∘ = ×, `FLOOR`² apart."""

    @abstractmethod
    def product_unit(self, k: int) -> float:
        """c such that `product` of rows of length k satisfies `|ΔC_ij| ≤ c·|a_i|·|b_j|`."""

    @abstractmethod
    def product(self, A: Pair, B: Pair) -> Pair:
        """Enclosed `A Bᵀ` for `(n, k)` and `(q, k)` pairs (error: `product_unit(k)`)."""

    def symmetric_unit(self, k: int) -> float:
        """c such that `‖ΔC‖_F ≤ c·‖A‖_F·‖B‖_F` of :meth:`symmetric_product`."""
        return self.product_unit(k)

    def symmetric_product(self, A: Pair, B: Pair) -> Pair:
        """Enclosed `A Bᵀ` that is known to be symmetric (error: `symmetric_unit(k)`)."""
        return self.product(A, B)

    @abstractmethod
    def add(self, A: Pair, B: Pair) -> Pair:
        """Enclosed elementwise sum, with broadcasting."""

    @abstractmethod
    def multiply(self, A: Pair, B: Pair) -> Pair:
        """Enclosed elementwise product, with broadcasting."""

    def accumulate(self, total: Pair | None, left: Pair, right: Pair) -> Pair:
        """`total + left·right` (broadcasting); may overwrite `total` and `left`."""
        term = self.multiply(left, right)
        return term if total is None else self.add(total, term)

    @abstractmethod
    def activate(self, phi: Activation, A: Pair) -> tuple[Approximate, Approximate]:
        """φ and φ' elementwise at the midpoints, each with an elementwise error."""

    def row_norms(self, A: Pair) -> Array:
        """Upper bounds, at least `FLOOR`, of the row norms of hi and of hi + lo."""
        norms = fp.row_norms(A.hi)
        return norms if A.lo is None else norms * fp.RAISE


def require_range(A: Array, what: str) -> None:
    """Refuse NaN, infinity and entries above `RANGE`, for which the underflow argument R0 would fail."""
    if A.size and not np.max(np.abs(A)) <= fp.RANGE:  # NaN fails the comparison
        raise EnclosureError(what, f"entries above {fp.RANGE:.1e} or not finite", "rescale the data or the weights")


class Binary64(Arithmetic):
    """Plain float64: products by BLAS in any order, error `(k+2)u|a_i||b_j|` (R2)."""

    name = "binary64"
    extended = False
    unit = U

    def accumulate(self, total: Pair | None, left: Pair, right: Pair) -> Pair:
        """In place: a kernel needs two matrices at its peak instead of four."""
        np.multiply(left.hi, right.hi, out=left.hi)
        if total is None:
            return left
        np.add(total.hi, left.hi, out=total.hi)
        return total

    def product_unit(self, k: int) -> float:
        """(k + 2)u."""
        return fp.dot_unit(k)

    def product(self, A: Pair, B: Pair) -> Pair:
        """`fl(A Bᵀ)`."""
        require_range(A.hi, "product")
        require_range(B.hi, "product")
        return Pair(fp.require_finite(A.hi @ B.hi.T, "product"))

    def add(self, A: Pair, B: Pair) -> Pair:
        """`fl(A + B)`."""
        return Pair(A.hi + B.hi)

    def multiply(self, A: Pair, B: Pair) -> Pair:
        """`fl(A · B)`."""
        return Pair(A.hi * B.hi)

    def activate(self, phi: Activation, A: Pair) -> tuple[Approximate, Approximate]:
        """From + − × ÷ and powers of two (proofs/activations.md)."""
        value, slope = phi.enclose(A.hi)
        return Approximate(Pair(value.mid), value.error), Approximate(Pair(slope.mid), slope.error)


@final
class SlicedProducts(Binary64):
    """float64 whose products hardly err by more than their last rounding, at three times the cost (R7b)."""

    name = "binary64, products in slices"

    def product_unit(self, k: int) -> float:
        """About u, whatever k."""
        return split_unit(k)

    def product(self, A: Pair, B: Pair) -> Pair:
        """`A Bᵀ` by two slices a factor."""
        require_range(A.hi, "product")
        require_range(B.hi, "product")
        return Pair(fp.require_finite(split_product(A.hi, B.hi), "product"))


def two_sum(a: Array, b: Array) -> tuple[Array, Array]:
    """`s + e = a + b` exactly, `s = fl(a + b)` (Knuth); exact for any a, b without overflow."""
    s = a + b
    t = s - a
    return s, (a - (s - t)) + (b - t)


def two_product(a: Array, b: Array) -> tuple[Array, Array]:
    """`p + e = a b`, `p = fl(ab)` (Dekker, Veltkamp's splitting); exact up to underflow (R6)."""
    p = a * b
    splitter = 134217729.0  # 2^27 + 1
    c = splitter * a
    a1 = c - (c - a)
    a2 = a - a1
    c = splitter * b
    b1 = c - (c - b)
    b2 = b - b1
    return p, ((a1 * b1 - p) + a1 * b2 + a2 * b1) + a2 * b2


@final
class DoubleDouble(Arithmetic):
    """About 90 to 100 bits: products by exact integer slices through BLAS (R7), sums by error-free transforms.

    Activations are Arb's, each value verified to lie within its error of the pair that stands for it (A3).
    """

    name = "double-double"
    extended = True
    unit = 24.0 * U * U
    TARGET_BITS: Final = 96

    def __init__(self) -> None:
        self.unit = max(fp.PAIR_ADD, fp.PAIR_MULTIPLY) * U * U

    def _slicing(self, k: int) -> tuple[int, int]:
        """Bits t of a slice so that `k·2^(2t) ≤ 2^53`, and the number s of slices."""
        t = (53 - math.ceil(math.log2(max(k, 1)))) // 2
        if t < 8:
            raise EnclosureError("sliced product", f"inner products of length {k}", "use fewer columns")
        return t, -(-self.TARGET_BITS // t)

    def product_unit(self, k: int) -> float:
        """`4k(s+1)2^(−st) + 10kT²u²` with `T = s(s+1)/2` terms (R7)."""
        t, s = self._slicing(k)
        terms = s * (s + 1) // 2
        return (fp.SLICE_TRUNCATION * k * (s + 1) * 2.0 ** (-s * t) + fp.SLICE_SUM * k * terms**2 * U * U) * fp.RAISE

    def product(self, A: Pair, B: Pair) -> Pair:
        """Sum of exact products of integer slices, small terms last."""
        return self._product(A, B, False)

    def symmetric_unit(self, k: int) -> float:
        """Twice :meth:`product_unit`: what lies above the diagonal errs as its mirror image does (R7)."""
        return 2.0 * self.product_unit(k)

    def symmetric_product(self, A: Pair, B: Pair) -> Pair:
        """The same below the diagonal, and its mirror image above."""
        return self._product(A, B, True)

    def _product(self, A: Pair, B: Pair, symmetric: bool) -> Pair:
        t, s = self._slicing(A.shape[1])
        require_range(A.hi, "sliced product")
        require_range(B.hi, "sliced product")
        return Pair(*_finite(summed_products(sliced(A.hi, A.lo, t, s), sliced(B.hi, B.lo, t, s), symmetric)))

    def add(self, A: Pair, B: Pair) -> Pair:
        """Error ≤ 8u²(|a| + |b|) (R6)."""
        s, e = two_sum(A.hi, B.hi)
        return Pair(*_finite(two_sum(s, e + (_low(A) + _low(B)))))

    def multiply(self, A: Pair, B: Pair) -> Pair:
        """Error ≤ 24u²|a||b| (R6)."""
        p, e = two_product(A.hi, B.hi)
        return Pair(*_finite(two_sum(p, e + (A.hi * _low(B) + _low(A) * B.hi))))

    def activate(self, phi: Activation, A: Pair) -> tuple[Approximate, Approximate]:
        """Arb's values, verified one by one (A3)."""
        value, slope = phi.enclose_extended(A.hi, A.lo)  # two_sum makes |lo| ≤ u|hi|, which R6 needs, and is exact
        return (Approximate(Pair(*two_sum(value.hi, value.lo)), value.error),
                Approximate(Pair(*two_sum(slope.hi, slope.lo)), slope.error))


def _low(A: Pair) -> Array:
    return np.zeros((1,) * A.hi.ndim) if A.lo is None else A.lo


def _finite(parts: tuple[Array, Array]) -> tuple[Array, Array]:
    return fp.require_finite(parts[0], "double-double"), fp.require_finite(parts[1], "double-double")
