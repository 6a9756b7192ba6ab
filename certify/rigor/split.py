"""Products of float64 matrices that hardly err by more than the rounding of the result: two slices a factor (R7b)."""

from __future__ import annotations

import math

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U

_AT_ONCE = 2**22
"""Entries of A that are sliced at a time."""


def split_unit(k: int) -> float:
    """Coefficient c with `|fl − ab| ≤ c|a||b|` for the entries of :func:`split_product`, inner products of length k.

    >>> 1.0 < split_unit(1000) / 2.0**-53 < 1.2
    True
    """
    return (U + 4.2 * math.sqrt(k) * 2.0 ** -_bits(k) * fp.dot_unit(2 * k)) * RAISE


def split_product(A: Array, B: Array) -> Array:
    """`fl(A Bᵀ)`, `(r, k)` times `(c, k)`: the products of leading slices are exact, and the rest is small.

    `A = A₁ + A₂`, A₁ whole multiples of a power of two for each row, with t bits, `k·2^(2t) ≤ 2^53`: every sum in
    `A₁B₁ᵀ` is exact in any order, `A₁B₂ᵀ + A₂Bᵀ` is one sum of 2k products with factors 2^(−t)√k times as long, and
    one addition rounds. Rows have to be within :data:`certify.rigor.fp.RANGE` and not so small that slices underflow.
    """
    t = _bits(A.shape[1])
    B1 = _leading(B, t)
    B2, found = B - B1, np.empty((len(A), len(B)))
    step = max(1, _AT_ONCE // max(A.shape[1], 1))  # slices of all rows of a large matrix would not fit
    for start in range(0, len(A), step):
        part = A[start : start + step]
        A1 = _leading(part, t)
        rest = part - A1
        small = A1 @ B2.T
        if rest.any():  # not for numbers of few bits, pixels for example
            small += rest @ B.T
        np.add(A1 @ B1.T, small, out=found[start : start + step])
    return found


def _bits(k: int) -> int:
    return (53 - math.ceil(math.log2(max(k, 2)))) // 2


def _leading(A: Array, t: int) -> Array:
    """The nearest multiples of `2^(e − t)`, `2^(e−1) ≤ max|a| < 2^e` of each row; the difference to A is exact."""
    largest = np.maximum(np.abs(A).max(axis=1, keepdims=True, initial=0.0), fp.FLOOR)
    ulp = np.ldexp(1.0, np.frexp(largest)[1] - t)
    return np.asarray(np.rint(A / ulp) * ulp)
