"""D28: two or three changed labels of a logistic head, block by block of choices that share most of their curvature.

Weights of a choice are the sum of those of smaller ones, which is judged first, and a few Newton steps from there in
four bytes; nothing of them is trusted. What is open in single precision is judged in double precision, and what that
leaves open for a point is noted, and refitted in the end as for D27. proofs/heads-label-triples.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import comb

import numpy as np

from certify.finders.head.changed import Changed
from certify.finders.head.near.labels import LabelSteps
from certify.problem.limits import OutOfTime
from certify.rigor.fp import Array
from certify.rigor.single.floats import Short
from certify.systems.head.rows.change import Choices, RowChange
from certify.systems.head.rows.head import Head, Whole
from certify.theorems.head.rows.label_triples.double import polished
from certify.theorems.head.rows.label_triples.matrix import Matrix, matrix, rows_of
from certify.theorems.head.rows.label_triples.single import Left, Single, Wanted, near, single
from certify.theorems.head.rows.label_triples.sums import Block, Sums, at_sums
from certify.theorems.head.rows.method import Budget, Mask
from certify.theorems.head.rows.softmax_three_labels.search import Search as ThreeLabels

SAMPLE, LOW = 64, 1
"""Choices, evenly drawn, that tell what curvature rows have; how many of these have less."""

GROUP, ENTRIES, BLOCK = 1 << 14, 1 << 18, 4096
"""Choices of a matrix at least, first rows come whole; slopes of a block of sums; and choices of a block of steps."""

TURNS, INNER, FIRST = 5, 3, 2
"""Newton steps at most, and products with a Hessian in each and in the first."""

PAIRED, ROWS = 2, 1024
"""Steps but for two towards refits with two labels, from which sums for three are formed; and how many at a time."""

TOLD, HOPE = 0.05, 2.0
"""Share of the choices that tells whether there is time for all; the first ones are the slowest, by about so much."""


class Search(ThreeLabels):
    """The search; what it has is that of D27.

    Args:
        head, change, todo: as there.
        budget: the time.
    """

    def __init__(self, head: Head, change: RowChange, todo: Mask, budget: Budget) -> None:
        super().__init__(head, change, todo, budget.check)
        self._budget, self._count = budget, change.count

    def _run(self) -> None:
        self.refits = Changed(self.head, True)
        self._steps_of = LabelSteps(self.refits.refitter)
        if not self._alone().size:
            self._settle()
            return
        self._flip()
        does = ((self.W - self.V0)[:, 0] @ (self.head.phi * self.head.Y).T) ** 2
        self._order = np.argsort(-does.sum(axis=1), kind="stable")
        self._by = np.argsort(-self._curvature(self.V0), kind="stable")
        self._long: Array | None = None
        pairs = None
        if self._count == 3:
            self._begun = np.append(0, np.cumsum(np.arange(len(self.rows) - 1, 0, -1)))
            pairs = np.zeros((int(self._begun[-1]), self.head.m), np.float32)
            self._two(pairs)
        self._sums = Sums(self.head, self.V0[0], self.W[self._order, 0], pairs, self._by, self.check)
        if self._sums.able:
            self._all()
        else:
            self._noted.give_up(self.at)  # weights so long that floats do not tell margins
        self._settle()

    def _two(self, pairs: Short) -> None:
        """All choices of two labels: weights near their refits, and what is proved of them."""
        for a in range(len(self.rows) - 1):
            for start in range(a + 1, len(self.rows), ROWS):
                self.check()
                b = np.arange(start, min(start + ROWS, len(self.rows)))
                members = np.stack([np.full_like(b, a), b], axis=1)
                pairs[self._begun[a] + b - a - 1] = self._pair(members)

    def _all(self) -> None:
        """Look at all choices; raises where the first ones show that there is no time for all."""
        begun, done, all_ = self._budget.left(), 0, comb(len(self.rows), self._count)
        for group in self._groups():
            self.check()
            if self.at.size:
                self._group(group)
            done, left = done + sum(self._many(a) for a in group), self._budget.left()
            if done > TOLD * all_ and (begun - left) / done * (all_ - done) > HOPE * left:
                raise OutOfTime  # a point is proved by all choices or not at all: others may use what is left

    def _many(self, a: int) -> int:
        """How many choices have their first place there."""
        return comb(len(self.rows) - a - 1, self._count - 1)

    def _groups(self) -> Iterator[list[int]]:
        """First places whose choices have one matrix: those that do most come first."""
        group: list[int] = []
        for a in range(len(self.rows) - self._count + 1):
            group.append(a)
            if sum(map(self._many, group)) >= GROUP:
                yield group
                group = []
        if group:
            yield group

    def _group(self, group: list[int]) -> None:
        """Look at all choices of some first places."""
        self._still_open()
        V = self._sample(group)
        m = self._matrix(V)
        if m is None:
            self._noted.give_up(self.at)
            return
        s, many, held = single(m, self._by, V.mean(axis=0)), 0, list[tuple[Whole, Array | Short]]()
        for block in self._blocks(group):
            self.check()
            if s is None:
                held.append((self._order[block.members], block.at.x.astype(np.float64)))
            else:
                rows = self.rows[self._order[block.members]]
                found = at_sums(s, rows, block, Wanted(self._live(), FIRST))
                held.append((self._order[block.members[found.which]], found.nearer))
            many += len(held[-1][0])
            if many >= BLOCK:
                self._go_on(m, s, held)
                held, many = [], 0
        self._go_on(m, s, held)

    def _blocks(self, group: list[int]) -> Iterator[Block]:
        size = max(1, ENTRIES // self.head.n)
        for a in group:
            yield from (self._sums.of_two if self._count == 2 else self._sums.of_three)(a, size)

    def _live(self) -> Mask:
        """Which of the points that are looked at are not flipped or given up by now."""
        return np.asarray(~self.found.flipped[self.at] & ~self._noted.over[self.at])

    def _sample(self, group: list[int]) -> Array:
        """Sums of choices of some first places, evenly drawn."""
        f, found = len(self.rows), []
        for a in group[:: 1 + len(group) // SAMPLE]:
            many = -(-SAMPLE // len(group))
            rest = np.unique(np.linspace(a + 1, f - self._count + 1, many).astype(np.int64))
            found.append(self._sums.of(a, rest, self._count))
        return np.concatenate(found)

    def _go_on(self, m: Matrix, s: Single | None, held: list[tuple[Whole, Array | Short]]) -> None:
        """Newton steps for choices that sums leave open, until none is."""
        if not held:
            return
        which, V = (np.concatenate(one) for one in zip(*held, strict=True))
        for _ in range(TURNS):
            if s is None or not len(which):
                break
            self.check()
            found = self._near(s, which, V)
            which, V = which[found.which], found.nearer
        self._last(m, s, which, V)

    def _near(self, s: Single, which: Whole, V: Array | Short) -> Left:
        """The choices that leave a point open, and refit those that seem to flip one."""
        found = near(s, self.rows[which], V, Wanted(self._live(), INNER))
        self._lost(which[found.which], found.margin)
        return found

    def _last(self, m: Matrix, s: Single | None, which: Whole, V: Array | Short) -> None:
        """Note what double precision leaves open as well, and refit at once what takes most of each point."""
        if len(which):
            middle = None if s is None else s.middle.astype(np.float64)
            found = polished(m, middle, self.rows[which], np.asarray(V, dtype=np.float64), self._live())
            self._lost(which, found.margin)
            one, point = np.nonzero(found.open & self._live())
            self._noted.add(self.at[point], self._numbers(which)[one])

    def _pair(self, members: Whole) -> Array:
        """Look at choices of two labels, places `(B, 2)`, and find weights nearer to their refits."""
        self._still_open()
        which = self._order[members]
        V = np.asarray(self.W[which, 0].sum(axis=1) - self.V0[0])
        inverse = self._steps_of.inverse(V.mean(axis=0))
        for _ in range(2):
            V = self._steps_of.nearer(self.rows[which], V, inverse, INNER)
        m = self._matrix(V)
        if m is None:
            self._noted.give_up(self.at)
            return V
        s, rest = single(m, self._by, V.mean(axis=0)), np.arange(len(V))
        for _ in range(PAIRED):
            if s is None or not len(rest):
                break
            found = self._near(s, which[rest], V[rest])
            rest = rest[found.which]
            V[rest] = found.nearer
        if not len(rest):
            return V
        self._last(m, s, which[rest], V[rest])
        # sums of three rest on those of two, which steps may have led astray
        V[rest] = self._nearer(self._choices(*which[rest].T), V[rest, None])[:, 0]
        return V

    def _matrix(self, V: Array) -> Matrix | None:
        """That of a block of weights; lengths begin with those of the block before, or anew."""
        rows, curvature = rows_of(self.head, self.at), self._curvature(V)
        m = None if self._long is None else matrix(rows, curvature, self._long)
        m = m or matrix(rows, curvature)
        self._long = None if m is None else m.long
        return m

    def _curvature(self, V: Array) -> Array:
        """`(n,)` what nearly all of some weights leave of the curvature of each row."""
        some = V[:: 1 + len(V) // SAMPLE]
        p = 1.0 / (1.0 + np.exp(np.minimum(some @ (self.head.phi * self.head.Y).T, 60.0)))
        return np.asarray(np.partition(p * (1.0 - p), min(LOW, len(p) - 1), axis=0)[min(LOW, len(p) - 1)])

    def _lost(self, which: Whole, margin: Array) -> None:
        """Refit at once the choices that take most of points that they seem to flip."""
        lost = (margin.min(axis=0, initial=np.inf) < 0.0) & self._live()
        if lost.any():
            self._refit(np.unique(self._numbers(which)[margin.argmin(axis=0)[lost]]))

    def _numbers(self, which: Whole) -> Whole:
        """One number for each choice of two or three."""
        third = which[:, 2] if which.shape[1] == 3 else np.full(len(which), len(self.rows))
        return self._number(which[:, 0], which[:, 1], third)

    def _flip(self) -> None:
        """Refit for each point the labels that take most to first order."""
        if len(self.rows) < self._count:
            return
        sign = np.where(self.head.today[self.at] == 1, 1.0, -1.0)
        push = (self.W - self.V0)[:, 0] @ (self.head.points[self.at] * sign[:, None]).T
        first = np.argpartition(push, self._count - 1, axis=0)[: self._count]
        self._refit(np.unique(self._number(*first, *[np.full(push.shape[1], len(self.rows))] * (3 - self._count))))

    def _nearer(self, choices: Choices, V: Array) -> Array:
        """From weights that are near."""
        return self.refits.refitter.slow(choices, V, 0.0, self.check)
