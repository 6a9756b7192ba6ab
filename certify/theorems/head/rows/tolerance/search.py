"""How many changed rows each prediction survives, from both sides: one number of rows after another."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from certify.finders.head.unchanged import unchanged_refit
from certify.problem.limits import OutOfTime
from certify.problem.progress import Progress
from certify.rigor.finder import proposed
from certify.systems.head.rows.change import NONE, Choices, RowChange
from certify.systems.head.rows.changes.base import Change
from certify.systems.head.rows.head import Head, Whole
from certify.systems.head.rows.refit import enclose_refits
from certify.theorems.head.rows.method import Budget, Flips
from certify.theorems.head.rows.searches.methods import CHECKED
from certify.theorems.head.rows.survey import Survey, survey
from certify.theorems.head.rows.tolerance.fewer_rows import LARGEST, Fewer, Flip

TURN, BEYOND = 0.5, 0.2
"""Shares of the time that is left: for one number of rows, and for changes of more rows than were asked about."""

CLIMB = 0.7
"""Share of the time for proofs; the rest is for the search of changes that flip what is still open."""


@dataclass(frozen=True, eq=False)
class Part:
    """What a survey proved of some predictions.

    Attributes:
        count: how many rows change.
        points: numbers of the predictions.
        found: their survey.
    """

    count: int
    points: Whole
    found: Survey


class Search:
    """Both ends of every prediction while they approach each other.

    Args:
        head: the head.
        relabels: whether labels change; else rows are deleted.
        rows: those that may.
        limit: the time.
        tell: told the stage and the fraction done.
        methods: those that may be used; as a rule those that certificates state.

    Attributes:
        exact: name of the method that knew all numbers at once; "": none did.
        by_rows: whether rows are counted, as methods count that know all numbers at once.
    """

    by_rows: ClassVar[bool] = True

    def __init__(self, head: Head, relabels: bool, rows: tuple[int, ...], limit: Budget, tell: Progress,
                 methods: tuple[str, ...] = CHECKED) -> None:
        self.head, self.relabels, self.rows, self.limit, self.tell = head, relabels, rows, limit, tell
        self.methods = methods
        N = len(head.points)
        self.lower, self.upper = np.full(N, -1, dtype=np.int64), np.full(N, self.units, dtype=np.int64)
        self.changed: list[tuple[int, ...] | None] = [None] * N
        self.flips: dict[int, Flip] = {}
        self.parts: list[Part] = []
        self.exact = ""
        self.tried, self.cut = 0, False
        known = head.today >= 0
        nothing = Choices(np.full((1, 0), NONE), np.full((1, 0), NONE))
        V = proposed(lambda: unchanged_refit(head))
        V = head.V if V is None else V
        sides, _ = head.sides(V[None], enclose_refits(head, nothing, V[None]))
        self.lower[known & (sides[0] == head.today)] = 0
        for i in np.flatnonzero(known & (sides[0] >= 0) & (sides[0] != head.today)):
            self.upper[i], self.changed[i] = -1, ()  # the refit of the unchanged data has another label already
            self.flips[int(i)] = Flip(nothing.rows[0], nothing.codes[0], V)

    @property
    def units(self) -> int:
        """How many may change at most."""
        return len(self.rows)

    def change(self, count: int) -> Change:
        """So many of them."""
        return RowChange(self.relabels, count, self.rows)

    def size(self, rows: Whole) -> int:
        """How many change with these rows."""
        return len(rows)

    def climb(self, count: int, proofs: Budget) -> bool:
        """Ask about one more row where one fewer is proved; whether any prediction survives it."""
        fewer = self.lower == count - 1 if count > 1 else self.lower < 1  # what survives any one survives none as well
        at = np.flatnonzero((self.head.today >= 0) & fewer & (self.upper >= count))
        if not len(at):
            return False
        found = self._survey(at, count, proofs.share(TURN).left(), self.methods)
        for name, part in found.parts.items():
            if part.tolerated is not None and self.by_rows:
                low, high = part.tolerated
                self.lower[at], self.upper[at] = np.maximum(self.lower[at], low), np.minimum(self.upper[at], high)
                self.exact = name
                return False
        self.lower[at[found.proved]] = count
        self.parts.append(Part(count, at, found))
        return bool(found.proved.any())

    def run(self, most: int, beyond: bool = True) -> None:
        """All of it: up to `most` rows, and whether changes of more of them are searched as well."""
        proofs = self.limit.share(CLIMB)
        for count in range(1, most + 1):
            self.cut |= proofs.left() <= 0
            if proofs.left() <= 0 or not self.climb(count, proofs):
                break
        self.flip_others(most, beyond)
        self.shrink()

    def flip_others(self, most: int, beyond: bool = True) -> None:
        """Search changes that flip predictions whose ends do not meet, of few rows first, then of more than `most`."""
        counts = [*range(1, most + 1)] if not self.exact else []
        while counts and counts[-1] < self.units and beyond:
            counts.append(min(2 * counts[-1], self.units))
        for place, count in enumerate(counts):
            open_ = np.flatnonzero((self.head.today >= 0) & (self.lower < count) & (self.upper >= count))
            left = self.limit.left()
            if not len(open_) or left <= 0:
                continue
            self._survey(open_, count, left * max(BEYOND, 1 / (len(counts) - place)), ())

    def name_rows(self) -> None:
        """Where one sort gave every number: the rows that flip each prediction, as far as time goes."""
        at = np.array([i for i, rows in enumerate(self.changed) if rows is None and self.head.today[i] >= 0
                       and self.upper[i] < self.units], dtype=np.int64)
        if self.exact and len(at):
            self._survey(at, int(self.upper[at].max()) + 1, self.limit.left() * TURN, (self.exact,))

    def _survey(self, at: Whole, count: int, seconds: float, methods: tuple[str, ...]) -> Survey:
        """The survey of some predictions; what flips one of them is kept, where it has the fewest rows."""
        part = replace(self.head, points=self.head.points[at], points_rad=self.head.points_rad[at])
        found = survey(part, self.change(count), max(seconds, 0.0), self.tell, methods)
        self._keep(at, found.flips)
        self.tried, self.cut = self.tried + found.tried, self.cut or found.cut
        return found

    def _keep(self, at: Whole, flips: Flips) -> None:
        for i, a in zip(at.tolist(), flips.point.tolist(), strict=True):
            if a >= 0:
                there = flips.rows[a] != NONE
                self._take(i, Flip(flips.rows[a][there], flips.codes[a][there], flips.weights[a]))

    def _take(self, i: int, flip: Flip) -> None:
        fewer = self.size(flip.rows) - 1 - int(self.upper[i])
        if fewer < 0 or (not fewer and self.changed[i] is None):
            self.flips[i] = flip
            self.upper[i], self.changed[i] = self.size(flip.rows) - 1, tuple(sorted(flip.rows.tolist()))

    def shrink(self) -> None:
        """Drop rows that a change does not need, where the ends do not meet, as long as there is time."""
        open_ = [i for i in self.flips if self.upper[i] > self.lower[i]]
        if not open_ or self.head.k * self.head.m > LARGEST:
            return
        fewer = proposed(lambda: Fewer(self.head))
        if fewer is None:
            return
        try:
            for place, i in enumerate(sorted(open_, key=lambda i: len(self.flips[i].rows))):
                self.tell("dropping rows that are not needed", place / len(open_))
                self._take(i, fewer.of(i, self.flips[i], int(self.lower[i]) + 1, self.limit.check))
        except OutOfTime:
            return
