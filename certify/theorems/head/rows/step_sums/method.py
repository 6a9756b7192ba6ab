"""D20: labels of a logistic head whose rows may carry weights, by sums of the refits after one change each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import ClassVar

import numpy as np

from certify.finders.head.unchanged import unchanged_refit
from certify.rigor import fp
from certify.rigor.finder import proposed
from certify.rigor.fp import Array
from certify.systems.head.rows.change import Choices, RowChange
from certify.systems.head.rows.head import Head, Whole
from certify.systems.head.rows.weights import RowWeights
from certify.theorems.head.rows.by_counts.method import labels_at
from certify.theorems.head.rows.flips import Found
from certify.theorems.head.rows.method import INEXACT, Budget, Mask, Method, Part
from certify.theorems.head.rows.searches.ended import ended
from certify.theorems.head.rows.step_sums.bound import bound
from certify.theorems.head.rows.step_sums.boxed import in_a_box
from certify.theorems.head.rows.step_sums.search import Case, Search
from certify.theorems.head.rows.step_sums.steps import steps

LARGEST, MOST = 30_000_000, 64
"""Most margins that are followed under steps, rows times changes; and most labels that change."""


@dataclass(frozen=True, eq=False)
class Setting:
    """A head whose weights do not follow counts, and the choices that are about it.

    Attributes:
        head: the head.
        rows: `(f,)` rows that may change.
        k: labels that change at most.
        exactly: how many of label 0 and of label 1; None: up to k of any.
    """

    head: Head
    rows: Whole
    k: int
    exactly: tuple[int, int] | None = None


class StepSums(Method):
    """Changed labels of a logistic head (D20). Certificates state less of it, by `label_sums`."""

    name: ClassVar[str] = "step_sums"
    weighs: ClassVar[bool] = True

    def able(self, head: Head, change: RowChange) -> str:
        """Whether the theorem applies."""
        if not head.loss.sigmoid:
            return f"the loss is {head.loss.name}, and sums of steps are for the logistic loss of one output"
        if not change.relabels:
            return "rows are deleted, and sums of steps are for labels"
        if head.weights is None:
            return "rows count the same, and other methods decide as much"
        if not len(change.rows):
            return "no row may change"
        if head.phi_rad.any() or head.points_rad.any():
            return INEXACT
        if head.n * len(change.rows) > LARGEST or not 1 <= change.count <= MOST:
            return f"{change.count} of {len(change.rows)} labels change among {head.n} rows, too many for sums of steps"
        if head.weights.balanced and (head.weights.rows != 1.0).any():
            return "rows have weights of their own beside the balanced ones"
        if head.weights.balanced and (gone := change.emptied(head)):
            return f"label {gone[0]} may lose all its rows, and then balanced weights have no meaning"
        return ""

    def complete(self, head: Head, change: RowChange) -> bool:
        """Where weights go by labels: the choice that takes most of a point is refitted, which finds most that flip."""
        return head.weights is not None and head.weights.by_label and not self.able(head, change)

    def prove(self, head: Head, change: RowChange, todo: Mask, budget: Budget) -> Part | None:
        """The points that stay in every setting, and choices that flip; bounds of all choices at once come first."""
        run = Run(head, todo, budget)
        with np.errstate(all="ignore"):
            run.run(change)
        return Part(self.name, run.proved & ~run.found.flipped, {}, run.found.flips(), why=run.why, late=run.late)


class Run:
    """All settings of a problem.

    Attributes:
        proved: `(N,)` the points that stay in all of them; `may` which may be among them.
        whole: weights near the refit of all rows, where these are needed.
        found: choices that flip points.
        why, late: what kept it from proving more, and whether that was the time.
    """

    def __init__(self, head: Head, todo: Mask, budget: Budget) -> None:
        self.head, self.budget, self.found, self.why, self.late = head, budget, Found(head), "", False
        self.todo, self.proved, self.may = todo & (head.today >= 0), np.zeros_like(todo), np.ones_like(todo)
        self.whole: Array | None = None

    def run(self, change: RowChange) -> None:
        """All of it, or what the time and the range of floats allow."""
        with ended(self):
            self._all(list(settings(self.head, change)))

    def _all(self, every: list[Setting]) -> None:
        """Every setting by one bound, then the points that these leave open choice by choice."""
        if self.head.weights is not None and self.head.weights.balanced:
            self.whole = proposed(lambda: unchanged_refit(self.head))
            self.todo &= self.whole is not None and labels_at(self.head, self.whole) == self.head.today
        stay, search = np.zeros((len(every), len(self.todo)), dtype=bool), None
        for number, setting in enumerate(every):
            search = self._search(setting)
            points = np.flatnonzero(self.todo & ~self.found.flipped)
            some = self._boxed(setting, points) if search is None else search.at_once(points)
            stay[number, some] = True
        self.proved |= self.todo & self.may & stay.all(axis=0)
        self._rest(every, stay, search if len(every) == 1 else None)

    def _rest(self, every: list[Setting], stay: Array, search: Search | None) -> None:
        """The points that some setting left open: they are proved where they stay in each of these."""
        left = self.todo & self.may & ~self.proved
        for number, setting in enumerate(every):
            points = np.flatnonzero(left & ~self.found.flipped & ~stay[number])
            search = (search or self._search(setting)) if len(points) else None
            for point in search.in_turn(points) if search is not None else ():
                stay[number, point] = True
                self.proved[point] |= stay[:, point].all()
            left &= stay[number]
            search = None

    def _search(self, setting: Setting) -> Search | None:
        """The search in a setting; None where nothing bounds its choices."""
        label = self.head.label
        st = steps(setting.head, relabelled(self.head, setting.rows), self.budget.check)
        b = None if st is None else bound(st, setting.k)
        if b is None or label is None:
            return None
        case = Case(b, label[setting.rows], setting.exactly)
        self.seen(setting, case)
        return Search(self.head, case, self.found, self.budget.check, lambda which: self._boxed(setting, which))

    def seen(self, setting: Setting, case: Case) -> None:
        """Told of every setting whose choices have a bound, before its points are looked at."""

    def _boxed(self, setting: Setting, which: Whole) -> Whole:
        return in_a_box(setting.head, self.head, setting.rows, setting.k, which, self.budget.left)


def relabelled(head: Head, rows: Whole) -> Choices:
    """Each of some rows with the other label."""
    assert head.label is not None
    return Choices(rows[:, None], 1 - head.label[rows][:, None])


def settings(head: Head, change: RowChange) -> Iterator[Setting]:
    """The head as it is; of balanced weights one for each pair of numbers of changes, which say what rows weigh.

    With `n'_y` rows of label y after them, and divided by `n/(2n'_0n'_1)`, a row weighs as many rows as the other label
    has, and `μ_a = 2μn'_0n'_1/n` (D19).
    """
    rows = np.array(change.rows, dtype=np.int64)
    if head.weights is None or not head.weights.balanced:
        yield Setting(head, rows, change.count)
        return
    assert head.label is not None
    counts = np.bincount(head.label, minlength=2).tolist()
    may = np.bincount(head.label[rows], minlength=2).tolist()
    for size in range(change.count, 0, -1):
        for first in range(max(0, size - may[1]), min(size, may[0]) + 1):
            second = size - first
            left = counts[0] - first + second, counts[1] - second + first
            assert min(left) > 0  # no label may lose all its rows
            decay = fp.exact(head.weight_decay) * Fraction(2 * left[0] * left[1], head.n)
            fp.up(decay)  # refuses what no float holds
            weights = RowWeights(np.ones(head.n), np.array([float(left[1]), float(left[0])]))
            some = rows if first and second else rows[head.label[rows] == (1 if second else 0)]
            yield Setting(replace(head, weights=weights, weight_decay=float(decay)), some, size, (first, second))
