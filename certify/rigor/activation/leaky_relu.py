"""leaky relu with slope 0.01."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, final

import numpy as np

from certify.rigor.activation.base import Part, jump, right_left
from certify.rigor.activation.by_balls import ByBalls
from certify.rigor.fp import Array, U

if TYPE_CHECKING:
    from flint import arb

NEGATIVE_SLOPE = 0.01
"""torch's default. Certified is the function whose slope is this float64, 5764607523034235·2^-59, not 1/100."""

VALUE_ERROR = 1.0
"""Error of the product with `NEGATIVE_SLOPE`, in units of `u·|φ|` (A11)."""


@final
class LeakyRelu(ByBalls):
    """`φ(x) = x` for x > 0, `sx` for x ≤ 0, s the float64 `0.01`; not differentiable at 0, where φ' is [s, 1] (A11).

    >>> value, slope = LeakyRelu().enclose(np.array([2.0, -1.0]))
    >>> value.mid.tolist(), slope.mid.tolist()
    ([2.0, -0.01], [1.0, 0.01])
    """

    __slots__ = ()

    name: ClassVar[str] = "leaky_relu"
    kinks: ClassVar[tuple[float, ...]] = (0.0,)
    slope_bound: ClassVar[float] = 1.0
    slope_floor: ClassVar[float] = NEGATIVE_SLOPE
    curvature: ClassVar[float] = 0.0
    third: ClassVar[float] = 0.0

    def _evaluate(self, x: Array, order: int) -> list[Part]:
        low = NEGATIVE_SLOPE * np.minimum(x, 0.0)
        return [
            (right_left(x, x, low), np.abs(low) * (VALUE_ERROR * U)),
            jump(x, 1.0, NEGATIVE_SLOPE, 0.0),
            (np.zeros_like(x), 0.0),
        ]

    def _balls(self, x: arb) -> tuple[arb, arb]:
        one = x * 0 + 1
        low = one * NEGATIVE_SLOPE
        if x > 0:
            return x, one
        return (low * x, low) if x < 0 else (x.max(low * x), low.union(one))
