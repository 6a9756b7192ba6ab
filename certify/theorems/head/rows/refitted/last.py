"""The changes of most rows, by sums of the weights of smaller ones: nothing is kept of a change that these decide."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from certify.finders.head.near.leaves import parents, starts
from certify.finders.head.near.own import OwnSteps
from certify.finders.head.refits import Refitter
from certify.rigor.fp import Array
from certify.systems.head.rows.change import Choices
from certify.systems.head.rows.head import Head, Whole
from certify.theorems.head.rows.refitted.judge import CORRECTED
from certify.theorems.head.rows.refitted.judge_pairs import judge_of
from certify.theorems.head.rows.refitted.sums import Item, Sums

BLOCK = 512
"""Families are joined to blocks of at least that many changes, those that begin with the same rows; corrected changes
are judged so many together."""

STEPS, OWN = 2, (2, 2)
"""Steps from a sum towards a refit; of a softmax head, and products with a Hessian in each."""

UNIT, MOST = 2.0**-7, 127
"""Unit of corrections, in the norm of the Hessian, and most units."""


@dataclass(frozen=True, eq=False)
class Block:
    """Changes that are judged together.

    Attributes:
        numbers: `(B,)` their numbers among those of as many rows.
        places, codes: `(B, s)` the rows, by their number among those that may change, and what they become.
        V: `(B, k, m)` weights.
    """

    numbers: Whole
    places: Whole
    codes: Whole
    V: Array

    def __len__(self) -> int:
        return len(self.numbers)

    def part(self, which: Whole) -> Block:
        """Some of them."""
        return Block(self.numbers[which], self.places[which], self.codes[which], self.V[which])


def joined(some: list[Block]) -> Block:
    """All of them."""
    return Block(*(np.concatenate([getattr(one, name) for one in some])
                   for name in ("numbers", "places", "codes", "V")))


class Units:
    """Corrections in whole units of the norm of a Hessian.

    Args:
        H: `(km, km)` the Hessian, positive definite.
    """

    def __init__(self, H: Array) -> None:
        L = np.linalg.cholesky(H)
        self._to_units = L / UNIT
        self.basis = (np.linalg.inv(L) * UNIT).astype(np.float32)

    def towards(self, block: Block, V: Array) -> np.ndarray:
        """`(B, km)` corrections of a block's weights towards others; 0 where they are too large."""
        with np.errstate(all="ignore"):
            found = np.rint((V - block.V).reshape(len(V), -1) @ self._to_units)
        return np.where((np.abs(found) <= MOST).all(axis=1, keepdims=True), found, 0.0).astype(np.int8)

    def added(self, block: Block, units: np.ndarray) -> Block:
        """A block with its corrections."""
        V = block.V + (units.astype(np.float64) @ self.basis.astype(np.float64)).reshape(block.V.shape)
        return Block(block.numbers, block.places, block.codes, V)


class Last:
    """Changes of the most rows, all labels.

    Args:
        head: the head.
        rows: `(n,)` rows that may change.
        alternatives: `(n, q)` what each may become.
        sums: of the smaller changes.
        refitter: of the head.
        live: the points in question, as they are now.
    """

    def __init__(self, head: Head, rows: Whole, alternatives: Whole, sums: Sums, refitter: Refitter,
                 live: Callable[[], Whole]) -> None:
        self.head, self.rows, self.alternatives, self.sums = head, rows, alternatives, sums
        self.refitter, self.live = refitter, live
        self.judge = judge_of(head, refitter.V0)
        self._own = OwnSteps(refitter) if head.loss.shifted else None
        H = refitter.hessians(Choices(np.zeros((1, 0), np.int64), np.zeros((1, 0), np.int64)), refitter.V0[None])[0]
        self._units = Units(H)
        self.basis = self._units.basis

    def blocks(self) -> Iterator[Block]:
        """All changes, in order."""
        for node in _sequences(self.sums.n, self.sums.each, self.sums.count - 2):
            yield from self.under(node)

    def under(self, node: tuple[Item, ...]) -> Iterator[Block]:
        """Those that begin with `count − 2` items."""
        waiting: list[Block] = []
        for last in range(node[-1][0] + 1 if node else 0, self.sums.n - 1):
            for code in range(self.sums.each):
                waiting.append(self._family((*node, (last, code))))
                if sum(map(len, waiting)) >= BLOCK:
                    yield joined(waiting)
                    waiting = []
        if waiting:
            yield joined(waiting)

    def _family(self, prefix: tuple[Item, ...]) -> Block:
        V, (last, _), s = self.sums.family(prefix), prefix[-1], len(prefix)
        begin = self.sums.begin(s, self.sums.place(prefix), last, last + 1)
        places, codes = np.empty((len(V), s + 1), np.int64), np.empty((len(V), s + 1), np.int64)
        places[:, :-1], places[:, -1] = [row for row, _ in prefix], np.repeat(np.arange(last + 1, self.sums.n),
                                                                              self.sums.each)
        codes[:, :-1] = [self.alternatives[row, code] for row, code in prefix]
        codes[:, -1] = self.alternatives[last + 1 :].ravel()
        return Block(np.arange(begin, begin + len(V)), places, codes, V)

    def choices(self, block: Block) -> Choices:
        """What a block changes."""
        return Choices(self.rows[block.places], block.codes)

    def open(self, block: Block, reaches: tuple[float, ...] = CORRECTED) -> Block:
        """Those of a block that leave a point open."""
        return block.part(self.which_open(block, self.live(), reaches))

    def which_open(self, block: Block, live: Whole, reaches: tuple[float, ...]) -> Whole:
        """Which of a block leave one of some points open."""
        if not len(live) or not len(block):
            return np.zeros(0, np.int64)
        return np.flatnonzero(~self.judge.keeps(self.choices(block), block.V, live, reaches))

    def nearer(self, block: Block) -> Block:
        """Weights nearer to the refits."""
        if self._own is not None:
            return replace(block, V=self._own.nearer(self.choices(block), block.V, *OWN))
        return self._nearer(block)

    def _nearer(self, block: Block) -> Block:
        """By steps with the inverse Hessian of the change without its last row."""
        key = np.hstack([block.places[:, :-1], block.codes[:, :-1]])
        first = np.flatnonzero(np.r_[True, (key[1:] != key[:-1]).any(axis=1)])
        of = np.cumsum(np.r_[0, (key[1:] != key[:-1]).any(axis=1)])
        own = (self.alternatives[block.places[first, :-1]] == block.codes[first, :-1, None]).argmax(axis=2)
        near = np.stack([self.sums.parent(tuple(zip(rows, codes, strict=True)))
                         for rows, codes in zip(block.places[first, :-1].tolist(), own.tolist(), strict=True)])
        with np.errstate(all="ignore"):
            made = parents(self.refitter, Choices(self.rows[block.places[first, :-1]], block.codes[first, :-1]), near)
            start = starts(self.head, made, of, self.rows[block.places[:, -1]], block.codes[:, -1])
            choices, everyone = self.choices(block), np.arange(len(block))
            best, size, trial = block.V, np.full(len(block), np.inf), block.V
            for step in range(STEPS + 1):
                g = self.refitter.gradients(choices, trial)
                length = np.linalg.norm(g.reshape(len(g), -1), axis=1)
                won = length < size
                best, size = np.where(won[:, None, None], trial, best), np.fmin(length, size)
                if step < STEPS:
                    trial = trial - start.step(everyone, g)
        return Block(block.numbers, block.places, block.codes, best)

    def solved(self, block: Block, goal: float) -> Array:
        """`(B, k, m)` weights whose gradients are so small."""
        return self.refitter.newton(self.choices(block), block.V, goal)

    def units(self, block: Block, V: Array) -> np.ndarray:
        """`(B, km)` corrections of a block's weights towards others, in whole units."""
        return self._units.towards(block, V)

    def corrected(self, block: Block, units: np.ndarray) -> Block:
        """A block with its corrections."""
        return self._units.added(block, units)


def _sequences(n: int, each: int, size: int, first: int = 0) -> Iterator[tuple[Item, ...]]:
    """All sequences of so many items that leave two rows after them."""
    if not size:
        yield ()
        return
    for row in range(first, n - size - 1):
        for code in range(each):
            for more in _sequences(n, each, size - 1, row + 1):
                yield ((row, code), *more)
