"""The Poisson loss with logarithmic link, `e^z − yz`; of several outputs the sum."""

from __future__ import annotations

from flint import arb

from certify.check.linalg.balls import ZERO
from certify.check.theorems.head.rows.losses.base import SumOverOutputs


class Poisson(SumOverOutputs):
    """Slope `e^z − y`, curvature `e^z`."""

    def slope(self, z: list[arb], y: list[float]) -> list[arb]:
        """`e^z − y`."""
        return [a.exp() - b for a, b in zip(z, y, strict=True)]

    def floor(self, g: list[arb], y: list[float], reach: arb) -> arb:
        """The least `e^z = g + y`, whose logarithm moves by `reach`."""
        least = g[0] + y[0]
        for x, b in zip(g[1:], y[1:], strict=True):
            least = least.min(x + b)
        return least.max(ZERO) * (-reach).exp()


LOSS = Poisson()
