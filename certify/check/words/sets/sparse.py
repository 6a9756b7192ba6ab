"""A budget for every row, of which few move: `{u : |u_i| ≤ r for all i, u_i ≠ 0 for at most m of them}`."""

from __future__ import annotations

from collections.abc import Sequence

from flint import arb

from certify.check.linalg.balls import ZERO
from certify.check.words.sets.base import PerturbationSet


class Sparse(PerturbationSet):
    """At most `count` rows move at once, any of those that may."""

    counted = True

    def full(self, moving: int, count: int | None) -> int:
        """As many as the count says."""
        return min(count or 1, moving)

    def gather(self, held: list[arb], size: arb) -> None:
        """Keep it: which are the largest is seen at the end."""
        held.append(size)

    def most(self, held: Sequence[arb], at_once: int) -> arb:
        """The sum of the largest, by both ends of every size."""
        if not all(v.is_finite() for v in held):
            return arb(0, arb("inf"))
        low = sum(sorted((v.lower() for v in held), reverse=True)[:at_once], ZERO)
        high = sum(sorted((v.upper() for v in held), reverse=True)[:at_once], ZERO)
        return low.union(high)


SET = Sparse()
