"""What every perturbation set knows of itself; those with a radius say how the sizes of the rows' changes add up."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from fractions import Fraction
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from certify.network.layers.gradients import Norm
from certify.rigor.fp import Array


class PerturbationSet(ABC):
    """The changes of the data that are allowed; one subclass a word, in a file of its own.

    Attributes:
        word: as a spec says it.
        by_row: whether every row has a budget of its own, and not all rows together one.
    """

    word: ClassVar[str]
    by_row: ClassVar[bool] = False


class Budget(PerturbationSet):
    """The changes of size at most ε, by the sizes `t_i` of the rows' changes; Cartesian in their directions.

    Where rows have no budgets of their own it lies in the ball `Σ t_i² ≤ ε²`: bounds over that ball hold for it.
    """

    @abstractmethod
    def at_once(self, rows: int, count: int | None) -> int:
        """`sup Σ t_i²` at ε = 1: how many rows may move by the whole budget at once.

        Args:
            rows: how many may move.
            count: most rows that move at once, where the problem says it.
        """

    @abstractmethod
    def support(self, low: Array, high: Array, count: int) -> Norm:
        """Ends of `sup Σ a_i t_i` at ε = 1, from ends of the `a_i ≥ 0`, exactly; at most `count` rows move at once."""

    @abstractmethod
    def supports(self, low: Array, high: Array, count: int) -> tuple[Array, Array]:
        """The same in floats for many vectors: `(N, n)` ends make `(N,)` ends, the lower maybe a little below 0."""

    @abstractmethod
    def meeting(self, free: NDArray[np.intp], count: int | None) -> NDArray[np.intp]:
        """The square of how far two rows can come together at ε = 1, `sup (t_i + t_j)²`.

        Args:
            free: how many of the two may move, 1 or 2, for each pair.
            count: most rows that move at once, where the problem says it.
        """

    @abstractmethod
    def size(self, sizes: Array) -> float:
        """Upper bound of the least ε at which rows may change by `sizes`, themselves upper bounds."""

    @abstractmethod
    def holds(self, sizes: Sequence[Fraction], most: Fraction, count: int | None) -> bool:
        """Whether a change lies within, exactly.

        Args:
            sizes: of the rows that change; squares of them for the Euclidean norm.
            most: ε, or its square.
            count: most rows that move at once, where the problem says it.
        """

    @abstractmethod
    def lengths(self, u: Array) -> Array:
        """Numbers that broadcast against u, each at most ε exactly where u lies within, in floats; for finders."""

    def projected(self, u: Array, radius: float, stretch: bool = False) -> Array:
        """u moved into the set, in floats; with `stretch`, onto its boundary."""
        size = np.maximum(self.lengths(u), 1e-300)
        return np.asarray(u * (radius / size if stretch else np.minimum(1.0, radius / size)))
