"""The squared loss `½|z − y|²`."""

from __future__ import annotations

from flint import arb

from certify.check.linalg.balls import ONE
from certify.check.theorems.head.rows.losses.base import RowLoss


class Squared(RowLoss):
    """Slope `z − y`, curvature 1."""

    quadratic = True

    def slope(self, z: list[arb], y: list[float]) -> list[arb]:
        """`z − y`."""
        return [a - b for a, b in zip(z, y, strict=True)]

    def floor(self, g: list[arb], y: list[float], reach: arb) -> arb:
        """1."""
        return ONE


LOSS = Squared()
