"""D27: any three changed labels, from the refit after each label by itself.

Every choice belongs to that of its rows which does most: at the refit with its label alone choices of the others are
looked at, all pairs at once. What is open then is refitted, for the points with fewest open choices first, so that what
is proved holds wherever the time ends. proofs/heads-softmax-labels.md.
"""

from __future__ import annotations

import numpy as np

from certify.finders.head.changed import Changed
from certify.finders.head.near.own import OwnSteps
from certify.systems.head.rows.change import Choices
from certify.systems.head.rows.head import Whole
from certify.theorems.head.rows.softmax.centre import centre
from certify.theorems.head.rows.softmax_by_choice.candidates import lines_of
from certify.theorems.head.rows.softmax_three_labels.node import opened
from certify.theorems.head.rows.softmax_three_labels.noted import Noted
from certify.theorems.head.rows.softmax_three_labels.sums import grown, sums_of
from certify.theorems.head.rows.softmax_two_labels.search import AT_ONCE
from certify.theorems.head.rows.softmax_two_labels.search import Search as TwoLabels

OPEN = 100_000
"""Most open choices of a point; with more it stays open."""

NEAR = 0.01
"""Gradients of refits with two labels that are near enough, in the norm of the inverse."""


class Search(TwoLabels):
    """The search; what it has is that of two labels."""

    def _run(self) -> None:
        self._own = self._steps()
        if self._alone().size:
            self._flip()
        place = self._places()
        for u in np.argsort(place, kind="stable"):
            self.check()
            self._still_open()
            if len(self.at) and (later := np.flatnonzero(place > place[u])).size:
                self._node(int(u), later)
        self._settle()

    def _steps(self) -> OwnSteps:
        self.refits = Changed(self.head, True)
        return OwnSteps(self.refits.refitter, held=True)

    def _alone(self) -> Whole:
        """Refit with each label by itself, and keep and return the points that keep their label under all of these."""
        self.V0, f = self.refits.V0, len(self.rows)
        self._tried = np.zeros(0, np.int64)
        self.W = self.refits.solve(self.singles, check=self.check)
        nothing = Choices(np.zeros((1, 0), np.int64), np.zeros((1, 0), np.int64))
        clear = self.todo & (self._sides(nothing, self.V0[None].copy()) == self.head.today).all(axis=0)
        for start in range(0, f, AT_ONCE):
            some = slice(start, start + AT_ONCE)
            clear &= (self._sides(self.singles.part(some), self.W[some].copy()) == self.head.today).all(axis=0)
        self.at = np.flatnonzero(clear & ~self.found.flipped)
        self._noted = Noted(np.full(len(self.todo), OPEN))
        return self.at

    def _still_open(self) -> None:
        """Leave out the points that are flipped or given up by now."""
        self.at = self.at[~self.found.flipped[self.at] & ~self._noted.over[self.at]]

    def _places(self) -> Whole:
        """`(f,)` the place of the row of each change: rows whose labels do most to others come first."""
        c = centre(self.head, self.V0)
        does = np.zeros(self.head.n)
        for start in range(0, len(self.rows), AT_ONCE):
            some = slice(start, start + AT_ONCE)
            psi, _, _ = grown(c, self.W[some] - self.V0)
            np.maximum.at(does, self.rows[some], (c.S[:, :, None] * (psi - 1.0) ** 2).sum(axis=(0, 1)))
        place = np.empty(self.head.n, np.int64)
        place[np.argsort(-does, kind="stable")] = np.arange(self.head.n)
        return np.asarray(place[self.rows])

    def _choices(self, *members: Whole) -> Choices:
        """Choices of changes `(B,)`, of each another row."""
        each = np.stack(members, axis=1)
        return Choices(self.rows[each], self.codes[each])

    def _node(self, u: int, later: Whole) -> None:
        """The choices of a change and at most two others of rows in later places."""
        both = self._choices(np.full_like(later, u), later)
        start = self.W[later] + (self.W[u] - self.V0)
        W = self._own.nearer(both, start, 2, 3)
        known, before = centre(self.head, self.W[u]), self._choices(np.full(1, u))
        sums = sums_of(known, before, W, both)
        bad = np.flatnonzero(~(sums.left <= NEAR)) if sums is not None else np.arange(len(W))
        if len(bad):
            part = Choices(both.rows[bad], both.codes[bad])
            W[bad] = self.refits.refitter.newton(part, start[bad], 0.0, self.check)
            sums = sums_of(known, before, W, both)
        if sums is None:
            self._noted.give_up(self.at)
            return
        room = OPEN - self._noted.many[self.at]
        found = opened(sums, lines_of(self.head, self.at), self.rows[later], W, room, self.check)
        first = later[found.first]
        second = np.where(found.second < 0, len(self.rows), later[found.second])
        self._noted.add(self.at[found.line], self._number(np.full_like(first, u), first, second))
        self._noted.give_up(self.at[found.over])

    def _number(self, *members: Whole) -> Whole:
        """One number for a choice: its changes in order, one beyond all where there are fewer."""
        each, number = np.sort(np.stack(members), axis=0), np.zeros_like(members[0])
        for one in each:
            number = number * (len(self.rows) + 1) + one
        return np.asarray(number)

    def _flip(self) -> None:
        """Refit for each point and each other class the three labels that take most to first order."""
        margins, _ = lines_of(self.head, self.at).margins(np.concatenate([self.W, self.V0[None]]))
        push = (margins[:-1] - margins[-1]).reshape(len(self.rows), -1)
        members: list[Whole] = []
        for _ in range(3):
            members.append(push.argmin(axis=0))
            push = np.where(self.rows[:, None] == self.rows[members[-1]], np.inf, push)
        three = len(np.unique(self.rows)) >= 3
        self._refit(np.unique(self._number(*members)) if three else np.zeros(0, np.int64))

    def _settle(self) -> None:
        """Refit what is open, for the points with fewest open choices first."""
        point, number = self._noted.all()
        order = np.argsort(point, kind="stable")
        point, number = point[order], number[order]
        over, many = self._noted.over, self._noted.many
        del self._noted  # in order they need no second place
        for one in self.at[np.argsort(many[self.at], kind="stable")]:
            if not self.found.flipped[one] and not over[one]:
                mine = np.unique(number[slice(*np.searchsorted(point, [one, one + 1]))])
                self._refit(mine)
                self.proved[one] = not self.unsure[one] & set(mine.tolist())
        if (self.todo & ~self.proved & ~self.found.flipped).any():
            self.why = "bounds leave more choices open than are refitted, or refits are not known near enough"

    def _refit(self, numbers: Whole) -> None:
        """Refit choices that were not refitted yet."""
        f = len(self.rows) + 1
        numbers = np.setdiff1d(numbers, self._tried, assume_unique=True)
        for start in range(0, len(numbers), AT_ONCE):
            self.check()
            some = numbers[start : start + AT_ONCE]
            for three in (True, False):  # choices of two apart from those of three
                part = some[(some % f < f - 1) == three]
                if not len(part):
                    continue
                each = np.stack([part // (f * f), part // f % f, part % f][: 2 + three], axis=1)
                choices = Choices(self.rows[each], self.codes[each])
                V = self.W[each].sum(axis=1) - each[0].size * self.V0 + self.V0
                sides = self._sides(choices, self._nearer(choices, V))
                open_ = (sides != self.head.today) & self.todo & ~self.found.flipped
                for b, point in zip(*np.nonzero(open_), strict=True):
                    self.unsure[point].add(int(part[b]))
            self._tried = np.union1d(self._tried, some)
