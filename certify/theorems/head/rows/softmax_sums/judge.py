"""D25: choices one by one, at the sum of their steps, nearer to their refit, and at last by their refit."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from certify.finders.head.refits import Refitter
from certify.rigor.fp import Array
from certify.systems.head.rows.head import Head, Whole
from certify.systems.head.rows.refit import enclose_refits
from certify.theorems.head.rows.flips import Found
from certify.theorems.head.rows.method import Mask
from certify.theorems.head.rows.softmax_by_choice.candidates import Lines, deletions, look
from certify.theorems.head.rows.softmax_by_choice.sums import Base, at_weights, base_of
from certify.theorems.head.rows.softmax_pairs.steps import settled
from certify.theorems.head.rows.softmax_sums.far import Tables

AT_ONCE = 32
"""Choices at a time."""

NEARER = ((0, 0.0), (3, 1e-2), (16, 1e-5))
"""Corrections before each look, and how short gradients are to be."""

GOAL = 1e-9
"""How short those of refits are to be."""


class Judge:
    """Looks at choices, each once, for all evaluation rows that ask for it.

    Args:
        head: the head; `refitter` of it.
        tables: the matrices.
        rows: `(f,)` the row that each step leaves out; `delta` `(f, k, p)` the steps.
        lines: the evaluation rows.
        found: takes rows whose deletion flips one.
        check: raises when the time is up.
    """

    def __init__(self, head: Head, refitter: Refitter, tables: Tables, rows: Whole, delta: Array, lines: Lines,
                 found: Found, check: Callable[[], None]) -> None:
        self.head, self.refitter, self.lines, self.found, self.check = head, refitter, lines, found, check
        some = sorted(range(len(tables.each)), key=lambda x: abs(x - len(tables.each) // 2))  # far choices lose much
        self.root, self.metrics = tables.each[0].m, [tables.each[x].m for x in some]
        self.long = [lines.lengths(m) for m in self.metrics]
        self.rows, self.delta, self.base = rows, delta, len(rows) + 1
        self._number = self._place = np.zeros(0, np.int64)
        self._live = np.zeros(len(lines.at), dtype=bool)

    def ask(self, asked: list[tuple[int, Whole]]) -> None:
        """Take what evaluation rows ask for: their number, and `(B, 3)` choices, the last number that of no row."""
        asked = sorted(asked, key=lambda one: len(one[1]))
        numbers = [(T[:, 0] * self.base + T[:, 1]) * self.base + T[:, 2] for _, T in asked]
        self._asked = [(place, one) for (place, _), one in zip(asked, numbers, strict=True)]
        every = np.concatenate([np.zeros(0, np.int64), *numbers])
        places = np.repeat([place for place, _ in asked], [len(one) for one in numbers]).astype(np.int64)
        order = np.argsort(every, kind="stable")
        self._number, self._place = every[order], places[order]
        self._live[[place for place, _ in asked]] = True
        self._done = np.zeros(0, np.int64)

    def proved(self, left: Callable[[int, Whole], Whole]) -> Iterator[int]:
        """Those that no choice moves, one after another, those that ask for fewest first.

        Args:
            left: given an evaluation row and choices `(B, 3)`, which of them it leaves open.
        """
        for place, numbers in self._asked:
            todo = np.setdiff1d(numbers, self._done) if self._alive()[place] else numbers[:0]
            todo = todo[left(place, self._choices(todo))]
            for start in range(0, len(todo), AT_ONCE):
                if not self._alive()[place]:
                    break
                self.check()
                some = todo[start : start + AT_ONCE]
                T = self._choices(some)
                sizes = (T < self.base - 1).sum(axis=1)
                for size in np.unique(sizes):
                    self._look(np.sort(T[sizes == size], axis=1)[:, :size], some[sizes == size])
            else:
                self._done = np.union1d(self._done, todo)
                if self._alive()[place]:
                    yield place

    def _choices(self, numbers: Whole) -> Whole:
        """`(B, 3)` the choices of some numbers."""
        return np.stack([numbers // self.base**2, numbers // self.base % self.base, numbers % self.base], axis=1)

    def _alive(self) -> Mask:
        return np.asarray(self._live & ~self.found.flipped[self.lines.at])

    def _wanted(self, numbers: Whole) -> Mask:
        """`(B, L)` which evaluation rows ask for some choices."""
        found = np.zeros((len(numbers), len(self._live)), dtype=bool)
        left, right = (np.searchsorted(self._number, numbers, side=side) for side in ("left", "right"))
        for b, (begin, end) in enumerate(zip(left, right, strict=True)):
            found[b, self._place[begin:end]] = True
        return found & self._alive()

    def _look(self, T: Whole, numbers: Whole) -> None:
        """Some choices of as many rows each: what is left open of evaluation rows is given up, or flipped."""
        sets, W = np.sort(self.rows[T], axis=1), self.refitter.V0 + self.delta[T].sum(axis=1)
        wanted, root = self._wanted(numbers), self.root
        if (base := base_of(root, root.c.V)) is not None:
            for turns, goal in NEARER:
                live = np.flatnonzero(wanted.any(axis=1))
                if not len(live):
                    return
                if turns and sets.shape[1]:
                    near = settled(root.c, root.blocks, sets[live], W[live], turns, goal)
                    W[live] = np.where(np.isfinite(near).all(axis=(1, 2), keepdims=True), near, W[live])
                wanted[live] &= self._open(base, sets[live], W[live], wanted[live])
        live = np.flatnonzero(wanted.any(axis=1))
        if len(live):
            self._refitted(sets[live], W[live], wanted[live])

    def _open(self, base: Base, sets: Whole, W: Array, wanted: Mask) -> Mask:
        """`(B, L)` what candidates leave open, in every matrix."""
        left = at_weights(base, sets, W)
        open_ = wanted.copy()
        for m, long in zip(self.metrics, self.long, strict=True):
            some = np.flatnonzero(open_.any(axis=0))
            if not len(some):
                break
            open_[:, some] &= look(m, left, sets, W, self.lines.part(some), long[some]).open
        return open_

    def _refitted(self, sets: Whole, W: Array, wanted: Mask) -> None:
        """Labels at refits: evaluation rows that are not proved to keep theirs are given up."""
        choices = deletions(sets)
        W = self.refitter.newton(choices, W, GOAL, self.check)
        sides, _ = self.head.sides(W, enclose_refits(self.head, choices, W))
        self.found.take(choices, W, sides)
        at = self.lines.at
        self._live[(wanted & (sides[:, at] != self.head.today[at])).any(axis=0)] = False
