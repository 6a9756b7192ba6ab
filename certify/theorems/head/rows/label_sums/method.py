"""D20 in certificates: what sums of single refits prove, of points of which a checker looks at few choices."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from certify.rigor.fp import Array
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head, Whole
from certify.theorems.head.rows.box_tree import refusal
from certify.theorems.head.rows.label_sums.looked_at import MOST, followed
from certify.theorems.head.rows.method import Budget, Mask, Part
from certify.theorems.head.rows.step_sums.method import Run, Setting, StepSums
from certify.theorems.head.rows.step_sums.search import Case

SHARE = 0.5
"""Of what a checker may still look at, for one of several settings."""

MANY = "a check of them would look at too many choices one by one"


class LabelSums(StepSums):
    """Changed labels of a logistic head (D20), of points that a checker decides by linear steps and few refits.

    Its arrays are the weights at the centre of each setting. What a checker would look at is an estimate in floats: it
    says which points are stated, and no proof rests on it.
    """

    name: ClassVar[str] = "label_sums"

    def able(self, head: Head, change: RowChange) -> str:
        """Whether the theorem applies."""
        return refusal(head, change) or super().able(head, change)

    def prove(self, head: Head, change: RowChange, todo: Mask, budget: Budget) -> Part | None:
        """The points that stay in every setting, and choices that flip."""
        run = _Stated(head, todo, budget)
        with np.errstate(all="ignore"):
            run.run(change)
        proved = run.proved & ~run.found.flipped
        why = run.why or (MANY if not run.may[todo & ~run.found.flipped].all() else "")
        return Part(self.name, proved, run.arrays() if proved.any() else {}, run.found.flips(), why=why, late=run.late)


class _Stated(Run):
    """All settings, with what a checker needs of them."""

    def __init__(self, head: Head, todo: Mask, budget: Budget) -> None:
        super().__init__(head, todo, budget)
        self._centres, self._left = dict[str, Array](), MOST

    def arrays(self) -> dict[str, Array]:
        """The weights at every centre, and near the refit of all rows."""
        return {**self._centres} if self.whole is None else {"weights": self.whole.ravel(), **self._centres}

    def seen(self, setting: Setting, case: Case) -> None:
        """Keep the centre, and leave out points of which a checker would look at many choices."""
        name = "weights" if setting.exactly is None else "{}-{}".format(*setting.exactly)
        if name not in self._centres:
            self._centres[name] = case.bound.steps.w
            points = np.flatnonzero(self.todo & self.may & ~self.found.flipped)
            share = 1.0 if setting.exactly is None else SHARE
            self.may[points], used = followed(case, self.head, points, self.budget.check,
                                              (share * self._left[0], share * self._left[1]))
            self._left = self._left[0] - used[0], self._left[1] - used[1]

    def _boxed(self, setting: Setting, which: Whole) -> Whole:
        """None: no box is stated."""
        return which[:0]
