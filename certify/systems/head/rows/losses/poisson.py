"""The Poisson loss with logarithmic link, `e^z − yz`; of several outputs the sum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from flint import arb

from certify.rigor.activation.elementary import EXP_CLIP, EXP_ERROR, UNDERFLOW, exp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.losses.separate import SeparateHead


def _power(t: Array) -> Array:
    """Upper bounds of `e^t`, infinite where it is not known."""
    near = t < EXP_CLIP  # neither NaN nor infinity
    return np.where(near, (exp(np.where(near, t, 0.0)) + UNDERFLOW) * RAISE, np.inf)


class PoissonHead(SeparateHead):
    """Slope `e^z − y`, curvature `e^z`: neither has a bound for all outputs, both have one near given ones."""

    name: ClassVar[str] = "poisson"
    lipschitz: ClassVar[float] = float("inf")

    def slopes(self, Z: Array, Y: Array) -> tuple[Array, float]:
        """`e^z` errs by `EXP_ERROR·u·e^z`, and the difference is rounded once."""
        near = Z < EXP_CLIP
        e = exp(np.where(near, Z, 0.0))
        g = e - Y
        largest = float(np.max(e, initial=0.0)), float(np.max(np.abs(g), initial=0.0))
        error = (2 * EXP_ERROR * U * largest[0] + U * largest[1] + UNDERFLOW) * RAISE
        return g, error if near.all() else float("inf")

    def moved(self, Z: Array, off: Array, slopes: Array) -> Array:
        """`|e^z − e^Z| ≤ e^(max Z + off)·|z − Z|`, output by output."""
        return np.asarray(_power((Z.max(axis=-1) + off) * (1 + 4 * U) + 2.0**-1000) * off * RAISE)

    def ball(self, z: list[arb], y: list[float]) -> list[arb]:
        """`e^z − y`."""
        return [a.exp() - b for a, b in zip(z, y, strict=True)]

    def floor(self, Z: Array, radius: Array, slopes: Array) -> Array:
        """`e^(min Z − radius)`."""
        t = Z.min(axis=-1) - radius
        t = t - 4 * U * (np.abs(Z).max(axis=-1) + radius)
        near = np.abs(t) < EXP_CLIP
        low = exp(np.where(near, t, 0.0)) * (1 - 2 * EXP_ERROR * U) - UNDERFLOW
        return np.where(near, np.maximum(low, 0.0), 0.0)

    def bottomless(self, Y: Array, rows: Sequence[int], count: int) -> str:
        """With no target above 0 left the expected count falls to 0."""
        above = Y > 0
        left = above.sum(axis=0)
        lost = left - above[list(rows)].sum(axis=0) + np.maximum(above[list(rows)].sum(axis=0) - count, 0) <= 0
        if not lost.any():
            return ""
        return (f"{int(left[lost].min())} rows have a target above 0, and without them the free intercept has no "
                "finite minimum")

    def guess_slopes(self, Z: Array, Y: Array) -> Array:
        """`e^z − y`."""
        return np.asarray(np.exp(np.clip(Z, -700, 300)) - Y)

    def guess_curvatures(self, Z: Array, Y: Array) -> Array:
        """`e^z`."""
        return np.asarray(np.exp(np.clip(Z, -700, 300))[..., None] * np.eye(Z.shape[-1]))
