"""Single precision: the same rounding theorems with a unit of 2^-24, and an exponential with a proved error (R2c, A1b).

What is judged with it carries its rounding as a bound; proofs/rounding.md and proofs/activations.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from certify.rigor.fp import Array

Short = NDArray[np.float32]

UNIT = 2.0**-24
"""Unit roundoff of binary32."""

LEAST = 2.0**-100
"""Upper bounds are at least that, so that none is lost to underflow."""

LOST = 2.0**-120
"""More than a product of two numbers, one of them at most 2^6, loses by underflow."""

FARTHEST = 85.0
"""Arguments of :func:`exp` beyond it are taken for it."""

EXP_ERROR = 2.0**-19
"""Relative error of :func:`exp` (A1b)."""

MOST = 1 << 16
"""Most terms of an inner product."""

_LOG2E = np.float32(1.4426950408889634)
_HIGH = np.float32(float.fromhex("0x1.62e4p-1"))  # 14 significant bits: k·_HIGH is exact for |k| < 2^10
_LOW = np.float32(float.fromhex("0x1.7f7d1cf79abcap-20"))  # ln 2 − _HIGH
_EXP = tuple(np.float32(1.0 / math.factorial(k)) for k in range(7))


def dot_unit(k: int) -> float:
    """Coefficient `(k + 2)·2^-24` of an inner product of length k (R2c); infinite where k is too large."""
    return (k + 2) * UNIT if k <= MOST else math.inf


def above(x: Array) -> Short:
    """Nonnegative numbers rounded up, and at least `LEAST`."""
    return np.asarray(np.maximum(x * (1.0 + 2.0**-22), LEAST), np.float32)


def below(x: Array) -> Short:
    """Nonnegative numbers rounded down; those below `LEAST` are 0."""
    return np.asarray(np.where(x < LEAST, 0.0, x * (1.0 - 2.0**-22)), np.float32)


def exp(x: Short) -> Short:
    """`|exp(x) − e^x| ≤ EXP_ERROR·e^x` for x between −FARTHEST and FARTHEST, which it is brought to (A1b).

    >>> bool(abs(exp(np.array([-1.0], np.float32))[0] - 0.36787944) < 1e-6)
    True
    """
    x = np.clip(x, np.float32(-FARTHEST), np.float32(FARTHEST))
    k = x * _LOG2E
    np.rint(k, out=k)
    x -= k * _HIGH
    x -= k * _LOW
    p = x * _EXP[-1]
    p += _EXP[-2]
    for c in _EXP[-3::-1]:
        p *= x
        p += c
    bits = p.view(np.int32)
    with np.errstate(invalid="ignore"):  # NaN stays one or becomes any number, and its caller looks for it
        bits += k.astype(np.int32) << 23
    return p


@cache
def products_are_exact() -> bool:
    """Whether products of whole numbers in single precision are exact: with bfloat16, tf32 or Strassen they are not."""
    return all(is_exact(size, np.matmul) and squares_are_exact(size, lambda R: R.T @ R) for size in (64, 300))


def squares_are_exact(size: int, product: Callable[[Short], Short]) -> bool:
    """The same of a matrix with itself, which other code multiplies: long whole numbers with short ones."""
    rng = np.random.default_rng(20260103)
    A: NDArray[np.int64] = rng.integers(-(2**12), 2**12, (size, size)) | 1
    B: NDArray[np.int64] = rng.integers(-4, 5, (size, size))
    R = np.concatenate([A, B], axis=1).astype(np.float32)
    return np.array_equal(product(R)[size:].astype(np.int64), B.T @ np.concatenate([A, B], axis=1))


def is_exact(size: int, product: Callable[[Short, Short], Short]) -> bool:
    """Whether a product keeps all 24 bits of whole numbers, and small blocks beside a large one."""
    rng = np.random.default_rng(20260102)
    A: NDArray[np.int64] = rng.integers(-(2**12), 2**12, (size, size)) | 1
    B: NDArray[np.int64] = rng.integers(-4, 5, (size, size))  # in any order no sum is above 2^23
    a, b, half = A.astype(np.float32), B.astype(np.float32), size // 2
    if not (np.array_equal(product(a, b).astype(np.int64), A @ B)
            and np.array_equal(product(b, a).astype(np.int64), B @ A)):
        return False
    a[:half, :half] *= np.float32(2.0**40)
    b[:half, half:] = 0.0
    return np.array_equal(product(a, b)[half:, half:].astype(np.int64), A[half:, half:] @ B[half:, half:])
