"""The Huber loss with threshold 1: `½(z − y)²` up to 1, `|z − y| − ½` beyond; of several outputs the sum."""

from __future__ import annotations

from flint import arb

from certify.check.linalg.balls import ONE, ZERO
from certify.check.theorems.head.rows.losses.base import SumOverOutputs


class Huber(SumOverOutputs):
    """Slope `z − y` cut off at −1 and 1, curvature 1 in between."""

    def slope(self, z: list[arb], y: list[float]) -> list[arb]:
        """Cut off."""
        return [(a - b).min(ONE).max(-ONE) for a, b in zip(z, y, strict=True)]

    def floor(self, g: list[arb], y: list[float], reach: arb) -> arb:
        """1 where no slope comes to −1 or 1 within `reach`."""
        return ONE if all(abs(x) + reach < 1 for x in g) else ZERO


LOSS = Huber()
