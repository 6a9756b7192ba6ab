"""The identity."""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np

from certify.rigor.activation.base import Activation, PairPart, Part
from certify.rigor.fp import Array


@final
class Identity(Activation):
    """`φ(x) = x`: exact (A11).

    >>> [part.mid.tolist() for part in Identity().enclose(np.array([2.0]), order=2)]
    [[2.0], [1.0], [0.0]]
    """

    __slots__ = ()

    name: ClassVar[str] = "identity"
    slope_bound: ClassVar[float] = 1.0
    slope_floor: ClassVar[float] = 1.0
    curvature: ClassVar[float] = 0.0
    third: ClassVar[float] = 0.0

    def _evaluate(self, x: Array, order: int) -> list[Part]:
        return [(x, 0.0), (np.ones_like(x), 0.0), (np.zeros_like(x), 0.0)]

    def _extended(self, hi: Array, lo: Array) -> tuple[PairPart, PairPart]:
        return (hi, lo, 0.0), (np.ones_like(hi), np.zeros_like(hi), 0.0)
