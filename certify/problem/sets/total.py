"""One budget for all rows together: `Σ t_i² ≤ ε²`."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from certify.network.layers.gradients import Norm, total_norm
from certify.problem.sets.perturbation_set import Budget
from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U


class Total(Budget):
    """The Euclidean ball of the data; sizes add up as squares."""

    word = "total"

    def at_once(self, rows: int, count: int | None) -> int:
        """One row."""
        return 1

    def support(self, low: Array, high: Array, count: int) -> Norm:
        """`|a|`.

        >>> found = Total().support(np.array([3.0, 4.0]), np.array([3.0, 4.0]), 2)
        >>> bool(found.lower <= 5 <= found.upper)
        True
        """
        return total_norm(low, high)

    def supports(self, low: Array, high: Array, count: int) -> tuple[Array, Array]:
        """`|a|`, rounded outward."""
        n = low.shape[1]
        return fp.row_norms(low) * (1.0 - 4.0 * (n + 32) * U) - 2.0 * fp.FLOOR, fp.row_norms(high)

    def meeting(self, free: NDArray[np.intp], count: int | None) -> NDArray[np.intp]:
        """`√2` where both move."""
        return free

    def size(self, sizes: Array) -> float:
        """The length of all changes together."""
        return float(fp.row_norms(sizes[None, :])[0]) * RAISE

    def holds(self, sizes: Sequence[Fraction], most: Fraction, count: int | None) -> bool:
        """By squares: this set has the Euclidean norm alone."""
        return sum(sizes, Fraction(0)) <= most

    def lengths(self, u: Array) -> Array:
        """The length of u."""
        return np.asarray(np.linalg.norm(u))
