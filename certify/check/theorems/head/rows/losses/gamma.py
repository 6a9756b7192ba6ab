"""The Gamma loss with logarithmic link, `ye^(−z) + z` with y > 0; of several outputs the sum."""

from __future__ import annotations

from flint import arb

from certify.check.linalg.balls import ONE, ZERO
from certify.check.theorems.head.rows.losses.base import SumOverOutputs


class Gamma(SumOverOutputs):
    """Slope `1 − ye^(−z)`, curvature `ye^(−z)`."""

    def slope(self, z: list[arb], y: list[float]) -> list[arb]:
        """`1 − ye^(−z)`."""
        return [1 - b * (-a).exp() for a, b in zip(z, y, strict=True)]

    def floor(self, g: list[arb], y: list[float], reach: arb) -> arb:
        """The least `ye^(−z) = 1 − g`, whose logarithm moves by `reach`."""
        least = ONE - g[0]
        for x in g[1:]:
            least = least.min(ONE - x)
        return least.max(ZERO) * (-reach).exp()


LOSS = Gamma()
