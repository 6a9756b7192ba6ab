"""What a loss of a convex head knows about one row, in balls."""

from __future__ import annotations

from abc import ABC, abstractmethod
from importlib import import_module

from flint import arb


class RowLoss(ABC):
    """A convex loss `ℓ(z; y)` of one row.

    Attributes:
        shifted: whether only differences of outputs are determined.
        quadratic: whether the curvature is the same everywhere.
        sigmoid: whether it is `ln(1 + e^(−yz))` of one output.
    """

    shifted = False
    quadratic = False
    sigmoid = False

    @abstractmethod
    def slope(self, z: list[arb], y: list[float]) -> list[arb]:
        """`∂ℓ/∂z`."""

    @abstractmethod
    def floor(self, g: list[arb], y: list[float], reach: arb) -> arb:
        """A lower bound of the curvature wherever the outputs lie within `reach` of those whose slope is g."""

    def floors(self, g: list[arb], y: list[float], reach: arb) -> list[arb]:
        """The same for every output by itself, of a loss that is a sum over the outputs; of any other the one floor."""
        return [self.floor(g, y, reach)]


class SumOverOutputs(RowLoss):
    """`ℓ(z; y) = Σ_a ℓ_a(z_a; y_a)`: each output holds its own intercept."""

    def floors(self, g: list[arb], y: list[float], reach: arb) -> list[arb]:
        """Output by output."""
        return [self.floor([a], [b], reach) for a, b in zip(g, y, strict=True)]


def row_loss(name: str) -> RowLoss:
    """The loss of a spec's word."""
    found = import_module(f"certify.check.theorems.head.rows.losses.{name}").LOSS
    assert isinstance(found, RowLoss)
    return found
