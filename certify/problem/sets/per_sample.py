"""A budget for every row: `t_i ≤ ε`."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from certify.network.layers.gradients import Norm
from certify.problem.sets.perturbation_set import Budget
from certify.rigor import fp
from certify.rigor.fp import RAISE, Array


class PerSample(Budget):
    """Every row within its own budget; sizes do not add up, and what rows can do adds up as it is."""

    word, by_row = "per_sample", True

    def at_once(self, rows: int, count: int | None) -> int:
        """All of them."""
        return rows

    def support(self, low: Array, high: Array, count: int) -> Norm:
        """The sum of the largest, as many as move at once.

        >>> found = PerSample().support(np.array([3.0, 4.0]), np.array([3.0, 5.0]), 2)
        >>> int(found.lower), int(found.upper)
        (7, 8)
        """
        return Norm(*(fp.total(sorted(ends.tolist())[-count:]) for ends in (low, high)))

    def supports(self, low: Array, high: Array, count: int) -> tuple[Array, Array]:
        """The same sum, rounded outward."""
        m = min(count, low.shape[1])
        below = -np.sort(-low, axis=1)[:, :m].sum(axis=1) * (1.0 - 2.0 * fp.dot_unit(m)) * (2.0 - RAISE)
        return below, -np.sort(-high, axis=1)[:, :m].sum(axis=1) * fp.sum_up(m)

    def meeting(self, free: NDArray[np.intp], count: int | None) -> NDArray[np.intp]:
        """2 where both move."""
        return np.asarray(np.minimum(free, count or 2) ** 2)

    def size(self, sizes: Array) -> float:
        """The largest."""
        return float(sizes.max())

    def holds(self, sizes: Sequence[Fraction], most: Fraction, count: int | None) -> bool:
        """Row by row."""
        return all(size <= most for size in sizes)

    def lengths(self, u: Array) -> Array:
        """The length of every row."""
        return np.asarray(np.linalg.norm(u, axis=1, keepdims=True))
