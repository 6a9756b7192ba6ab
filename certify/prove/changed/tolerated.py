"""How many changed rows each prediction survives, from both sides: one number of rows after another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from certify.format.errors import InputError
from certify.format.words import Parameter
from certify.problem.problem import Problem
from certify.problem.progress import Progress, told
from certify.prove.changed.lost import tell_of_lost
from certify.prove.changed.tolerated_shown import Tolerance, as_frame, as_html, drawn
from certify.prove.label_words import worded
from certify.prove.rows import VERBS, asked_any, asked_of, distance_of
from certify.prove.rows_asked import KINDS, asked_change, labelled
from certify.prove.rows_shown import LABEL, called
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.changes.groups import GroupChange
from certify.systems.head.rows.head import Head, Whole
from certify.systems.head.rows.of_problem import head_of
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.searches.methods import CLASSES
from certify.theorems.head.rows.tolerance.groups import GroupSearch
from certify.theorems.head.rows.tolerance.search import Search
from certify.theorems.jobs import among


@dataclass(frozen=True, eq=False)
class ToleratedChanges:
    """How many changed rows each prediction survives.

    Attributes:
        lower, upper: `(N,)` whole numbers; −1: exact training of the unchanged data gives another label already.
        kind: ``"delete"`` or ``"relabel"``.
        head: the head.
        changed: `(N,)` for each evaluation row the fewest training rows found whose change flips it; None: none found.
        classes: what y calls the labels; None: numbers.
        what: is compared of a prediction.
        unit: what is counted: ``"rows"``, or ``"groups"`` of them.
    """

    lower: Whole
    upper: Whole
    kind: str
    head: Head
    changed: tuple[tuple[int, ...] | None, ...]
    classes: tuple[Any, ...] | None = None
    what: str = LABEL
    unit: str = "rows"

    @property
    def asked(self) -> str:
        """What is counted, in words."""
        return f"{self.unit} {VERBS[self.kind]}"

    def rows(self) -> list[Tolerance]:
        """Every evaluation row with its label, both ends, and the training rows that flip it."""
        return [Tolerance(i, worded(self.classes, int(self.head.today[i])), int(self.lower[i]), int(self.upper[i]),
                          self.changed[i] or ())
                for i in range(len(self.lower))]

    def __repr__(self) -> str:
        N = len(self.lower)
        low, high = int(np.sort(self.lower)[(N - 1) // 2]), int(np.sort(self.upper)[N // 2])  # no half of a row
        until = "" if self.what == LABEL else " until another output is the largest"
        return (f"ToleratedChanges(median {low} to {high} {self.asked}{until}, exact for {self._exact} of {N} "
                "predictions)")

    def __str__(self) -> str:
        """The same; where ends lie apart also how many predictions survive how much, and which flips by fewest."""
        N = len(self.lower)
        if self._exact == N:
            return "\n  ".join([repr(self), *self._fewest()])
        half, most = int(np.sort(self.lower)[N // 2]), int(self.lower.max())
        counts = [count for count in sorted({1, half, most}) if count >= 1]
        survive = ", ".join(f"{int((self.lower >= count).sum())} any {count}" for count in counts)
        return "\n  ".join([repr(self), f"proved to survive, of {N}: {survive}", *self._fewest()])

    def _fewest(self) -> list[str]:
        """Which prediction flips by the fewest changes, where one that does was found."""
        fewest = int(self.upper.argmin())
        if (rows := self.changed[fewest]) is None:
            return []
        count = int(self.upper[fewest]) + 1
        by = f"{count} {self.unit[:-1] if count == 1 else self.unit}" if rows else "exact training alone"
        return [f"flips by fewest: prediction {fewest}, by {by}"]

    @property
    def _exact(self) -> int:
        """Of how many predictions the ends meet."""
        return int((self.lower == self.upper).sum())

    def _repr_html_(self) -> str:
        return as_html(self, self.what)

    def to_frame(self) -> Any:
        """A pandas DataFrame, a line for each evaluation row: label, lower, upper and the rows that flip it.

        Raises:
            InputError: pandas is not installed.
        """
        return as_frame(self, self.what)

    def plot(self, axes: Any = None) -> Any:
        """How many predictions stay, are undecided and flip, over the number of changed rows.

        Args:
            axes: of matplotlib; None: new ones.

        Returns:
            The axes.

        Raises:
            InputError: matplotlib is not installed.
        """
        return drawn(self, axes)


def tolerated_changes(
    problem: Problem, X_eval: Any, kind: str, *, groups: Any = None, most: int = 10, threshold: float | None = None,
    seconds: float = 60.0, jobs: int = 1, progress: Progress | None = None,
) -> ToleratedChanges:
    """How many deleted or relabelled rows, or deleted groups of rows, each prediction survives, from both sides.

    One number of rows after another is asked of the predictions that survived the last; the others, and changes of
    more rows, are only searched for what flips them. With less time the ends are further apart, and none is wrong.

    Args:
        problem, X_eval, threshold, jobs, progress: as of :func:`certify.stable_predictions`.
        kind: ``"delete"`` or ``"relabel"``.
        groups: the group of every row, e.g. its user or source: numbers are then of groups, all of whose rows are left
            out; all groups but one may be. `changed` has all rows of those that flip a prediction.
        most: numbers up to it are asked one after another, where no theorem answers all at once.
        seconds: time.
    """
    if kind not in KINDS:
        raise InputError("kind", f"{kind!r}", "use 'delete' or 'relabel'")
    if most < 1:
        raise InputError("most", f"{most!r}", "give 1 or more")
    if groups is not None and kind != "delete":
        raise InputError("groups", f"given with {kind!r}", "use 'delete': of relabelled groups ask "
                         "certify.stable_predictions(…, relabel=1, groups=…)")
    asked = labelled(asked_any(problem, X_eval, kind, 1) if groups is None else asked_of(
        problem, X_eval, asked_change(problem, 1, None, groups, None)), threshold)
    relabels, rows, together = Parameter(asked.parameter).relabels, tuple(asked.rows), asked.together
    count = min(most, len(rows) if together is None else len(together) - 1)
    tell_of_lost(asked, RowChange(relabels, count, rows) if together is None else GroupChange(
        relabels, count, together), numbers=False)
    head = head_of(asked)
    distance_of(head, problem.ended)
    with among(jobs), told(progress) as tell:
        search = Search(head, relabels, rows, Budget(seconds), tell, tuple(CLASSES)) if together is None else (
            GroupSearch(head, together, Budget(seconds), tell, tuple(CLASSES)))
        search.run(count)
        search.name_rows()
    return ToleratedChanges(np.minimum(search.lower, search.upper), search.upper, kind, search.head,
                            tuple(search.changed), problem.classes, called(search.head, problem.classes),
                            "rows" if together is None else "groups")
