"""Targets that move: `G_u = −I`."""

from __future__ import annotations

import numpy as np

from certify.problem.perturbations.factor import BlockFactor, Mask, target_factor
from certify.problem.perturbations.moving import MovingFits
from certify.problem.perturbations.row_sets import RowSets, target_sets
from certify.rigor.ball import Balls
from certify.rigor.fp import Array


class Targets(MovingFits):
    """Every target may change."""

    word, slides = "targets", True

    def suits(self, numbers: bool) -> bool:
        """Numbers."""
        return numbers

    def width(self, inputs: int, outputs: int) -> int:
        """The targets."""
        return outputs

    def factor(
        self, gradients: Balls, scale: Array | None, n: int, k: int, moves: Mask, norm: int | str
    ) -> tuple[BlockFactor, RowSets]:
        """The identity, exactly."""
        return target_factor(n, k, moves), target_sets(n, k, moves, norm)

    def block(self, gradient: Array, scale: Array | None) -> Array:
        """Minus the identity."""
        return -np.eye(len(gradient))
