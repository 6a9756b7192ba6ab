"""The sum of sizes, `Σ|u_a|`, of which the largest size is the dual norm."""

from __future__ import annotations

from collections.abc import Sequence

from flint import arb

from certify.check.linalg.balls import ZERO, largest
from certify.check.words.row_norms.base import RowNorm


class Sum(RowNorm):
    """`Σ|u_a|`."""

    cross = True

    def size(self, values: Sequence[arb]) -> arb:
        """The sum."""
        return sum(map(abs, values), ZERO)

    def dual(self, values: Sequence[arb]) -> arb:
        """The largest."""
        return largest([abs(v) for v in values])


NORM = Sum()
