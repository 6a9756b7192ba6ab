"""One logistic loss an output: `Σ_a ln(1 + e^(−y_a z_a))`, y = 1 at the class and −1 elsewhere."""

from __future__ import annotations

from flint import arb

from certify.check.linalg.balls import ZERO
from certify.check.theorems.head.rows.losses.base import SumOverOutputs
from certify.check.theorems.head.rows.losses.logistic import LOSS as ONE_OUTPUT


class OneVsRest(SumOverOutputs):
    """The slopes of the logistic losses; the curvature is at least the least of theirs."""

    def slope(self, z: list[arb], y: list[float]) -> list[arb]:
        """Output by output."""
        return [ONE_OUTPUT.slope([a], [b])[0] for a, b in zip(z, y, strict=True)]

    def floor(self, g: list[arb], y: list[float], reach: arb) -> arb:
        """`min_a |g_a|(1 − |g_a|)e^(−reach)`."""
        least = abs(g[0]) * (1 - abs(g[0]))
        for x in g[1:]:
            least = least.min(abs(x) * (1 - abs(x)))
        return least.max(ZERO) * (-reach).exp()


LOSS = OneVsRest()
