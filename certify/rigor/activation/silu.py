"""silu (swish)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, final

import numpy as np

from certify.rigor.activation import sigmoid
from certify.rigor.activation.base import Part, right_left
from certify.rigor.activation.by_balls import ByBalls
from certify.rigor.activation.elementary import exp
from certify.rigor.fp import Array, U

if TYPE_CHECKING:
    from flint import arb

VALUE_ERROR = 2.0
"""Absolute error of silu before its last subtraction, in units of u; that adds `u·|φ|` (A8)."""

SLOPE_ERROR = 5.0
"""Absolute error of silu', in units of u (A8)."""

SECOND_ERROR = 6.5
"""Absolute error of silu'', in units of u (A8)."""

CLIP = 80.0
"""|x| is clipped here, which moves silu and its derivatives by less than 2^-100."""


def kernel(a: Array, t: Array) -> tuple[Array, Array, Array]:
    """`m = a σ(−a)`, its part in the slope `h = σ(−a)(1 − a σ(a))`, and silu'', from a and `t = e^(−a)`."""
    s, q, slope, _ = sigmoid.kernel(t)
    return a * q, q * (1.0 - a * s), slope * (2.0 - a * ((1.0 - t) * s))


@final
class Silu(ByBalls):
    """`φ(x) = x σ(x)`, σ the logistic sigmoid.

    Since `φ(x) − x/2` is even, `φ(x) = max(x, 0) − m(|x|)` and `φ'(x) = h` or `1 − h`: no cancellation, no large
    factor.
    `sup|φ'| ≤ 1.09983933`, `sup|φ''| = 1/2`, `sup|φ'''| ≤ 0.30818152` (A8).

    >>> value, slope = Silu().enclose(np.array([0.0, 1.0, -1e300]))
    >>> [round(float(v), 12) + 0.0 for v in (*value.mid, *slope.mid)]
    [0.0, 0.73105857863, 0.0, 0.5, 0.927670511871, 0.0]
    """

    __slots__ = ()

    name: ClassVar[str] = "silu"
    slope_bound: ClassVar[float] = 1.09983933
    slope_floor: ClassVar[float] = -0.0998394
    curvature: ClassVar[float] = 0.5
    third: ClassVar[float] = 0.30818152

    def _evaluate(self, x: Array, order: int) -> list[Part]:
        a = np.minimum(np.abs(x), CLIP)
        m, h, second = kernel(a, exp(-a))
        value = np.maximum(x, 0.0) - m
        return [
            (value, (VALUE_ERROR + np.abs(value)) * U),
            (right_left(x, 1.0 - h, h), SLOPE_ERROR * U),
            (second, SECOND_ERROR * U),
        ]

    def _balls(self, x: arb) -> tuple[arb, arb]:
        s, q = sigmoid.balls(x)
        return x * s, s * (1 + x * q)
