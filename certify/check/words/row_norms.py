"""The norms of one row's change: 1, 2 and inf, with their dual norms."""

from __future__ import annotations

from collections.abc import Sequence

from flint import arb

from certify.check.linalg.balls import ONE, ZERO, largest, norm


class RowNorm:
    """One norm `|u|_q`, here q = 2.

    Attributes:
        boxed: whether its ball is a box, whose corners are all sign vectors; an ellipsoid around it needs weights.
        cross: whether its ball is the cross-polytope, whose corners are the unit vectors ±e_a.
    """

    boxed = cross = False

    @property
    def round(self) -> bool:
        """Whether its ball is Euclidean, so that a linear image of it is an ellipsoid."""
        return not self.boxed and not self.cross

    def size(self, values: Sequence[arb]) -> arb:
        """`|u|_q`."""
        return norm(values)

    def dual(self, values: Sequence[arb]) -> arb:
        """`|v|_{q*}`, the most that `⟨v, u⟩` is for `|u|_q ≤ 1`."""
        return norm(values)

    def longest(self, numbers: int) -> arb:
        """The greatest Euclidean length in the ball, of so many numbers."""
        return ONE


class Sum(RowNorm):
    """`Σ|u_a|`."""

    cross = True

    def size(self, values: Sequence[arb]) -> arb:
        """The sum."""
        return sum(map(abs, values), ZERO)

    def dual(self, values: Sequence[arb]) -> arb:
        """The largest."""
        return largest([abs(v) for v in values])


class Largest(RowNorm):
    """`max|u_a|`."""

    boxed = True

    def size(self, values: Sequence[arb]) -> arb:
        """The largest size."""
        return largest([abs(v) for v in values])

    def dual(self, values: Sequence[arb]) -> arb:
        """The sum of the sizes."""
        return sum(map(abs, values), ZERO)

    def longest(self, numbers: int) -> arb:
        """`√d`, at a corner."""
        return arb(numbers).sqrt()


ROW_NORMS: dict[int | str, RowNorm] = {1: Sum(), 2: RowNorm(), "inf": Largest()}
"""By the word of a spec."""
