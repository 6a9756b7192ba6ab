"""How many changes of each kind a choice has at most, and sums of the largest numbers of such choices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from certify.rigor.fp import RAISE, Array
from certify.systems.head.rows.head import Whole
from certify.theorems.head.rows.pair_tree.bound import top
from certify.theorems.head.rows.step_sums.listed import LOW, pieces, spread


@dataclass(frozen=True, eq=False)
class Kinds:
    """Changes of some kinds; a choice has at most so many of each.

    Attributes:
        of: `(f,)` the kind of every change.
        most: for each kind how many a choice has at most.
    """

    of: Whole
    most: tuple[int, ...]

    @classmethod
    def alike(cls, f: int, k: int) -> Kinds:
        """Any k of f changes."""
        return cls(np.zeros(f, dtype=np.int64), (k,))

    @property
    def k(self) -> int:
        """Changes of a choice at most."""
        return sum(self.most)

    def top(self, values: Array, less: int = -1) -> Array:
        """At least what a choice takes of every row of nonnegative numbers.

        Args:
            values: `(B, f)` what every change takes.
            less: a kind of which it has one change fewer; −1: none.

        >>> Kinds(np.array([0, 0, 1, 1]), (1, 2)).top(np.array([[5.0, 4.0, 2.0, 1.0]])).round(9).tolist()
        [8.0]
        """
        if len(self.most) == 1:
            return top(values, 0.0, self.most[0] - (less == 0))
        sums = [top(values[:, self.of == kind], 0.0, most - (kind == less))
                for kind, most in enumerate(self.most)]
        return np.asarray(sum(sums) * RAISE)

    def beside(self, pairs: Array) -> Array:
        """`(f,)` at least what all other changes of a choice take together with each.

        Args:
            pairs: `(f, f)` what two changes take, 0 or more, and 0 on the diagonal.
        """
        found = np.zeros(len(pairs))
        for kind in range(len(self.most)):
            own = np.flatnonzero(self.of == kind)
            found[own] = self.top(pairs[own], kind)
        return found

    def listed(self, each: Array, need: float) -> Iterator[Whole]:
        """Batches of choices with a sum of at least `need`, among them all that reach it, each of one size.

        Args:
            each: `(f,)` numbers, 0 or more.
            need: above 0.

        >>> kinds = Kinds(np.array([0, 0, 1, 1]), (1, 1))
        >>> [b.tolist() for b in kinds.listed(np.array([5.0, 4.0, 2.0, 1.0]), 6.0)]
        [[[0, 2], [0, 3], [1, 2]]]
        """
        own = [np.flatnonzero(self.of == kind) for kind in range(len(self.most))]
        order = [one[np.argsort(-each[one], kind="stable")] for one in own]
        falling = [each[one] for one in order]
        later = [0.0]
        for numbers, most in zip(falling[::-1], self.most[::-1], strict=True):
            later.append(later[-1] + float(numbers[:most].sum()))
        yield from _listed(_Question(order, falling, self.most, later[::-1], need * LOW), 0, _Begun.nothing())


@dataclass(frozen=True, eq=False)
class _Question:
    """Changes of every kind, those that take most first; what later kinds take at most; and what is to be reached."""

    order: list[Whole]
    falling: list[Array]
    most: tuple[int, ...]
    later: list[float]
    need: float


@dataclass(frozen=True, eq=False)
class _Begun:
    """Choices that are begun: their changes, what these take, the place of the last one, and how many may follow."""

    chosen: Whole
    sums: Array
    last: Whole
    left: int

    @classmethod
    def nothing(cls) -> _Begun:
        return cls(np.zeros((1, 0), np.int64), np.zeros(1), np.zeros(1, np.int64), 0)


def _listed(q: _Question, kind: int, begun: _Begun) -> Iterator[Whole]:
    """Those that follow with changes of a kind and later ones."""
    if kind == len(q.most):
        reached = begun.sums >= q.need
        if reached.any():
            yield begun.chosen[reached]
        return
    first = np.full(len(begun.sums), -1)
    yield from _more(q, kind, _Begun(begun.chosen, begun.sums, first, q.most[kind]))


def _more(q: _Question, kind: int, begun: _Begun) -> Iterator[Whole]:
    """Those with up to so many more changes of a kind behind the last one, and then of later kinds."""
    falling, later = q.falling[kind], q.later[kind + 1]
    ready = (begun.sums + later) >= q.need * LOW
    if ready.any():
        yield from _listed(q, kind + 1, _Begun(begun.chosen[ready], begun.sums[ready], begun.last[ready], 0))
    if not begun.left:
        return
    ends = np.searchsorted(-falling, -(q.need - later - begun.sums) / begun.left * LOW, side="right")
    # what is to be reached may be nothing: every change does then
    ends = np.where(q.need - later - begun.sums <= 0.0, len(falling), ends)
    width = np.maximum(ends - begun.last - 1, 0)
    for some in pieces(width):
        of, place = spread(width[some], begun.last[some])
        if len(of):
            chosen = np.hstack([begun.chosen[some][of], q.order[kind][place][:, None]])
            yield from _more(q, kind, _Begun(chosen, begun.sums[some][of] + falling[place], place, begun.left - 1))
