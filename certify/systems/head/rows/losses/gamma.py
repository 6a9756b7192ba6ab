"""The Gamma loss with logarithmic link, `ye^(−z) + z` with y > 0; of several outputs the sum."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from flint import arb

from certify.rigor.activation.elementary import EXP_CLIP, EXP_ERROR, UNDERFLOW, exp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.losses.separate import SeparateHead

FAR = 500.0
"""Outputs beyond it are not looked at: up to it `UNDERFLOW` is less than `2⁻¹⁷⁰` of the exponential."""

TINY = 2.0**-1000
"""Pays for products that underflow."""


class GammaHead(SeparateHead):
    """Slope `g = 1 − ye^(−z)`, curvature `ye^(−z) = 1 − g`: neither has a bound for all outputs, both have one near."""

    name: ClassVar[str] = "gamma"
    lipschitz: ClassVar[float] = float("inf")
    targeted: ClassVar[bool] = True

    def slopes(self, Z: Array, Y: Array) -> tuple[Array, float]:
        """`p = ye^(−z)` errs by `(EXP_ERROR + 1)u` and a little of itself, and the difference is rounded once."""
        near = np.abs(Z) < FAR  # neither NaN nor infinity
        p = Y * exp(np.where(near, -Z, 0.0))
        near &= p < np.inf
        p = np.where(near, p, 0.0)
        g = 1.0 - p
        largest = float(np.max(p, initial=0.0)), float(np.max(np.abs(g), initial=0.0))
        error = ((EXP_ERROR + 2) * U * largest[0] + U * largest[1] + TINY) * RAISE
        return g, error if near.all() else float("inf")

    def moved(self, Z: Array, off: Array, slopes: Array) -> Array:
        """`|ye^(−z) − ye^(−Z)| ≤ max(ye^(−Z))·e^off·|z − Z|`, output by output, by the mean value theorem."""
        q = (1.0 - slopes).max(axis=-1)
        near = off < EXP_CLIP  # neither NaN nor infinity
        grown = (exp(np.where(near, off, 0.0)) + UNDERFLOW) * RAISE
        return np.asarray(np.where(near, (q + 4 * U * (1.0 + q)) * RAISE * grown * off * RAISE + TINY * off, np.inf))

    def ball(self, z: list[arb], y: list[float]) -> list[arb]:
        """`1 − ye^(−z)`."""
        return [1 - b * (-a).exp() for a, b in zip(z, y, strict=True)]

    def floor(self, Z: Array, radius: Array, slopes: Array) -> Array:
        """`min(1 − g)·e^(−radius)`: the logarithm of the curvature moves as the output does."""
        q = (1.0 - slopes).min(axis=-1)
        near = radius < FAR  # as of outputs: the error of the exponential is relative
        shrink = exp(np.where(near, -radius, 0.0)) * (1 - 2 * EXP_ERROR * U)
        low = (q - 4 * U * (1.0 + q)) * (1 - 8 * U) - TINY
        return np.where(near, np.maximum(low * shrink * (1 - 4 * U) - UNDERFLOW, 0.0), 0.0)

    def guess_slopes(self, Z: Array, Y: Array) -> Array:
        """`1 − ye^(−z)`."""
        return np.asarray(1.0 - Y * np.exp(np.clip(-Z, -700, 300)))

    def guess_curvatures(self, Z: Array, Y: Array) -> Array:
        """`ye^(−z)`."""
        return np.asarray((Y * np.exp(np.clip(-Z, -700, 300)))[..., None] * np.eye(Z.shape[-1]))
