"""How a certificate states slabs: codes of twelve bits, four to a number."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from certify.rigor.fp import Array

BITS = 7
"""Bits of the mantissa of a code."""

LOWEST = -15
"""Exponent of the least number that has a code."""

CODES = 2**12

Codes = NDArray[np.int64]


def coded(x: Array) -> Codes:
    """Codes of numbers not below x, at least `2^LOWEST`, as far as there are any: exponent and mantissa.

    >>> decoded(coded(np.array([0.0, 1.0, 1.001, 7.0]))).tolist()
    [3.0517578125e-05, 1.0, 1.0078125, 7.0]
    """
    m, e = np.frexp(np.maximum(x, 2.0**LOWEST))
    steps = np.ceil((2.0 * m - 1.0) * 2.0**BITS).astype(np.int64)
    return np.asarray(np.clip((e - 1 - LOWEST) * 2**BITS + steps, 0, CODES - 1), np.int64)


def decoded(q: Codes) -> Array:
    """The numbers `(1 + m/2^7)·2^(e − 15)` that codes stand for, exactly."""
    return np.asarray(np.ldexp(1.0 + (q % 2**BITS) * 2.0**-BITS, (q >> BITS) + LOWEST))


def packed(codes: Codes) -> Codes:
    """(n,) numbers below 2^48 from (4, n) codes."""
    total = codes[0]
    for row in codes[1:]:
        total = total * CODES + row
    return np.asarray(total)
