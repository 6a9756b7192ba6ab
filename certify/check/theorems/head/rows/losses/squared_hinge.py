"""The squared hinge `½ max(0, 1 − yz)²`, y = ±1; of several outputs the sum."""

from __future__ import annotations

from flint import arb

from certify.check.linalg.balls import ONE, ZERO
from certify.check.theorems.head.rows.losses.base import SumOverOutputs


class SquaredHinge(SumOverOutputs):
    """Slope `−y max(0, 1 − yz)`, curvature 1 where `yz < 1`."""

    def slope(self, z: list[arb], y: list[float]) -> list[arb]:
        """What a margin lacks to 1, towards the label."""
        return [-b * (1 - b * a).max(ZERO) for a, b in zip(z, y, strict=True)]

    def floor(self, g: list[arb], y: list[float], reach: arb) -> arb:
        """1 where every margin lacks more than `reach`: none comes to 1."""
        return ONE if all(abs(x) > reach for x in g) else ZERO


LOSS = SquaredHinge()
