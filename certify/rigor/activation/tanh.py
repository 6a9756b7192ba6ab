"""tanh."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, final

import numpy as np

from certify.rigor.activation.base import Part
from certify.rigor.activation.by_balls import ByBalls
from certify.rigor.activation.elementary import exp
from certify.rigor.fp import Array, U

if TYPE_CHECKING:
    from flint import arb

VALUE_ERROR = 3.0
"""Absolute error of tanh, in units of u (A2)."""

SLOPE_ERROR = 6.0
"""Absolute error of tanh', in units of u (A2)."""

SECOND_ERROR = 10.5
"""Absolute error of tanh'', in units of u (A2)."""

CLIP = 40.0
"""|x| is clipped here, which moves tanh and its derivatives by less than 2^-100."""


def kernel(t: Array) -> tuple[Array, Array, Array]:
    """`tanh a`, `tanh' a`, `−tanh'' a` from `t = e^(−2a)`."""
    y = (1.0 - t) / (1.0 + t)
    slope = (1.0 - y) * (1.0 + y)
    return y, slope, (y * 2.0) * slope


@final
class Tanh(ByBalls):
    """`φ(x) = tanh x`.

    `sup|φ'| = 1`, `sup|φ''| = 4/(3√3)`, `sup|φ'''| = 2` (A2).

    >>> value, slope = Tanh().enclose(np.array([0.0, 1.0, -50.0]))
    >>> [round(float(v), 12) for v in value.mid]
    [0.0, 0.761594155956, -1.0]
    """

    __slots__ = ()

    name: ClassVar[str] = "tanh"
    slope_bound: ClassVar[float] = 1.0
    slope_floor: ClassVar[float] = 0.0
    curvature: ClassVar[float] = 0.76980036
    third: ClassVar[float] = 2.0

    def _evaluate(self, x: Array, order: int) -> list[Part]:
        y, slope, second = kernel(exp(-2.0 * np.minimum(np.abs(x), CLIP)))
        return [
            (np.copysign(y, x), VALUE_ERROR * U),
            (slope, SLOPE_ERROR * U),
            (np.copysign(second, -x), SECOND_ERROR * U),
        ]

    def _balls(self, x: arb) -> tuple[arb, arb]:
        t = (-2 * abs(x)).exp()  # sech would form e^|x|
        base = 1 + t
        return x.tanh(), 4 * t / (base * base)  # a power costs three products
