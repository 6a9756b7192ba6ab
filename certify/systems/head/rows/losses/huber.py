"""The Huber loss with threshold 1: `½d²` for `|d| ≤ 1`, `|d| − ½` beyond, `d = z − y`; of several outputs the sum."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from flint import arb

from certify.rigor.fp import Array, U
from certify.systems.head.rows.losses.separate import SeparateHead


class HuberHead(SeparateHead):
    """Slope `d` cut off at −1 and 1, curvature 1 where `|d| < 1` and 0 where `|d| > 1`."""

    name: ClassVar[str] = "huber"
    lipschitz: ClassVar[float] = 1.0
    kinked: ClassVar[bool] = True

    def slopes(self, Z: Array, Y: Array) -> tuple[Array, float]:
        """A difference that is rounded to one beyond ±1 lies there, and one within errs by u."""
        return np.clip(Z - Y, -1.0, 1.0), 2 * U

    def ball(self, z: list[arb], y: list[float]) -> list[arb]:
        """Cut off."""
        return [(a - b).min(arb(1)).max(arb(-1)) for a, b in zip(z, y, strict=True)]

    def floor(self, Z: Array, radius: Array, slopes: Array) -> Array:
        """1 where no slope comes to ±1 within the radius."""
        most = np.abs(slopes).max(axis=-1)
        return np.where((most + radius) * (1 + 4 * U) + 4 * U < 1.0, 1.0, 0.0)

    def guess_slopes(self, Z: Array, Y: Array) -> Array:
        """Cut off."""
        return np.clip(Z - Y, -1.0, 1.0)

    def guess_curvatures(self, Z: Array, Y: Array) -> Array:
        """1 where `|d| < 1`."""
        return np.asarray((np.abs(Z - Y) < 1.0)[..., None] * np.eye(Z.shape[-1]))
