"""The total budget: `{u : Σ|u_i|² ≤ r²}`."""

from __future__ import annotations

from collections.abc import Sequence

from flint import arb

from certify.check.linalg.balls import ZERO, root
from certify.check.words.sets.base import PerturbationSet, V


class Total(PerturbationSet):
    """All rows together are as long as the radius at most."""

    joint, share = True, "in total"

    def full(self, moving: int, count: int | None) -> int:
        """One row, and then no other."""
        return 1

    def parts(self, rows: Sequence[Sequence[V]]) -> list[list[V]]:
        """The change as one vector."""
        return [[v for row in rows for v in row]]

    def gather(self, held: list[arb], size: arb) -> None:
        """Add its square."""
        super().gather(held, size * size)

    def most(self, held: Sequence[arb], at_once: int) -> arb:
        """`√Σ s_i²` (Cauchy and Schwarz)."""
        return root(sum(held, ZERO))


SET = Total()
