"""The squared loss `½|z − y|²` of a head."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.losses.base import HeadLoss


class SquaredHead(HeadLoss):
    """`ℓ = ½|z − y|²`: slope `z − y`, curvature 1."""

    name: ClassVar[str] = "squared"
    lipschitz: ClassVar[float] = 1.0
    floored: ClassVar[bool] = True
    quadratic: ClassVar[bool] = True
    read_off: ClassVar[bool] = True

    def slopes(self, Z: Array, Y: Array) -> tuple[Array, float]:
        """One rounded difference."""
        g = Z - Y
        return g, float(U * np.max(np.abs(g), initial=0.0) * RAISE)

    def moves(self, Y: Array, new: Array) -> Array:
        """`Y − y`."""
        return np.asarray(Y - new)

    def curvatures(self, g: Array, error: float) -> Array:
        """1 everywhere."""
        return np.ones(g.shape[:-1])

    def bends(self, Z: Array) -> tuple[Array, float]:
        """The identity."""
        return np.tile(np.eye(Z.shape[-1]), (len(Z), 1, 1)), 0.0

    def drift(self, D: Array) -> Array:
        """0."""
        return np.zeros(D.shape[:-1])

    def floor(self, Z: Array, radius: Array, slopes: Array) -> Array:
        """1 everywhere."""
        return np.ones(Z.shape[:-1])

    def guess_slopes(self, Z: Array, Y: Array) -> Array:
        """`z − y`."""
        return np.asarray(Z - Y)

    def guess_curvatures(self, Z: Array, Y: Array) -> Array:
        """The identity."""
        return np.broadcast_to(np.eye(Z.shape[-1]), (*Z.shape, Z.shape[-1]))
