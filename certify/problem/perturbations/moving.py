"""What the theorems need to know of that which moves: one object for each word of a spec's `parameter`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from certify.problem.perturbations.codes import Targeted
from certify.problem.perturbations.factor import BlockFactor, Mask
from certify.problem.perturbations.row_sets import RowSets
from certify.rigor.ball import Balls
from certify.rigor.fp import Array


class Moving(ABC):
    """What of the data moves; one subclass a word, in a file of its own.

    Attributes:
        word: as a spec says it.
        inputs: whether it enters the network, so that gradients by inputs and steepness count.
        slides: whether a row's change is a vector of which exact fits and slopes depend smoothly.
        reweighs: whether it is how much a row counts.
        relabels: whether a label becomes another one or stays, so that a change has no size.
    """

    word: ClassVar[str]
    inputs: ClassVar[bool] = False
    slides: ClassVar[bool] = False
    reweighs: ClassVar[bool] = False
    relabels: ClassVar[bool] = False

    @property
    def given(self) -> str:
        """The word under which one change of it, with new − old of every row, is stated."""
        return self.word

    def suits(self, numbers: bool) -> bool:
        """Whether a budget of it can be met by a loss whose targets are numbers that slide, or are classes."""
        return True

    @abstractmethod
    def width(self, inputs: int, outputs: int) -> int:
        """Numbers of one row that may change."""

    def movable(self, inputs: int, outputs: int, scale: Array | None) -> NDArray[np.intp]:
        """Which of them may: all."""
        return np.arange(self.width(inputs, outputs))

    def units(self, scale: Array | None) -> Array | None:
        """Unit of each number; None: all 1."""
        return None

    def require(self, problem: Targeted) -> None:
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
