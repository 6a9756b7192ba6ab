"""softplus with β = 1."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, final

import numpy as np

from certify.rigor.activation import sigmoid
from certify.rigor.activation.base import Part, right_left
from certify.rigor.activation.by_balls import ByBalls
from certify.rigor.activation.elementary import exp, log1p
from certify.rigor.fp import Array, U

if TYPE_CHECKING:
    from flint import arb

VALUE_ERROR = 4.5
"""Absolute error of softplus before its last addition, in units of u; that adds `u·|φ|` (A7)."""


@final
class Softplus(ByBalls):
    """`φ(x) = ln(1 + e^x)`, for every x.

    Not quite torch's module: `torch.nn.Softplus()` returns x itself above its threshold 20, where ln(1 + e^x) is larger
    by up to 2.1e-9, and its slope there is 1 instead of σ(x). Certified is the function ln(1 + e^x).
    `sup|φ'| = 1`, `sup|φ''| = 1/4`, `sup|φ'''| = 1/(6√3)` (A7).

    >>> value, slope = Softplus().enclose(np.array([0.0, 50.0]))
    >>> [float(v) for v in (*value.mid.round(12), *slope.mid)]
    [0.69314718056, 50.0, 0.5, 1.0]
    """

    __slots__ = ()

    name: ClassVar[str] = "softplus"
    slope_bound: ClassVar[float] = 1.0
    slope_floor: ClassVar[float] = 0.0
    curvature: ClassVar[float] = 0.25
    third: ClassVar[float] = 0.09622505

    def _evaluate(self, x: Array, order: int) -> list[Part]:
        t = exp(-np.minimum(np.abs(x), sigmoid.CLIP))
        s, q, second, _ = sigmoid.kernel(t)
        value = np.maximum(x, 0.0) + log1p(t)
        return [
            (value, (VALUE_ERROR + np.abs(value)) * U),
            (right_left(x, s, q), sigmoid.VALUE_ERROR * U),
            (second, sigmoid.SLOPE_ERROR * U),
        ]

    def _balls(self, x: arb) -> tuple[arb, arb]:
        return x.max(0 * x) + (-abs(x)).exp().log1p(), sigmoid.balls(x)[0]
