"""A budget for each of at most m rows: `t_i ≤ ε`, at most m of them not 0."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from certify.problem.sets.per_sample import PerSample


class Sparse(PerSample):
    """A few rows, whichever they are, each within its own budget. Not convex, so no ball of a norm."""

    word = "sparse"

    def at_once(self, rows: int, count: int | None) -> int:
        """As many as may move."""
        return rows if count is None else min(count, rows)

    def holds(self, sizes: Sequence[Fraction], most: Fraction, count: int | None) -> bool:
        """Row by row, and no more of them than may move.

        >>> Sparse().holds([Fraction(1), Fraction(1)], Fraction(1), 1)
        False
        """
        return (count is None or len(sizes) <= count) and super().holds(sizes, most, count)
