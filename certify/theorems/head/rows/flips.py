"""Changes that flip predictions: found by whatever search, and kept when their refit proves it (D1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from certify.finders.head.unchanged import unchanged_refit
from certify.rigor.finder import proposed
from certify.rigor.fp import Array
from certify.systems.head.rows.centred import Centred
from certify.systems.head.rows.change import NONE, Choices
from certify.systems.head.rows.changes.base import Change, Choice
from certify.systems.head.rows.head import Head, Whole
from certify.systems.head.rows.refit import enclose_refits
from certify.theorems.head.rows.method import Flips, Mask

OPEN: Final = -1
ELSEWHERE: Final = -2
"""A point that is flipped by a change which another search holds."""

WORK: Final = 2e10
"""Multiplications of the Hessian of the unchanged data at most, to know that no row is to blame."""


class Found:
    """Collects changes that are proved to flip points, the first for each point.

    Args:
        head: the head.
        seen: the same from the middle of its rows, for proofs.
    """

    def __init__(self, head: Head, seen: Centred | None = None) -> None:
        self.head, self.seen = head, seen
        self.point = np.full(len(head.points), OPEN, dtype=np.int64)
        self._kept: list[tuple[Choices, Array]] = []

    def beside(self, flipped: Mask) -> Found:
        """A collector for the other points, whose changes are merged here."""
        own = Found(self.head, self.seen)
        own.point[flipped] = ELSEWHERE
        return own

    @property
    def flipped(self) -> Mask:
        """`(N,)` which points have a change that flips them."""
        return np.asarray(self.point != OPEN)

    def prove(self, choices: Choices, V: Array) -> None:
        """Keep those of a batch whose refits flip a point that had no change yet."""
        head, near = (self.head, V) if self.seen is None else (self.seen.head, self.seen.forth(V))
        sides, _ = head.sides(near, enclose_refits(head, choices, near))
        self.take(choices, V, sides)

    def take(self, choices: Choices, V: Array, sides: Whole) -> None:
        """The same, with the labels that are proved after each change."""
        new = (sides >= 0) & (sides != self.head.today) & (self.head.today >= 0) & ~self.flipped
        for at in np.flatnonzero(new.any(axis=1)):
            points = new[at] & ~self.flipped
            if points.any():
                self._kept.append((choices.part(slice(at, at + 1)), V[at]))  # first, as memory may be short between
                self.point[points] = len(self._kept) - 1

    def merge(self, flips: Flips, permits: Callable[[Choice], bool] = lambda choice: True) -> None:
        """Take over those that another search has proved, of the choices that are asked about."""
        for number in range(len(flips.rows)):
            points = (flips.point == number) & ~self.flipped
            there = flips.rows[number] != NONE
            if points.any() and permits((tuple(flips.rows[number][there].tolist()),
                                         tuple(flips.codes[number][there].tolist()))):
                self._kept.append((Choices(flips.rows[number : number + 1], flips.codes[number : number + 1]),
                                   flips.weights[number]))
                self.point[points] = len(self._kept) - 1

    def flips(self) -> Flips:
        """Everything that was kept, in one width."""
        width = max((one.rows.shape[1] for one, _ in self._kept), default=0)
        rows = np.full((len(self._kept), width), NONE, dtype=np.int64)
        codes = rows.copy()
        for number, (one, _) in enumerate(self._kept):
            rows[number, : one.rows.shape[1]], codes[number, : one.rows.shape[1]] = one.rows[0], one.codes[0]
        weights = np.array([V for _, V in self._kept]).reshape(len(self._kept), self.head.k, self.head.m)
        return Flips(self.point.copy(), rows, codes, weights)


def already(found: Found, change: Change, known: Mask) -> None:
    """Keep the points that the minimum of the unchanged data gives another label: no row is to blame for these.

    It is the choice of no row, which is one of those that are asked about. Where the given weights are too near that
    minimum for any label to differ, nothing is computed.

    Args:
        found: where it is kept.
        change: what may happen to the rows.
        known: the points whose label is asked about.
    """
    head = found.head
    work = head.n * float(head.m) ** 2 * (1 if head.loss.quadratic else head.k**2)
    if not change.permits(head, ((), ())) or work > WORK:
        return
    nothing = Choices(np.full((1, 1), NONE), np.full((1, 1), NONE))
    sides, _ = head.sides(head.V[None], enclose_refits(head, nothing, head.V[None]))
    if (sides[0] == head.today)[known].all():
        return
    V = proposed(lambda: unchanged_refit(head))
    if V is not None:
        found.prove(nothing, V[None])
