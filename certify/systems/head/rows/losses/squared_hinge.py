"""The squared hinge `½ max(0, 1 − yz)²`, y = ±1; of several outputs the sum, y = 1 at the class and −1 elsewhere."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from flint import arb

from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.losses.separate import SeparateHead


class SquaredHingeHead(SeparateHead):
    """Slope `−y max(0, 1 − yz)`, curvature 1 where `yz < 1` and 0 where `yz > 1`."""

    name: ClassVar[str] = "squared_hinge"
    lipschitz: ClassVar[float] = 1.0
    kinked: ClassVar[bool] = True

    def slopes(self, Z: Array, Y: Array) -> tuple[Array, float]:
        """Products with ±1 are exact and the difference is rounded once; cutting off brings nothing farther apart."""
        lack = np.maximum(1.0 - Y * Z, 0.0)
        return np.asarray(-Y * lack), float(U * np.max(lack, initial=0.0) * RAISE + 2.0**-1000)

    def ball(self, z: list[arb], y: list[float]) -> list[arb]:
        """What is lacking."""
        return [-b * (1 - b * a).max(arb(0)) for a, b in zip(z, y, strict=True)]

    def floor(self, Z: Array, radius: Array, slopes: Array) -> Array:
        """1 where every margin lacks more than the radius to 1: none comes there. No target is needed for it."""
        least = np.abs(slopes).min(axis=-1) * (1 - 4 * U)
        return np.where(least > radius, 1.0, 0.0)

    def guess_slopes(self, Z: Array, Y: Array) -> Array:
        """`−y max(0, 1 − yz)`."""
        return np.asarray(-Y * np.maximum(1.0 - Y * Z, 0.0))

    def guess_curvatures(self, Z: Array, Y: Array) -> Array:
        """1 where `yz < 1`."""
        return np.asarray((Y * Z < 1.0)[..., None] * np.eye(Z.shape[-1]))
