"""gelu, in its exact form."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, final

import numpy as np

from certify.rigor.activation.base import Part, right_left
from certify.rigor.activation.by_balls import ByBalls
from certify.rigor.activation.elementary import TAIL_CLIP, exp, normal_density, normal_tail
from certify.rigor.fp import Array, U

if TYPE_CHECKING:
    from flint import arb

VALUE_ERROR = 2.0
"""Absolute error of gelu before its last subtraction, in units of u; that adds `u·|φ|` (A9)."""

SLOPE_ERROR = 6.75
"""Absolute error of gelu', in units of u (A9)."""

SECOND_ERROR = 4.0
"""Absolute error of gelu'', in units of u (A9)."""


def kernel(a: Array, square: Array, t: Array) -> tuple[Array, Array, Array]:
    """`m = a Q(a)`, `h = Q(a) − a φ₁(a)`, and gelu'', from a, `square = a²` and `t = e^(−a²/2)`; φ₁ the density."""
    tail, density = normal_tail(a, t), normal_density(t)
    return a * tail, tail - a * density, density * (2.0 - square)


@final
class Gelu(ByBalls):
    """`φ(x) = x Φ(x)`, Φ the distribution function of the standard normal law: torch's `approximate="none"`.

    Since `φ(x) − x/2` is even, `φ(x) = max(x, 0) − m(|x|)` and `φ'(x) = h` or `1 − h`, with the tail Q = 1 − Φ: no
    cancellation, no large factor. |x| is clipped at `TAIL_CLIP`, which moves m, h and φ'' by less than 2^-64.
    `sup|φ'| = Φ(√2) + e^(−1)/√π`, `sup|φ''| = √(2/π)`, `sup|φ'''| ≤ 0.7787697` (A9).

    >>> value, slope = Gelu().enclose(np.array([0.0, 1.0, -1e300]))
    >>> [round(float(v), 12) + 0.0 for v in (*value.mid, *slope.mid)]
    [0.0, 0.841344746069, 0.0, 0.5, 1.083315470588, 0.0]
    """

    __slots__ = ()

    name: ClassVar[str] = "gelu"
    slope_bound: ClassVar[float] = 1.12890415
    slope_floor: ClassVar[float] = -0.1289042
    curvature: ClassVar[float] = 0.79788457
    third: ClassVar[float] = 0.7787697

    def _evaluate(self, x: Array, order: int) -> list[Part]:
        a = np.minimum(np.abs(x), TAIL_CLIP)
        square = a * a
        m, h, second = kernel(a, square, exp(-0.5 * square))
        value = np.maximum(x, 0.0) - m
        return [
            (value, (VALUE_ERROR + np.abs(value)) * U),
            (right_left(x, 1.0 - h, h), SLOPE_ERROR * U),
            (second, SECOND_ERROR * U),
        ]

    def _balls(self, x: arb) -> tuple[arb, arb]:
        tau = x.pi() * 2
        Phi = (-x / (x * 0 + 2).sqrt()).erfc() / 2
        return x * Phi, Phi + x * (-x * x / 2).exp() / tau.sqrt()
