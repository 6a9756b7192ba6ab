"""Which trees have a turn next, and how long: those most likely to be done by it, a second (D7). No proof rests on it.

What a tree takes in all is taken to be log-normal about a median, so that one which has had more than that may well
take as much again, and is still likelier to be done in that time than one of which far more is expected.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import erfc, inf, isfinite, log, sqrt

HARDER, WIDE = 0.6, 1.0
"""The median grows by e^0.6 for each unit of what is left open at a root, beginning with what the root takes; and the
standard deviation of its logarithm (of breast cancer, C = 0.1, any 5 labels, trees take between an eighth of that and
eight times as much)."""

LEAST, AGAIN, LONGER = 0.5, 0.25, 12
"""Seconds of the shortest turn, or this part of what a tree has had; and how many turns are looked at, each twice as
long as the one before."""

NEARLY, FEW = 0.5, 4
"""Trees with this part of the best one's chance have a turn beside it, and four at least, if there are so many: a tree
is in one process, and where there are several some wait for the others' trees."""


@dataclass(frozen=True)
class Waiting:
    """What is known of one.

    Args:
        root: seconds that its root took.
        spent: seconds that it has had since.
        score: what its root left open; infinite where that is not known.
    """

    root: float
    spent: float
    score: float

    def best(self, left: float) -> tuple[float, float]:
        """The greatest chance to be done, a second, of a turn in what is left, and that turn's seconds.

        >>> easy, hard = Waiting(0.1, 0.0, 4.0), Waiting(0.1, 0.0, 9.0)
        >>> easy.best(60.0)[0] > 9 * hard.best(60.0)[0]
        True
        """
        turns = [min(max(LEAST, AGAIN * self.spent) * 2.0**i, left) for i in range(LONGER)]
        worth, seconds = max((self.chance(turn) / turn, turn) for turn in turns)
        return (worth, seconds) if worth > 0.0 else (0.0, min(max(LEAST, self.spent), left))

    def chance(self, more: float) -> float:
        """That it is done within so many seconds more, if it is not by now.

        >>> round(Waiting(1.0, 1.0, 0.0).chance(1e9), 6), Waiting(1.0, 0.0, inf).chance(9.0)
        (1.0, 0.0)
        """
        still = self._above(self.spent)
        return 1.0 - self._above(self.spent + more) / still if still > 0.0 else 0.0

    def _above(self, seconds: float) -> float:
        """The chance that it takes longer."""
        if seconds <= 0.0 or self.score == inf:
            return 1.0
        expected = log(max(self.root, 1e-6)) + HARDER * self.score
        return 0.5 * erfc((log(seconds) - expected) / (WIDE * sqrt(2.0)))


def next_turns(trees: Mapping[int, Waiting], left: float) -> list[tuple[int, float]]:
    """Those that have a turn next, with its seconds, the likeliest first; there is time left, and a tree.

    None has a longer turn than the first: all are waited for before it has another. A tree of which nothing is known,
    as its root was cut off, is taken to be as hard as the hardest; of trees that are equally likely those go first that
    have had least.

    >>> next_turns({3: Waiting(0.1, 0.0, 2.0), 5: Waiting(0.1, 4.0, 9.0), 8: Waiting(0.1, 0.0, 9.0)}, 60.0)
    [(3, 0.5), (5, 0.5), (8, 0.5)]
    """
    hardest = max((tree.score for tree in trees.values() if isfinite(tree.score)), default=0.0)
    known = {name: tree if isfinite(tree.score) else replace(tree, score=hardest) for name, tree in trees.items()}
    found = {name: tree.best(left) for name, tree in known.items()}
    order = sorted(found, key=lambda name: (-found[name][0], trees[name].spent, trees[name].score, name))
    least, longest = NEARLY * found[order[0]][0], found[order[0]][1]
    some = [name for place, name in enumerate(order) if place < FEW or found[name][0] > least]
    return [(name, min(found[name][1], longest)) for name in some]
