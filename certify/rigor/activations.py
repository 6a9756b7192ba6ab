"""tanh with proved error, in float64 and in double-double, without trust in any libm."""

from __future__ import annotations

import math

import numpy as np

from certify.errors import EnclosureError
from certify.rigor import fp
from certify.rigor.fp import Array

_LOG2E = 1.4426950408889634
_LN2_HIGH = float.fromhex("0x1.62e42feep-1")  # 32 significant bits: k·_LN2_HIGH is exact for |k| < 2^21
_LN2_LOW = float.fromhex("0x1.a39ef35793c76p-33")  # ln 2 − _LN2_HIGH to within 2^-86
_TAYLOR = tuple(1.0 / math.factorial(k) for k in range(14))


def _exp(x: Array) -> Array:
    """`|_exp(x) / e^x − 1| ≤ 8u` for −80 ≤ x ≤ 0 (A1): only IEEE + − × and scaling by powers of two.

    >>> bool(abs(_exp(np.array([-1.0]))[0] - 0.36787944117144233) < 1e-15)
    True
    """
    k = np.rint(x * _LOG2E)
    r = (x - k * _LN2_HIGH) - k * _LN2_LOW
    p = np.full_like(r, _TAYLOR[13])
    for c in _TAYLOR[12::-1]:
        p = p * r + c
    return np.ldexp(p, k.astype(np.int32))


def tanh_float(x: Array) -> tuple[Array, Array]:
    """tanh and tanh' with absolute errors `TANH_ERROR·u` and `TANH_SLOPE_ERROR·u` (A2).

    `t = e^(−2|x|)`, `tanh|x| = (1 − t)/(1 + t)`, `tanh' = (1 − y)(1 + y)`. Arguments below −80 of the
    exponential are clipped, which moves tanh by less than 2^-114.

    Args:
        x: finite array.

    Returns:
        Values and slopes at x.

    Raises:
        EnclosureError: if x is not finite.

    >>> y, slope = tanh_float(np.array([0.0, 1.0, -50.0]))
    >>> [round(float(v), 12) for v in y]
    [0.0, 0.761594155956, -1.0]
    """
    fp.require_finite(x, "tanh")
    t = _exp(np.maximum(-2.0 * np.abs(x), -80.0))
    y = (1.0 - t) / (1.0 + t)
    return np.copysign(y, x), (1.0 - y) * (1.0 + y)


def tanh_arb(hi: Array, lo: Array) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """tanh and tanh' of `hi + lo` as pairs within `ARB_TANH_ERROR` and twice that (A3).

    Each value is Arb's ball; the pair read off its midpoint is accepted only after Arb has proved that the whole
    ball lies within the error of the pair.

    Args:
        hi, lo: arrays of one shape.

    Returns:
        Pairs `(hi, lo)` of values and of slopes.
    """
    import flint

    fp.require_finite(hi, "tanh")
    values = np.empty((4, hi.size))
    limit, slope_limit = flint.arb(2.0**-100), flint.arb(2.0**-99)
    precision = flint.ctx.prec
    flint.ctx.prec = 160
    try:
        parts = zip(hi.ravel().tolist(), np.broadcast_to(lo, hi.shape).ravel().tolist(), strict=True)
        for j, (h, low) in enumerate(parts):
            y = (flint.arb(h) + flint.arb(low)).tanh()
            slope = 1 - y * y
            for row, ball, bound in ((0, y, limit), (2, slope, slope_limit)):
                first = float(ball.mid())
                rest = ball - first
                second = float(rest.mid())
                if not abs(rest - second) < bound:
                    raise EnclosureError("tanh", f"no ball within 2^-100 at {h!r}", "this is a defect: report it")
                values[row, j], values[row + 1, j] = first, second
    finally:
        flint.ctx.prec = precision
    v = values.reshape(4, *hi.shape)
    return (v[0], v[1]), (v[2], v[3])


