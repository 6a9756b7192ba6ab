"""The cross-entropy `ln Σ e^z − y·z`, y a unit vector."""

from __future__ import annotations

from flint import arb

from certify.check.linalg.balls import ZERO
from certify.check.theorems.head.rows.losses.base import RowLoss


class CrossEntropy(RowLoss):
    """Slope `s − y`, s the softmax; curvature at least `min s` on vectors with sum 0."""

    shifted = True

    def slope(self, z: list[arb], y: list[float]) -> list[arb]:
        """Softmax less the unit vector."""
        e = [x.exp() for x in z]  # the exponents of balls have no end
        total = sum(e, ZERO)
        if not total.is_finite():
            top = max(float(x.mid()) for x in z)
            e = [(x - top).exp() for x in z]
            total = sum(e, ZERO)
        return [x / total - b for x, b in zip(e, y, strict=True)]

    def floor(self, g: list[arb], y: list[float], reach: arb) -> arb:
        """`min_a s_a`; every `ln s_a` moves by twice as much as the outputs at most."""
        least = g[0] + y[0]
        for x, b in zip(g[1:], y[1:], strict=True):
            least = least.min(x + b)
        return least.max(ZERO) * (-2 * reach).exp()


LOSS = CrossEntropy()
