"""The largest size, `max|u_a|`, of which the sum of sizes is the dual norm."""

from __future__ import annotations

from collections.abc import Sequence

from flint import arb

from certify.check.linalg.balls import ZERO, largest
from certify.check.words.row_norms.base import RowNorm


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


NORM = Largest()
