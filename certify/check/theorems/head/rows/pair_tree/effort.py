"""D12: how much is spent on a node, little first; what a bound costs follows the rows that have steps of their own."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Effort:
    """What the bounds of a node are made from.

    Attributes:
        own: rows with steps of their own, beside the hot ones half as many.
        turns: of Newton's method for a step.
        products: of how many far rows they are formed; None: of all.
        pairs: how many are formed with their signs; None: as many as :mod:`bound` has it.
    """

    own: int
    turns: int
    products: int | None
    pairs: int | None

    @property
    def steps(self) -> tuple[int, int, int | None]:
        """What the steps depend on."""
        return self.own, self.turns, self.products


LITTLE = Effort(32, 0, 64, 0), Effort(64, 1, 64, 160), Effort(128, 3, 256, None)
FEW = 16
"""Free rows for each that has a step of its own, at most."""
MOST = 7
"""Turns of Newton's method where all is spent."""
ROOT, NOT_MANY = 20_480, 1500
"""Pairs that are formed at the root where all else leaves points open, as provers do; for fewer rows than so many."""


def efforts(hot: int, count: int, free: int, root: bool = False) -> list[Effort]:
    """One after another, `own` at most count; the last has all of them, and of many free rows few are never enough.

    Args:
        hot: how many rows are hot.
        count: how many free ones have steps of their own at most.
        free: all free rows.
        root: whether more pairs follow, at the root of not many rows.
    """
    found = [Effort(own, one.turns, one.products, one.pairs) for one in LITTLE
             if free < FEW * one.own and (own := max(one.own, hot + one.own // 2)) < count]
    return [*found, *(Effort(count, MOST, None, pairs) for pairs in ((None, ROOT) if root else (None,)))]
