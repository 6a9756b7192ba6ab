"""One logistic loss an output: `Σ_a log(1 + e^(−y_a z_a))`, y = 1 at the class of the row and −1 elsewhere."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from flint import arb

from certify.rigor.fp import Array
from certify.systems.head.rows.losses.logistic import LogisticHead
from certify.systems.head.rows.losses.separate import SeparateHead

_ONE = LogisticHead()


class OneVsRestHead(SeparateHead):
    """The slopes and curvatures of the logistic loss, output by output."""

    name: ClassVar[str] = "one_vs_rest"
    lipschitz: ClassVar[float] = 0.25

    def slopes(self, Z: Array, Y: Array) -> tuple[Array, float]:
        """Every output by itself."""
        return _ONE.slopes(Z, Y)

    def ball(self, z: list[arb], y: list[float]) -> list[arb]:
        """Every output by itself."""
        return [-b / (1 + (b * a).exp()) for a, b in zip(z, y, strict=True)]

    def floor(self, Z: Array, radius: Array, slopes: Array) -> Array:
        """The least of the outputs."""
        each = [_ONE.floor(Z[..., a : a + 1], radius, slopes) for a in range(Z.shape[-1])]
        return np.asarray(np.min(each, axis=0))

    def guess_slopes(self, Z: Array, Y: Array) -> Array:
        """Every output by itself."""
        return _ONE.guess_slopes(Z, Y)

    def guess_curvatures(self, Z: Array, Y: Array) -> Array:
        """A diagonal matrix."""
        t = np.exp(-np.minimum(np.abs(Z), 700))
        return np.asarray((t / (1 + t) ** 2)[..., None] * np.eye(Z.shape[-1]))
