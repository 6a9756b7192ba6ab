"""Activations whose double-double values come from Arb, each pair proved by Arb."""

from __future__ import annotations

import math
import sys
from abc import abstractmethod
from typing import TYPE_CHECKING, final

import numpy as np

from certify.format.errors import EnclosureError
from certify.rigor import fp
from certify.rigor.activation.base import Activation, PairPart
from certify.rigor.fp import Array

if TYPE_CHECKING:
    from flint import arb

EXTENDED_ERROR = 2.0**-100
"""An extended value y is accepted if Arb proves it within `EXTENDED_ERROR·(1 + |y|)` (A3)."""

EXTENDED_BITS = 160
"""Working precision of Arb for the extended values."""


class ByBalls(Activation):
    """An activation that knows φ and φ' as functions of a ball."""

    __slots__ = ()

    @final
    def _extended(self, hi: Array, lo: Array) -> tuple[PairPart, PairPart]:
        import flint

        rows: list[tuple[float, float, float]] = []
        precision = flint.ctx.prec
        flint.ctx.prec = EXTENDED_BITS
        try:
            kinks = [flint.arb(k) for k in self.kinks]
            for h, rest in zip(hi.ravel().tolist(), lo.ravel().tolist(), strict=True):
                x = flint.arb(h) + rest
                value, slope = self._balls(x)
                rows.append(_pair(value, self.name, h, False))
                rows.append(_pair(slope, self.name, h, any(x.contains(k) for k in kinks)))
        finally:
            flint.ctx.prec = precision
        columns = np.array(rows, dtype=np.float64).reshape(-1, 2, 3).transpose(1, 2, 0)
        value_part, slope_part = (tuple(c.reshape(hi.shape) for c in part) for part in columns)
        return (value_part[0], value_part[1], value_part[2]), (slope_part[0], slope_part[1], slope_part[2])

    @final
    def balls(self, x: arb) -> tuple[arb, arb]:
        """Balls around φ and φ' of every point of the ball x (at a kink: around both one-sided slopes)."""
        return self._balls(x)

    @abstractmethod
    def _balls(self, x: arb) -> tuple[arb, arb]:
        """Balls around φ and φ' of every point of the ball x (at a kink: around both one-sided slopes)."""


def _pair(ball: arb, name: str, at: float, kinked: bool) -> tuple[float, float, float]:
    """Midpoint of a ball as two floats, and the error that Arb proves for them."""
    first = float(ball)  # of its midpoint, the nearest
    overflows = math.isinf(first)
    if overflows:  # hi + lo rounds beyond the largest float; a pair can still hold it
        first = math.copysign(sys.float_info.max, first)
    rest = ball - first
    second = float(rest)
    if overflows and not abs(second) <= 2.0**-53 * abs(first):
        raise EnclosureError(name, f"a value beyond the largest float at {at!r}", "rescale the weights or the data")
    error = EXTENDED_ERROR * (1.0 + abs(first))
    distance = abs(rest - second)
    if kinked and not distance < error:
        error = fp.RAISE * float(distance.abs_upper())
    if not distance < error:
        raise EnclosureError(name, f"no ball within 2^-100 at {at!r}", "this is a defect: report it")
    return first, second, error
