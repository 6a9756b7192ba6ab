"""relu."""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np

from certify.rigor.activation.base import Activation, PairPart, Part, jump, right_left
from certify.rigor.fp import Array


@final
class Relu(Activation):
    """`φ(x) = max(x, 0)`: exact; not differentiable at 0, where the enclosure of φ' is [0, 1] (A11).

    >>> value, slope = Relu().enclose(np.array([2.0, 0.0, -1.0]))
    >>> slope.mid.tolist(), Relu().kink(np.array([2.0, 1e-9]), np.array([1e-8, 1e-8])).tolist()
    ([1.0, 0.5, 0.0], [False, True])
    """

    __slots__ = ()

    name: ClassVar[str] = "relu"
    kinks: ClassVar[tuple[float, ...]] = (0.0,)
    slope_bound: ClassVar[float] = 1.0
    slope_floor: ClassVar[float] = 0.0
    curvature: ClassVar[float] = 0.0
    third: ClassVar[float] = 0.0

    def _evaluate(self, x: Array, order: int) -> list[Part]:
        return [(right_left(x, x, 0.0), 0.0), jump(x, 1.0, 0.0, 0.0), (np.zeros_like(x), 0.0)]

    def _extended(self, hi: Array, lo: Array) -> tuple[PairPart, PairPart]:
        slope, error = jump(hi, 1.0, 0.0, 0.0)  # the sign of hi is the sign of the pair
        return (right_left(hi, hi, 0.0), right_left(hi, lo, 0.0), 0.0), (slope, np.zeros_like(hi), error)
