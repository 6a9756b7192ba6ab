"""Products of matrices to about a hundred bits, by products of slices of few bits that floats hold exactly.

A matrix is a pair (H, L) whose sum is meant, L far below H. Estimates, with no bound of their error.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
Pair = tuple[Array, Array | None]

LEVELS, SHORT = 5, 3
"""Slices of a pair and levels of a product; slices that hold one float whole."""

FEW, THIN = 21, 0.25
"""Bits of a slice of thin matrices, whose products take less time than adding them up: with few of them several are
added before they are rounded; and how long the rows of these are beside those of the product."""

BAND, NARROW = 1024, 256
"""Rows of a product at a time; the same where a part of it is left out."""


def sum_of(a: Array, b: Array) -> tuple[Array, Array]:
    """`a + b` rounded, and what is lost."""
    s = a + b
    z = s - a
    return s, (a - (s - z)) + (b - z)


def product_of(a: Array, b: Array) -> tuple[Array, Array]:
    """`ab` rounded, entry by entry, and what is lost."""
    p = a * b
    (x, lower), (y, rest) = _halves(a), _halves(b)
    return p, ((x * y - p) + x * rest + lower * y) + lower * rest


def _halves(a: Array) -> tuple[Array, Array]:
    """Two numbers of at most 26 bits whose sum it is."""
    t = a * float((1 << 27) + 1)
    high = t - (t - a)
    return high, a - high


def slices(H: Array, L: Array | None, beta: int) -> tuple[list[Array], Array]:
    """Integers of `beta` bits by falling weight, each row over its own power of two, which comes second."""
    exponents = np.frexp(np.abs(H).max(axis=1, initial=0.0))[1]
    t, parts = np.ldexp(H, -exponents[:, None]), []
    for s in range(SHORT if L is None else LEVELS):
        if s == 2 and L is not None:
            t = t + np.ldexp(L, -exponents[:, None])
        part = np.rint(np.ldexp(t, beta * (s + 1)))
        t = t - np.ldexp(part, -beta * (s + 1))
        parts.append(part)
    return parts, exponents


def product(
    A: Pair, B: Pair, levels: int = LEVELS, lower: bool = False, half: bool = False, symmetric: bool = False,
) -> tuple[Array, Array]:
    """`AB`, some rows at a time.

    Args:
        A, B, levels: the pairs, and how far down products of slices go.
        lower: whether nothing stands above the diagonal of A.
        half: whether what stands above the diagonal of `AB` may be left out, and nothing stands below that of B.
        symmetric: whether what stands above the diagonal of `AB` may be left out, whatever B is.
    """
    n = A[0].shape[1]
    long = max(n - 1, 1).bit_length()
    beta = (53 - long) // 2 if n > THIN * max(A[0].shape[0], B[0].shape[1]) else min(FEW, (53 - long) // 2)
    room = 1 << 53 - long - 2 * beta  # so many products add up exactly
    right, across = slices(B[0].T, None if B[1] is None else B[1].T, beta)
    shape = (A[0].shape[0], B[0].shape[1])
    high, low = np.zeros(shape), np.zeros(shape)
    band, below = NARROW if lower or half or symmetric else BAND, half or symmetric
    for at in range(0, shape[0], band):
        rows, inner, wide = slice(at, at + band), at + band if lower or half else n, at + band if below else shape[1]
        left, down = slices(A[0][rows, :inner], None if A[1] is None else A[1][rows, :inner], beta)
        h, rest = (np.zeros((len(down), min(wide, shape[1]))) for _ in range(2))
        for level in range(levels):
            pairs = [(s, level - s) for s in range(len(left)) if 0 <= level - s < len(right)]
            some = len(pairs) if level == levels - 1 else room  # of the last a rounding does not count
            for first in range(0, len(pairs), some):
                found = np.zeros_like(h)
                for s, t in pairs[first:first + some]:
                    found += left[s] @ right[t][:wide, :inner].T
                h, lost = sum_of(h, found * 2.0 ** (-beta * (level + 2)))
                rest += lost
        h, rest = sum_of(h, rest)
        scale = down[:, None] + across[None, :wide]
        high[rows, :wide], low[rows, :wide] = np.ldexp(h, scale), np.ldexp(rest, scale)
    return high, low
