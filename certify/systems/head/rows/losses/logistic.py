"""The logistic loss `log(1 + e^(−yz))` of a head with one output, `y = ±1`."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from certify.rigor.activation import activation
from certify.rigor.activation.elementary import exp
from certify.rigor.activation.sigmoid import values
from certify.rigor.fp import RAISE, Array
from certify.systems.head.rows.losses.base import HeadLoss

_SIGMOID = activation("sigmoid")

FAR = 1e6
"""Where the curvature is 0 for every bound of it from below."""

WIDE = 500.0
"""Of a ball of this radius nothing is said."""


class LogisticHead(HeadLoss):
    """`ℓ = log(1 + e^(−yz))`: slope `−yσ(−yz)`, curvature `σ(z)σ(−z)`, even in z and falling in `|z|`."""

    name: ClassVar[str] = "logistic"
    lipschitz: ClassVar[float] = 0.25
    steepest: ClassVar[float] = 1.25
    fading: ClassVar[float] = 1.0
    sigmoid: ClassVar[bool] = True
    read_off: ClassVar[bool] = True

    def slopes(self, Z: Array, Y: Array) -> tuple[Array, float]:
        """`−yσ(−yz)`; a product with ±1 is exact."""
        value, error = values(-Y * Z)
        value *= -Y
        return value, error

    def moves(self, Y: Array, new: Array) -> Array:
        """`−yσ(−yz)` at y = 1 is that at y = −1 less 1."""
        return np.asarray((Y - new) / 2)

    def curvatures(self, g: Array, error: float) -> Array:
        """`|g|(1 − |g|)`, which moves no faster than g."""
        size = np.abs(g[..., 0])
        size -= size * size
        return np.asarray(np.maximum(size - (2 * error + 2.0**-51), 0.0))

    def bends(self, Z: Array) -> tuple[Array, float]:
        """`σ(z)σ(−z)`."""
        value, error = values(Z)
        return (value * (1.0 - value))[:, :, None], float((2 * error + 2.0**-51) * RAISE)

    def drift(self, D: Array) -> Array:
        """`|d|`, as `|(ln σ')'| < 1`."""
        return np.asarray(np.abs(D[..., 0]))

    def floor(self, Z: Array, radius: Array, slopes: Array) -> Array:
        """`σ'(z)e^(−radius)`, as `|(ln σ')'| < 1`: no more than a checker can see for itself."""
        near = np.abs(Z[..., 0]) < FAR  # neither NaN nor infinity
        slope = _SIGMOID.enclose(np.where(near, Z[..., 0], FAR))[1]
        within = near & (radius < WIDE)
        shrink = exp(-np.where(within, radius, WIDE) * RAISE) * (1 - 2.0**-50)
        return np.asarray(np.where(within, np.maximum((slope.mid - slope.error) * shrink * (1 - 2.0**-50), 0.0), 0.0))

    def guess_slopes(self, Z: Array, Y: Array) -> Array:
        """`−yσ(−yz)`."""
        return np.asarray(-Y / (1.0 + np.exp(np.clip(Y * Z, -700, 700))))

    def guess_curvatures(self, Z: Array, Y: Array) -> Array:
        """`σ(z)σ(−z)`."""
        t = np.exp(-np.minimum(np.abs(Z), 700))
        return np.asarray(t / (1 + t) ** 2)[..., None]
