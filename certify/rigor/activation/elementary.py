"""exp, log(1 + t) and the normal tail from IEEE + − × ÷ and powers of two, with proved errors (A1, A4, A5).

No libm is called: none promises an error bound. Machine and notation are those of proofs/rounding.md (E0:
round to nearest, gradual underflow or flush-to-zero); the proofs are in proofs/activations.md. The polynomial parts are
plain functions of `+ − × ÷`, so that the tests can run the very same code on balls that carry their rounding errors.
"""

from __future__ import annotations

import math

import numpy as np

from certify.format.errors import EnclosureError
from certify.rigor.fp import Array

UNDERFLOW = 2.0**-900
"""Absolute error that pays for results and operands below 2^-1022 lost in any form, and for clipping at −700 (A0)."""

EXP_ERROR = 2.0
"""Relative error of :func:`exp`, in units of u (A1)."""

LOG1P_ERROR = 2.5
"""Absolute error of :func:`log1p`, in units of u (A4)."""

TAIL_FIT = 0.1
"""`max(1, a)·e^(−a²/2)·|P((a−4)/(a+4)) − Q(a)e^(a²/2)| ≤ TAIL_FIT·u` on [0, 10], P the tail polynomial (A5)."""

BLOCK = 1 << 13
"""Entries of :func:`exp` at a time."""

EXP_CLIP = 700.0
"""Arguments of :func:`exp` below −EXP_CLIP are taken for −EXP_CLIP, those above it are refused."""

TAIL_CLIP = 10.0
"""Largest argument of :func:`normal_tail`."""

_LOG2E = 1.4426950408889634
_LN2_HIGH = float.fromhex("0x1.62e42feep-1")  # 32 significant bits: k·_LN2_HIGH is exact for |k| < 2^21
_LN2_LOW = float.fromhex("0x1.a39ef35793c76p-33")  # ln 2 − _LN2_HIGH to within 2^-86
_EXP = tuple(1.0 / math.factorial(k) for k in range(14))
_ATANH = tuple(1.0 / (2 * k + 1) for k in range(17))
_TAIL_CENTRE = 4.0
# Q(a)·e^(a²/2) in powers of z = (a − 4)/(a + 4): a weighted minimax fit. How it was found does not matter (A5).
_TAIL = (
    0.09441064130196872, -0.17039772154844474, 0.12437925533985093, -0.07170740732989155, 0.030864804122206418,
    -0.008492096088885506, 0.0005075542939918353, 0.0006387637190822904, -0.00018739317037592019,
    -4.616375546862631e-05, 2.736716044877028e-05, 2.669874378520383e-06, -6.459829774805831e-06,
    -2.451633106568478e-06, -5.990022652886223e-08, 1.411157752767956e-07, 2.50353496816097e-08,
)  # fmt: skip
_DENSITY = 0.3989422804014327  # 1/√(2π)


def horner(x: Array, coefficients: tuple[float, ...]) -> Array:
    """`Σ c_k x^k` by Horner's scheme, `+` and `×` only."""
    p = x * coefficients[-1]
    p += coefficients[-2]
    for c in coefficients[-3::-1]:
        p *= x
        p += c
    return p


def exp(x: Array) -> Array:
    """`|exp(x) − e^x| ≤ EXP_ERROR·u·e^x + UNDERFLOW` for finite x ≤ 700 (A1).

    `e^x = 2^k e^r`, `r = x − k ln 2`, `|r| < 0.34658`, Taylor's polynomial of degree 13.

    Args:
        x: array; values below −700 are clipped, which moves e^x by less than 2^-1000.

    Returns:
        Array of the shape of x.

    Raises:
        EnclosureError: if an entry is above 700 or NaN.

    >>> bool(abs(exp(np.array([-1.0]))[0] - 0.36787944117144233) < 1e-16)
    True
    """
    if x.size and not np.max(x) <= EXP_CLIP:
        raise EnclosureError("exponential", f"an argument above {EXP_CLIP:g} or NaN", "look for overflow in the input")
    if x.size > 2 * BLOCK:  # its passes stay in the cache nearest to the core
        out = np.empty_like(x)
        flat, of = out.ravel(order="K"), x.ravel(order="K")
        if np.may_share_memory(flat, out):  # in the order of memory it is out itself
            for start in range(0, x.size, BLOCK):
                flat[start : start + BLOCK] = exp(of[start : start + BLOCK])
            return out
    x = np.maximum(x, -EXP_CLIP)
    k = np.rint(x * _LOG2E)
    r = x - k * _LN2_HIGH
    r -= k * _LN2_LOW
    return np.asarray(np.ldexp(horner(r, _EXP), k.astype(np.int32)))


def log1p(t: Array) -> Array:
    """`|log1p(t) − ln(1 + t)| ≤ LOG1P_ERROR·u` for 0 ≤ t ≤ 1 (A4): `2 artanh z`, `z = t/(2 + t) ≤ ⅓`.

    >>> bool(abs(log1p(np.array([1.0]))[0] - 0.6931471805599453) < 2e-16)
    True
    """
    z = t / (t + 2.0)
    return (z * 2.0) * horner(z * z, _ATANH)


def normal_tail(a: Array, t: Array) -> Array:
    """`Q(a) = 1 − Φ(a) = ½ erfc(a/√2)` for 0 ≤ a ≤ `TAIL_CLIP`, given `t ≈ e^(−a²/2)` (A5).

    `Q(a) = e^(−a²/2)·R(a)`; Mills' ratio R is smooth and is a polynomial in `(a − 4)/(a + 4)` as far as floats see,
    so Q has no cancellation. erf is `1 − 2Q(√2·)`.

    >>> a = np.array([0.0, 1.0])
    >>> [round(float(q), 15) for q in normal_tail(a, exp(-0.5 * a * a))]
    [0.5, 0.158655253931457]
    """
    z = (a - _TAIL_CENTRE) / (a + _TAIL_CENTRE)
    return t * horner(z, _TAIL)


def normal_density(t: Array) -> Array:
    """`e^(−a²/2)/√(2π)`, given `t ≈ e^(−a²/2)` (A5)."""
    return t * _DENSITY
