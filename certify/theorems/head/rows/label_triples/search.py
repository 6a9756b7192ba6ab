"""D28: two or three changed labels of a logistic head, block by block of choices that share most of their curvature.

Weights of a choice are the sum of those of smaller ones, and a few Newton steps from there in four bytes; nothing of
them is trusted. What a block leaves open for a point is noted, and refitted in the end as for D27.
proofs/heads-label-triples.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import comb

import numpy as np

from certify.finders.head.changed import Changed
from certify.finders.head.near.labels import LabelSteps
from certify.problem.limits import OutOfTime
from certify.rigor.fp import Array
from certify.systems.head.rows.change import Choices, RowChange
from certify.systems.head.rows.head import Head, Whole
from certify.theorems.head.rows.label_triples.matrix import Matrix, judged, matrix, rows_of
from certify.theorems.head.rows.method import Budget, Mask
from certify.theorems.head.rows.softmax_three_labels.search import Search as ThreeLabels

BLOCK, SAMPLE, LOW = 1024, 64, 1
"""Choices of a block; how many of them, evenly drawn, tell what curvature rows have; how many of these have less."""

TURNS, INNER, NEAR = 4, 3, 0.1
"""Newton steps at most, and products with a Hessian in each; gradients at sums that are near enough for no step."""

PAIRED = 4
"""Steps towards the refits with two labels, from which sums for three are formed."""

TOLD, HOPE = 0.02, 1.25
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
        self._near = LabelSteps(self.refits.refitter)
        if not self._alone().size:
            self._settle()
            return
        self._flip()
        does = ((self.W - self.V0)[:, 0] @ (self.head.phi * self.head.Y).T) ** 2
        self._order = np.argsort(-does.sum(axis=1), kind="stable")
        self._long: Array | None = None
        if self._count == 2:
            self._in_time(self._couples(), self._both)
            self._settle()
            return
        self._begun = np.append(0, np.cumsum(np.arange(len(self.rows) - 1, 0, -1)))
        self._pairs = np.zeros((int(self._begun[-1]), self.head.m), np.float32)
        self._two()
        self._in_time(self._triples(), self._sum)
        self._settle()

    def _in_time(self, blocks: Iterator[Whole], sums: Callable[[Whole], Array]) -> None:
        """Look at all choices; raises where the first ones show that there is no time for all."""
        begun, done, all_ = self._budget.left(), 0, comb(len(self.rows), self._count)
        for members in blocks:
            if self.at.size:
                self._look(members, sums(members), TURNS, NEAR)
            done, left = done + len(members), self._budget.left()
            if done > TOLD * all_ and (begun - left) / done * (all_ - done) > HOPE * left:
                raise OutOfTime  # a point is proved by all choices or not at all: others may use what is left

    def _two(self) -> None:
        """All choices of two labels: weights near their refits, and what is proved of them."""
        for a in range(len(self.rows) - 1):
            b = np.arange(a + 1, len(self.rows))
            members = np.stack([np.full_like(b, a), b], axis=1)
            self._pairs[self._pair(members[:, 0], b)] = self._look(members, self._both(members), PAIRED, 0.0)

    def _both(self, members: Whole) -> Array:
        """What the refits with one of two labels add up to."""
        return np.asarray(self.W[self._order[members], 0].sum(axis=1) - self.V0[0])

    def _couples(self) -> Iterator[Whole]:
        """Blocks of places `(B, 2)`, as of three."""
        for a in range(len(self.rows) - 1):
            for start in range(a + 1, len(self.rows), BLOCK):
                self.check()
                b = np.arange(start, min(start + BLOCK, len(self.rows)))
                yield np.stack([np.full_like(b, a), b], axis=1)

    def _pair(self, a: Whole, b: Whole) -> Whole:
        """Numbers of pairs of places, a before b."""
        return np.asarray(self._begun[a] + b - a - 1)

    def _triples(self) -> Iterator[Whole]:
        """Blocks of places `(B, 3)`: rows that do most come first, and those of a block are alike in them."""
        f = len(self.rows)
        for a in range(f - 2):
            b, c = np.triu_indices(f - a - 1, 1)
            for start in range(0, len(b), BLOCK):
                self.check()
                some = slice(start, start + BLOCK)
                yield np.stack([np.full_like(b[some], a), b[some] + a + 1, c[some] + a + 1], axis=1)

    def _sum(self, members: Whole) -> Array:
        """What the refits with two of three labels add up to."""
        a, b, c = members.T
        two = self._pairs[self._pair(a, b)] + self._pairs[self._pair(a, c)] + self._pairs[self._pair(b, c)]
        return np.asarray(two - self.W[self._order[members], 0].sum(axis=1) + self.V0[0])

    def _look(self, members: Whole, V: Array, turns: int, near: float) -> Array:
        """Look at a block of choices, places `(B, r)`, from weights V on; weights nearer to the refits."""
        self._still_open()
        which = self._order[members]
        rows, rest = self.rows[which], np.arange(len(V))
        inverse = self._near.inverse(V.mean(axis=0))
        m: Matrix | None = None
        for turn in range(turns):
            V[rest] = self._near.nearer(rows[rest], V[rest], inverse, INNER, 0.0 if turn else near)
            if turn == 0 and near == 0.0:  # of few choices two steps come first
                continue
            m = m or self._matrix(V)
            if m is None:
                continue
            found = judged(m, rows[rest], V[rest])
            if turn == turns - 1 or not found.open.any():
                break
            rest = rest[found.open.any(axis=1)]
        if m is None:
            self._noted.give_up(self.at)
        elif found.open.any():
            self._note(which[rest], found.open, found.margin)
            if near == 0.0:  # sums of three rest on those of two, which steps may have led astray
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

    def _note(self, which: Whole, open_: Mask, margin: Array) -> None:
        """Note choices that leave points open, and refit at once the one that takes most of each point."""
        third = which[:, 2] if which.shape[1] == 3 else np.full(len(which), len(self.rows))
        number = self._number(which[:, 0], which[:, 1], third)
        lost = margin.min(axis=0) < 0.0
        if lost.any():
            self._refit(np.unique(number[margin.argmin(axis=0)[lost]]))
        open_ = open_ & ~self.found.flipped[self.at]
        one, point = np.nonzero(open_)
        self._noted.add(self.at[point], number[one])

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
