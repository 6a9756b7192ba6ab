"""Losses that are a sum over the outputs: each output holds its own intercept (D1b)."""

from __future__ import annotations

from collections.abc import Sequence

from certify.rigor.fp import Array
from certify.systems.head.rows.losses.base import HeadLoss


class SeparateHead(HeadLoss):
    """`ℓ(z; y) = Σ_a ℓ_a(z_a; y_a)`."""

    def floors(self, Z: Array, radius: Array, slopes: Array) -> Sequence[Array]:
        """Output by output."""
        return [self.floor(Z[..., a : a + 1], radius, slopes[..., a : a + 1]) for a in range(Z.shape[-1])]
