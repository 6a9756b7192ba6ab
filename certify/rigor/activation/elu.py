"""elu with α = 1."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, final

import numpy as np

from certify.rigor.activation.base import Part, jump, right_left
from certify.rigor.activation.by_balls import ByBalls
from certify.rigor.activation.elementary import exp
from certify.rigor.fp import Array, U

if TYPE_CHECKING:
    from flint import arb

VALUE_ERROR = 2.5
"""Absolute error of elu for x ≤ 0, in units of u (A10)."""

SLOPE_ERROR = 2.0
"""Absolute error of elu' and elu'' for x ≤ 0, in units of u (A10)."""

CLIP = 80.0
"""x is clipped from below at −CLIP, which moves elu and its derivatives by less than 2^-100."""


@final
class Elu(ByBalls):
    """`φ(x) = x` for x > 0, `e^x − 1` for x ≤ 0 (α = 1, torch's default). C¹; φ'' jumps from 1 to 0 at 0.

    `sup|φ'| = sup|φ''| = sup|φ'''| = 1` (A10). At 0 the enclosure of φ'' holds both 0 and 1.

    >>> value, slope = Elu().enclose(np.array([2.0, 0.0, -1.0]))
    >>> [round(float(v), 12) for v in (*value.mid, *slope.mid)]
    [2.0, 0.0, -0.632120558829, 1.0, 1.0, 0.367879441171]
    """

    __slots__ = ()

    name: ClassVar[str] = "elu"
    bends: ClassVar[tuple[float, ...]] = (0.0,)
    slope_bound: ClassVar[float] = 1.0
    slope_floor: ClassVar[float] = 0.0
    curvature: ClassVar[float] = 1.0
    third: ClassVar[float] = 1.0

    def _evaluate(self, x: Array, order: int) -> list[Part]:
        t = exp(np.clip(x, -CLIP, 0.0))
        slope_error = right_left(x, 0.0, SLOPE_ERROR * U)
        return [
            (right_left(x, x, t - 1.0), right_left(x, 0.0, VALUE_ERROR * U)),
            (right_left(x, 1.0, t), slope_error),
            jump(x, 0.0, t, slope_error) if order == 2 else (t, 0.0),
        ]

    def _balls(self, x: arb) -> tuple[arb, arb]:
        return (x, x * 0 + 1) if x > 0 else (x.expm1(), x.exp())
