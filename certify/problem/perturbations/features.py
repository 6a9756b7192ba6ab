"""Features that move: `G_u = ∂f/∂x` per unit of each feature."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from certify.problem.perturbations.factor import BlockFactor, Mask, feature_factor, scaled
from certify.problem.perturbations.moving import MovingFits
from certify.problem.perturbations.row_sets import RowSets, feature_sets
from certify.rigor.ball import Balls
from certify.rigor.fp import Array


class Features(MovingFits):
    """Every feature with a unit may change."""

    word, inputs, slides = "features", True, True

    def width(self, inputs: int, outputs: int) -> int:
        """The features."""
        return inputs

    def movable(self, inputs: int, outputs: int, scale: Array | None) -> NDArray[np.intp]:
        """Those whose unit is not 0."""
        return np.arange(inputs) if scale is None else np.flatnonzero(scale)

    def units(self, scale: Array | None) -> Array | None:
        """As stated."""
        return scale

    def factor(
        self, gradients: Balls, scale: Array | None, n: int, k: int, moves: Mask, norm: int | str
    ) -> tuple[BlockFactor, RowSets]:
        """Of the gradients of the outputs (M3)."""
        own = scaled(gradients, scale)
        return feature_factor(own, n, k, moves), feature_sets(own, n, k, moves, norm)

    def block(self, gradient: Array, scale: Array | None) -> Array:
        """The gradient per unit of each feature."""
        return gradient if scale is None else gradient * scale
