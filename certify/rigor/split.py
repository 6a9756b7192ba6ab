"""Products of matrices by slices whose products are exact: two slices a factor (R7b), or all of a pair's (R7)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from certify.format.errors import EnclosureError
from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U

_AT_ONCE = 2**22
"""Entries of A that are sliced at a time."""

_TILE = 2**15
"""Entries of a product that are summed at a time: five arrays of that size stay in the cache."""

_WIDE = 256
"""Columns of a tile, where there are enough rows."""


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


@dataclass(frozen=True, eq=False)
class Slices:
    """`|a − 2^e Σ_p I_p 2^(−(p+1)t)| ≤ 2^(e − st)`, whole numbers I_p, `2^(e−1) ≤ max|a|` in each row (R7).

    Attributes:
        parts: `(s, n, k)`, the numbers `I_p 2^(−(p+1)t)`.
        largest: `max|I_p|` of each slice.
        exponents: `(n,)`, e of each row.
        lengths: `(n,)`, columns of each row up to its last that is not zero.
    """

    parts: Array
    largest: tuple[float, ...]
    exponents: NDArray[np.int_]
    lengths: NDArray[np.int64]


def sliced(hi: Array, lo: Array | None, bits: int, count: int) -> Slices:
    """Slices of the rows of `hi + lo`, entries of `hi` within :data:`certify.rigor.fp.RANGE` (R7).

    What is left after each slice is exact: a multiple of the last bit of the operand and smaller than it.
    """
    n, k = hi.shape
    e = np.frexp(np.maximum(np.max(np.abs(hi), axis=1, initial=0.0), fp.FLOOR))[1]
    parts, largest, lengths = np.empty((count, n, k)), [0.0] * count, np.empty(n, dtype=np.int64)
    step = max(1, _TILE // max(1, k))
    for start in range(0, n, step):
        rows = slice(start, start + step)
        rest = [part[rows].copy() for part in (hi, lo) if part is not None]
        for p in range(count):
            ulp, grow = (np.ldexp(1.0, sign * (e[rows, None] - (p + 1) * bits)) for sign in (1, -1))
            whole = np.zeros_like(rest[0])
            for part in rest:
                nearest = np.rint(part * grow)
                whole += nearest
                part -= nearest * ulp
            largest[p] = max(largest[p], float(np.max(np.abs(whole), initial=0.0)))
            np.multiply(whole, 2.0 ** (-(p + 1) * bits), out=parts[p, rows])
        held = np.any(parts[:, rows] != 0.0, axis=0)
        lengths[rows] = np.where(held.any(axis=1), k - np.argmax(held[:, ::-1], axis=1), 0) if k else 0
    return Slices(parts, tuple(largest), e, lengths)


def summed_products(left: Slices, right: Slices, symmetric: bool = False) -> tuple[Array, Array]:
    """`hi + lo` near `A Bᵀ`: exact products of slices, small terms last, tile by tile (R7).

    Rows that end in zeros, those of triangular matrices, are multiplied as far as they reach.

    Args:
        left: slices of A.
        right: slices of B.
        symmetric: whether `A Bᵀ` is symmetric: what lies above its diagonal is taken from below.
    """
    n, m = left.parts.shape[1], right.parts.shape[1]
    hi, lo = np.empty((n, m)), np.empty((n, m))
    groups = _groups(left, right)
    columns = max(1, min(m, max(_WIDE, _TILE // max(1, n))))
    rows = max(1, min(n, _TILE // columns))
    room = np.empty((5, rows, columns))
    for i in range(0, n, rows):
        for j in range(0, min(m, i + rows) if symmetric else m, columns):
            at = slice(i, i + rows), slice(j, j + columns)
            tall, wide = hi[at].shape
            s, low = _tile(left, right, groups, at, room[:, :tall, :wide])
            np.ldexp(s, left.exponents[at[0], None], out=s)  # powers of two, one after the other: exact
            np.ldexp(low, left.exponents[at[0], None], out=low)
            np.ldexp(s, right.exponents[at[1]], out=hi[at])
            np.ldexp(low, right.exponents[at[1]], out=lo[at])
    if symmetric:
        _mirror(hi, rows)
        _mirror(lo, rows)
    return hi, lo


def _mirror(whole: Array, rows: int) -> None:
    """Above the diagonal what is below it, in place."""
    for i in range(0, len(whole), rows):
        at = slice(i, i + rows)
        block = whole[at, at]
        block[:] = np.tril(block) + np.tril(block, -1).T
        whole[at, i + rows :] = whole[i + rows :, at].T


def _tile(
    left: Slices, right: Slices, groups: list[list[tuple[int, int]]], at: tuple[slice, slice], room: Array
) -> tuple[Array, Array]:
    """Both parts of a tile of the product of the rows without their powers of two, in the room given."""
    s, low, term, more, spare = room
    s[:], low[:] = 0.0, 0.0
    reach = int(min(np.max(left.lengths[at[0]]), np.max(right.lengths[at[1]])))
    for group in groups:
        for number, (p, q) in enumerate(group):
            np.matmul(left.parts[p, at[0], :reach], right.parts[q, at[1], :reach].T, out=more if number else term)
            if number:
                term += more
        low += _add(s, term, more, spare)
    term[:] = low
    low[:] = _add(s, term, more, spare)
    return s, low


def _groups(left: Slices, right: Slices) -> list[list[tuple[int, int]]]:
    """Pairs of slices whose products are multiples of one unit, and together below 2^53 of it: exact sums (R7).

    Raises:
        EnclosureError: a slice is larger than its bits allow.
    """
    k, count = left.parts.shape[2], len(left.largest)
    limit = 2.0**53 / k if k else math.inf
    found: list[list[tuple[int, int]]] = []
    for order in range(count):
        total = math.inf
        for p in range(order + 1):
            size = left.largest[p] * right.largest[order - p]
            if not size <= limit:
                raise EnclosureError("sliced product", "a slice that is too large", "this is a defect: report it")
            if total + size > limit:
                found.append([])
                total = 0.0
            if size:
                found[-1].append((p, order - p))
                total += size
    return [group for group in found if group]


def _add(s: Array, term: Array, t: Array, spare: Array) -> Array:
    """`s + term` into s, and what its rounding leaves out, exactly (Knuth), into `spare`; `term`, t are overwritten."""
    np.add(s, term, out=t)
    np.subtract(t, s, out=spare)  # what t has of the term
    term -= spare
    np.subtract(t, spare, out=spare)  # what t has of s
    s -= spare
    np.add(s, term, out=spare)
    s[:] = t
    return spare
