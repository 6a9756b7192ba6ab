"""What every norm of one row's change knows, and the Euclidean one."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from flint import arb

from certify.check.linalg.balls import ONE, norm

FILES: dict[int | str, str] = {1: "sum", 2: "base", "inf": "largest"}
"""The file of a norm, by the word of a spec."""


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
        return norm(values) if len(values) > 1 else abs(values[0])

    def longest(self, numbers: int) -> arb:
        """The greatest Euclidean length in the ball, of so many numbers."""
        return ONE


def norm_of(word: int | str) -> RowNorm:
    """The norm of a word that the spec's reader knows.

    >>> norm_of(1).cross, norm_of(2).round, norm_of("inf").boxed
    (True, True, True)
    """
    found = import_module(f"certify.check.words.row_norms.{FILES[word]}").NORM
    assert isinstance(found, RowNorm)
    return found


NORM = RowNorm()
