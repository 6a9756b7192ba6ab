"""What the theorems need to know of that which moves: one object for each word of a spec's `parameter`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from certify.problem.perturbations.factor import BlockFactor, Mask
from certify.problem.perturbations.row_sets import RowSets
from certify.rigor.ball import Balls
from certify.rigor.fp import Array

if TYPE_CHECKING:
    from certify.problem.statement import Statement


class Moving(ABC):
    """What of the data moves."""

    @abstractmethod
    def width(self, inputs: int, outputs: int) -> int:
        """Numbers of one row that may change."""

    def movable(self, inputs: int, outputs: int, scale: Array | None) -> NDArray[np.intp]:
        """Which of them may: all."""
        return np.arange(self.width(inputs, outputs))

    def units(self, scale: Array | None) -> Array | None:
        """Unit of each number; None: all 1."""
        return None

    def require(self, problem: Statement) -> None:
        """Refuse targets that cannot move so.

        Raises:
            InputError: with what would work.
        """
        return


class MovingFits(Moving):
    """What moves exact fits."""

    @abstractmethod
    def factor(
        self, gradients: Balls, scale: Array | None, n: int, k: int, moves: Mask, norm: int | str
    ) -> tuple[BlockFactor, RowSets]:
        """`Q = G_u G_uᵀ`, and what every row can do under the norm of one row's change.

        Args:
            gradients: enclosure of `∂f/∂x`, `n·k` rows.
            scale: unit of each feature, or None.
            n: number of rows.
            k: number of outputs.
            moves: `(n,)` booleans.
            norm: of one row's change.
        """

    @abstractmethod
    def block(self, gradient: Array, scale: Array | None) -> Array:
        """`∂G_i/∂u_i` of one row in floats, from `∂f/∂x` there, `(k, d)`."""
