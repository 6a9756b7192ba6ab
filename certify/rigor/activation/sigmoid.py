"""The logistic sigmoid."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, final

import numpy as np

from certify.rigor.activation.base import Part, right_left
from certify.rigor.activation.by_balls import ByBalls
from certify.rigor.activation.elementary import UNDERFLOW, exp
from certify.rigor.fp import RAISE, Array, U

if TYPE_CHECKING:
    from flint import arb

VALUE_ERROR = 3.25
"""Absolute error of the sigmoid σ, in units of u (A6)."""

SLOPE_ERROR = 2.75
"""Absolute error of σ', in units of u (A6)."""

SECOND_ERROR = 1.5
"""Absolute error of σ'', in units of u (A6)."""

BLOCK = 1 << 12
"""Entries of :func:`values` at a time: its passes stay in the cache nearest to the core."""

CLIP = 80.0
"""|x| is clipped here, which moves σ and its derivatives by less than 2^-100."""


def kernel(t: Array) -> tuple[Array, Array, Array, Array]:
    """`σ(a)`, `σ(−a)`, `σ'(a)`, `−σ''(a)` from `t = e^(−a)`."""
    s = 1.0 / (1.0 + t)
    q = t * s
    slope = q * s
    return s, q, slope, slope * ((1.0 - t) * s)


def values(x: Array) -> tuple[Array, float]:
    """`σ(x)` alone and a bound of its error, for large arrays: what `Sigmoid.enclose` gives, in fewer passes (A6).

    Raises:
        EnclosureError: an entry is NaN.

    >>> float(values(np.array([0.0]))[0][0])
    0.5
    """
    out, flat = np.empty(x.size), np.ascontiguousarray(x).ravel()
    for start in range(0, flat.size, BLOCK):
        part = flat[start : start + BLOCK]
        t = np.abs(part)
        np.minimum(t, CLIP, out=t)
        t = exp(np.negative(t, out=t))
        s = 1.0 / (1.0 + t)
        out[start : start + BLOCK] = np.where(part > 0, s, np.multiply(t, s, out=t))
    return out.reshape(x.shape), float(VALUE_ERROR * U * RAISE + UNDERFLOW)


def balls(x: arb) -> tuple[arb, arb]:
    """`σ(x)` and `σ(−x)`, without e^|x| (Arb gives up where it is astronomically large)."""
    t = (-abs(x)).exp()
    s = 1 / (1 + t)
    return (s, t * s) if x >= 0 else (t * s, s)


@final
class Sigmoid(ByBalls):
    """`φ(x) = 1/(1 + e^(−x))`.

    `sup|φ'| = 1/4`, `sup|φ''| = 1/(6√3)`, `sup|φ'''| = 1/8` (A6).

    >>> value, slope = Sigmoid().enclose(np.array([0.0, -1.0]))
    >>> [round(float(v), 12) for v in (*value.mid, *slope.mid)]
    [0.5, 0.26894142137, 0.25, 0.196611933241]
    """

    __slots__ = ()

    name: ClassVar[str] = "sigmoid"
    slope_bound: ClassVar[float] = 0.25
    slope_floor: ClassVar[float] = 0.0
    curvature: ClassVar[float] = 0.09622505
    third: ClassVar[float] = 0.125

    def _evaluate(self, x: Array, order: int) -> list[Part]:
        s, q, slope, second = kernel(exp(-np.minimum(np.abs(x), CLIP)))
        return [
            (right_left(x, s, q), VALUE_ERROR * U),
            (slope, SLOPE_ERROR * U),
            (np.copysign(second, -x), SECOND_ERROR * U),
        ]

    def _balls(self, x: arb) -> tuple[arb, arb]:
        s, q = balls(x)
        return s, s * q
