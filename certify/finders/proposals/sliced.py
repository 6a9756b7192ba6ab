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

BAND = 1024
"""Rows of a product at a time."""


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


def product(A: Pair, B: Pair, levels: int = LEVELS) -> tuple[Array, Array]:
    """`AB`, some rows at a time."""
    n = A[0].shape[1]
    beta = (53 - max(n - 1, 1).bit_length()) // 2
    right, across = slices(B[0].T, None if B[1] is None else B[1].T, beta)
    shape = (A[0].shape[0], B[0].shape[1])
    high, low = np.zeros(shape), np.zeros(shape)
    for at in range(0, shape[0], BAND):
        rows = slice(at, at + BAND)
        left, down = slices(A[0][rows], None if A[1] is None else A[1][rows], beta)
        h, rest = np.zeros((len(down), shape[1])), np.zeros((len(down), shape[1]))
        for level in range(levels):
            for s, part in enumerate(left):
                if 0 <= level - s < len(right):
                    h, lost = sum_of(h, np.ldexp(part @ right[level - s].T, -beta * (level + 2)))
                    rest += lost
        h, rest = sum_of(h, rest)
        scale = down[:, None] + across[None, :]
        high[rows], low[rows] = np.ldexp(h, scale), np.ldexp(rest, scale)
    return high, low
