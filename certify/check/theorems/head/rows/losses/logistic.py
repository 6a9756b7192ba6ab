"""The logistic loss `ln(1 + e^(−yz))`, y = ±1."""

from __future__ import annotations

from flint import arb

from certify.check.linalg.balls import ZERO
from certify.check.theorems.head.rows.losses.base import RowLoss


class Logistic(RowLoss):
    """Slope `−y/(1 + e^(yz))`, curvature `|g|(1 − |g|)`, whose logarithm is 1-Lipschitz in z."""

    sigmoid = True

    def slope(self, z: list[arb], y: list[float]) -> list[arb]:
        """By the exponential of `−|z|`, which cannot overflow."""
        margin = z[0] if y[0] > 0 else -z[0]
        t = (-abs(margin)).exp()
        size = t / (1 + t) if margin > 0 else 1 / (1 + t)
        if not (margin > 0 or margin <= 0):  # the sign is open: either formula is off by what |·| loses
            size = 1 / (1 + margin.exp())
        return [-size if y[0] > 0 else size]

    def floor(self, g: list[arb], y: list[float], reach: arb) -> arb:
        """`|g|(1 − |g|)e^(−reach)`."""
        size = abs(g[0])
        return (size * (1 - size)).max(ZERO) * (-reach).exp()


LOSS = Logistic()
