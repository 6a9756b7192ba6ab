"""Changes of groups that flip predictions, without the groups that are not needed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from certify.finders.head.refits import Refitter
from certify.rigor.finder import proposed
from certify.rigor.fp import Array
from certify.systems.head.rows.change import NONE, Choices
from certify.systems.head.rows.changes.groups import GroupChange
from certify.systems.head.rows.head import Head, Whole
from certify.systems.head.rows.refit import enclose_refits
from certify.theorems.head.rows.method import Budget, Flips
from certify.theorems.head.rows.survey import Survey

SHARE = 0.1
"""Of the time that was given: for dropping groups where nothing else is left of it."""


def without_idle(head: Head, change: GroupChange, found: Survey, budget: Budget) -> Survey:
    """The survey, each flip without every group that it flips without: each smaller change is proved by its refit.

    Args:
        head: the head.
        change: of groups.
        found: its survey.
        budget: the time; once it is up, the flips are as they are then.
    """
    flips = found.flips
    several = [a for a, rows in enumerate(flips.rows) if len({change.place[row] for row in rows if row != NONE}) > 1]
    at = np.flatnonzero(np.isin(flips.point, several))
    refitter = proposed(lambda: Refitter(head)) if len(at) else None
    if refitter is None:
        return found
    smaller = _Smaller(head, change, flips, refitter)
    for a in several:
        if budget.left() <= 0:
            break
        smaller.shrink(a, at[flips.point[at] == a], budget)
    return replace(found, flips=smaller.flips())


class _Smaller:
    """Flips while they lose groups: those that there were, then the smaller ones."""

    def __init__(self, head: Head, change: GroupChange, flips: Flips, refitter: Refitter) -> None:
        self.head, self.change, self.refitter, self.width = head, change, refitter, flips.rows.shape[1]
        self.point = flips.point.copy()
        self.rows, self.codes, self.weights = list(flips.rows), list(flips.codes), list(flips.weights)

    def shrink(self, a: int, points: Whole, budget: Budget) -> None:
        """Drop one group after another, as long as the points that a change flips are flipped without it."""
        waiting = [(a, points)]
        while waiting and budget.left() > 0:
            a, points = waiting.pop()
            choices, V = self._one_less(a)
            if not len(choices) or not len(points):
                continue
            sides, _ = self.head.sides(V, enclose_refits(self.head, choices, V))
            flipped = (sides[:, points] >= 0) & (sides[:, points] != self.head.today[points])
            first = np.where(flipped.any(axis=0), flipped.argmax(axis=0), -1)
            for b in np.unique(first[first >= 0]).tolist():
                self.rows.append(choices.rows[b])
                self.codes.append(choices.codes[b])
                self.weights.append(V[b])
                self.point[points[first == b]] = len(self.rows) - 1
                waiting.append((len(self.rows) - 1, points[first == b]))

    def _one_less(self, a: int) -> tuple[Choices, Array]:
        """The change without each of its groups in turn, and weights near the refits; none where it has one group."""
        owner = np.array([self.change.place[row] if row != NONE else NONE for row in self.rows[a].tolist()])
        groups = np.unique(owner[owner != NONE])
        rows, codes = (np.full((len(groups) if len(groups) > 1 else 0, self.width), NONE, dtype=np.int64)
                       for _ in range(2))
        for b, group in enumerate(groups[:len(rows)]):
            left = (owner != NONE) & (owner != group)
            rows[b, self.width - left.sum():] = self.rows[a][left]  # empty places first
            codes[b, self.width - left.sum():] = self.codes[a][left]
        choices, near = Choices(rows, codes), np.repeat(self.weights[a][None], len(rows), axis=0)
        with np.errstate(all="ignore"):
            return choices, self.refitter.newton(choices, near, 0.0, lambda: None) if len(rows) else near

    def flips(self) -> Flips:
        """Those that some point is flipped by."""
        used, point = np.unique(self.point[self.point >= 0], return_inverse=True)
        found = self.point.copy()
        found[found >= 0] = point
        return Flips(found, *(np.array([some[a] for a in used.tolist()]) for some in (
            self.rows, self.codes, self.weights)))
