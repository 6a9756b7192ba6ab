"""What every perturbation set knows: which changes `u = (u_1, …, u_n)` of the rows lie within a budget r."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import TypeVar

from flint import arb

from certify.check.linalg.balls import ZERO

V = TypeVar("V")


class PerturbationSet:
    """One set: every row has the budget r for itself, `|u_i| ≤ r`, but where a set says otherwise.

    Attributes:
        joint: whether the rows share the budget, `Σ|u_i|² ≤ r²`.
        single: whether it is one change, stated in a file: then there is no budget, and nothing is maximised.
        counted: whether at most `count` rows move at once.
        share: whose the budget is, in words.
    """

    joint = single = counted = False
    share = "of every row"

    @property
    def own(self) -> bool:
        """Whether every row has a budget of its own."""
        return not self.joint and not self.single

    def full(self, moving: int, count: int | None) -> int:
        """Most rows, of those that may move, that move by the whole radius at once."""
        return moving

    def shared(self, sizes: Iterable[arb], at_once: int) -> arb:
        """`sup Σ s_i|u_i|` for r = 1, every size s_i from 0 on, where at most so many rows move at once."""
        held: list[arb] = []
        for size in sizes:
            self.gather(held, size)
        return self.most(held, at_once)

    def parts(self, rows: Sequence[Sequence[V]]) -> list[list[V]]:
        """The vectors of a change whose lengths r bounds, one by one: here its rows."""
        return [list(row) for row in rows]

    def gather(self, held: list[arb], size: arb) -> None:
        """Add the size of one row to what :meth:`most` is made of: here to the sum."""
        held[:] = [held[0] + size if held else size]

    def most(self, held: Sequence[arb], at_once: int) -> arb:
        """The same of gathered sizes."""
        return sum(held, ZERO)


def set_of(word: str) -> PerturbationSet:
    """The set of a word that the spec's reader knows.

    >>> set_of("total").joint, set_of("sparse").full(9, 2), set_of("per_sample").full(9, None)
    (True, 2, 9)
    """
    found = import_module(f"certify.check.words.sets.{word}").SET
    assert isinstance(found, PerturbationSet)
    return found
