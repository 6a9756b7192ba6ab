"""D18 for labels: pairs of changed labels by Lemma 2, and by their refits where that leaves a point open.

Pairs are looked at for all points at once; then points are taken in turn, those with fewest open pairs first, so that
what is proved holds wherever the time ends. proofs/heads-softmax-by-choice.md.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from certify.finders.head.changed import Changed
from certify.finders.head.near.own import OwnSteps
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.change import Choices, RowChange, choices_of
from certify.systems.head.rows.head import Head, Whole
from certify.systems.head.rows.refit import enclose_refits
from certify.theorems.head.rows.flips import Found
from certify.theorems.head.rows.method import Mask
from certify.theorems.head.rows.searches.ended import ended, in_memory
from certify.theorems.head.rows.softmax.centre import centre
from certify.theorems.head.rows.softmax_by_choice.candidates import Lines, lines_of
from certify.theorems.head.rows.softmax_by_choice.metric import as_it_is, root_metric
from certify.theorems.head.rows.softmax_by_choice.pairs import ROOM, Pairs, pairs_of

STEPS, AT_ONCE = (2, 3), 1024
"""Newton steps towards a refit from the sum of two steps, and products with a Hessian in each; refits at a time."""

OPEN = 200_000
"""Most open pairs of a point; with more it stays open."""


class Search:
    """The search.

    Attributes:
        proved: `(N,)` the points whose pairs were all looked at.
        found: labels that flip points.
        why, late: what kept it from proving more, and whether that was the time.

    Args:
        head: a softmax head.
        change: any two labels.
        todo: the points in question.
        check: raises when the time is up.
    """

    def __init__(self, head: Head, change: RowChange, todo: Mask, check: Callable[[], None]) -> None:
        self.head, self.check, self.found, self.why, self.late = head, check, Found(head), "", False
        self.singles = next(choices_of(head, change, 1, at_once=change.choices(head, 1)))
        self.rows, self.codes = self.singles.rows[:, 0], self.singles.codes[:, 0]
        self.todo, self.proved = todo & (head.today >= 0), np.zeros_like(todo)
        self.unsure: list[set[int]] = [set() for _ in range(len(todo))]
        self._done = np.zeros(len(self.rows) ** 2, dtype=bool)

    def run(self) -> None:
        """All of it, or what the time allows."""
        with ended(self), in_memory(self):
            self._run()

    def _run(self) -> None:
        self.refits = Changed(self.head, True)
        self._own = OwnSteps(self.refits.refitter)
        self.V0, f = self.refits.V0, len(self.rows)
        c = centre(self.head, self.V0)
        m = root_metric(as_it_is(c))
        if m is None:
            self.why = "the curvature of the unchanged head could not be bounded below"
            return
        self.W = self.refits.solve(self.singles, check=self.check)
        nothing = Choices(np.zeros((1, 0), np.int64), np.zeros((1, 0), np.int64))
        clear = self.todo & (self._sides(nothing, self.V0[None].copy()) == self.head.today).all(axis=0)
        for start in range(0, f, AT_ONCE):
            some = slice(start, start + AT_ONCE)
            clear &= (self._sides(self.singles.part(some), self.W[some].copy()) == self.head.today).all(axis=0)
        pairs = pairs_of(m, c, self.rows, self.W, self.check, self.singles)
        if pairs is None:
            self.why = "the outputs of the unchanged head are not known well enough"
            return
        at = np.flatnonzero(clear & ~self.found.flipped)
        lines = lines_of(self.head, at)
        margins, off = self._margins(lines)
        self._worst(margins)
        live = ~self.found.flipped[at]
        opened = self._opened(pairs, lines.part(np.flatnonzero(live)), lines.lengths(m)[live], margins[:, live],
                              off[:, live])
        at = at[live]
        for place in np.argsort([len(one) for one in opened], kind="stable"):
            point = int(at[place])
            if not self.found.flipped[point] and len(opened[place]) <= OPEN:
                self._refit(opened[place])
                self.proved[point] = not self.unsure[point] & set(opened[place].tolist())

    def _margins(self, lines: Lines) -> tuple[Array, Array]:
        """`(f + 1, L, k − 1)` margins at the steps and, last, at the centre, in floats; and what they are off by."""
        return lines.margins(np.concatenate([self.W, self.V0[None]]))

    def _worst(self, margins: Array) -> None:
        """Refit for each point and each other class the two labels that take most to first order."""
        push = (margins[:-1] - margins[-1]).reshape(len(self.rows), -1)
        first = push.argmin(axis=0)
        beside = np.where(self.rows[:, None] == self.rows[first], np.inf, push)
        second = beside.argmin(axis=0)
        two = self.rows[second] != self.rows[first]  # not where a single row may change
        self._refit(np.unique(self._number(first[two], second[two])))

    def _number(self, i: Whole, l: Whole) -> Whole:
        """One number for a pair."""
        return np.asarray(np.minimum(i, l) * len(self.rows) + np.maximum(i, l))

    def _opened(self, pairs: Pairs, lines: Lines, lengths: Array, margins: Array, off: Array) -> list[Whole]:
        """For each line the pairs that Lemma 2 leaves open, by number."""
        f, found = len(self.rows), [list[Whole]() for _ in range(len(lines.at))]
        many = np.zeros(len(lines.at), dtype=np.int64)
        for i in range(f - 1):
            self.check()
            others = np.arange(i + 1, f)[self.rows[i + 1 :] != self.rows[i]]
            if not len(others):
                continue
            r = pairs.distances(i, others)
            low = margins[i] + margins[others] - margins[-1]
            low -= (off[i] + off[others] + off[-1]) * RAISE
            low -= 8 * U * (np.abs(margins[i]) + np.abs(margins[others]) + np.abs(margins[-1]))
            open_ = ~(lengths * (r[:, None, None] * ROOM * RAISE) < low).all(axis=-1)
            for line in np.flatnonzero(open_.any(axis=0) & (many <= OPEN)):
                found[line].append(self._number(np.full(1, i), others[open_[:, line]]))
                many[line] += len(found[line][-1])
        return [np.concatenate([np.zeros(0, np.int64), *one]) for one in found]

    def _refit(self, numbers: Whole) -> None:
        """Refit pairs that were not refitted yet."""
        f = len(self.rows)
        numbers = numbers[~self._done[numbers]]
        for start in range(0, len(numbers), AT_ONCE):
            self.check()
            some = numbers[start : start + AT_ONCE]
            both = np.stack([some // f, some % f], axis=1)
            choices = Choices(self.rows[both], self.codes[both])
            sides = self._sides(choices, self._nearer(choices, self.W[both].sum(axis=1) - self.V0))
            self._done[some] = True
            for b, point in zip(*np.nonzero((sides < 0) & self.todo), strict=True):
                self.unsure[point].add(int(some[b]))

    def _nearer(self, choices: Choices, V: Array) -> Array:
        """Newton steps in four bytes, and one with the inverse at the centre: a finder."""
        V = self._own.nearer(choices, V, *STEPS)
        g = self.refits.refitter.gradients(choices, V)
        return np.asarray(V - (g.reshape(len(g), -1) @ self.refits.inverse()).reshape(V.shape))

    def _sides(self, choices: Choices, V: Array) -> Whole:
        """`(B, N)` the labels that are proved at refits; those that flip a point are taken down."""
        sides, _ = self.head.sides(V, enclose_refits(self.head, choices, V))
        open_ = np.flatnonzero(((sides < 0) & self.todo & ~self.found.flipped).any(axis=1))
        if len(open_):
            part = Choices(choices.rows[open_], choices.codes[open_])
            V[open_] = self.refits.refitter.newton(part, V[open_], 0.0, self.check)
            sides[open_], _ = self.head.sides(V[open_], enclose_refits(self.head, part, V[open_]))
        self.found.take(choices, V, sides)
        return sides
