"""D1: how many rows may be left out or relabelled until a prediction changes, for every evaluation row: both ends."""

from __future__ import annotations

from typing import Any

import numpy as np

from certify.format.methods import FIRST, OPEN
from certify.format.quantities import TOLERATED_CHANGES
from certify.format.theorems import D1_TOLERATED
from certify.format.words import Rigour
from certify.problem.bound import Bound, Hypothesis, SideArray
from certify.problem.cost import Cost
from certify.problem.problem import Problem
from certify.systems.head.point import CENTRE, HeadPoint
from certify.systems.head.rows.change import NONE, RowChange
from certify.systems.head.rows.head import Head, Whole
from certify.systems.head.rows.of_problem import change_of_rows, given_base
from certify.theorems.head.rows.claims import (
    DECAYED,
    FREE,
    UNKNOWN,
    ChangedRows,
    arrays_of,
    centre_of,
    remedy,
    seconds_of,
)
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.tolerance.search import Part, Search
from certify.theorems.rule import Rule

SORTED = "squared_labels"
"""The array of the rows whose ends are both those of D3."""


class ToleratedChanges(Rule[HeadPoint]):
    """D1, one number of rows after another."""

    theorem = D1_TOLERATED

    def cost(self, problem: Problem) -> tuple[Cost, ...]:
        """As of the predictions that stay."""
        return ChangedRows().cost(problem)

    def tolerated_changes(self, at: HeadPoint) -> Bound:
        """Of every evaluation row, at most the count; the claim is what half of them tolerate."""
        quantity = TOLERATED_CHANGES.name
        if isinstance(at.head, str):
            return self.open(at, quantity, at.head)
        if refused := self.refused(at, self.cost(at.problem)[0]):
            return self.open(at, quantity, refused)
        head, change = at.head, change_of_rows(at.problem)
        assert isinstance(change, RowChange)
        centre = at.shared(CENTRE, lambda: centre_of(head))
        if not np.isfinite(given_base(head, centre)).all():
            return self.open(at, quantity, UNKNOWN)
        search = Search(head, change.relabels, change.rows, Budget(seconds_of(at.limits.left())), at.progress)
        search.run(change.count, beyond=False)
        lower, upper = ends_of(search, change.count)
        convex = Hypothesis("convex", FREE if head.free_intercept else DECAYED, at.problem.weight_decay, True)
        arrays = {"centre": np.ravel(centre), **_arrays(search, lower, upper, change.count)}
        open_ = int((lower < upper).sum())
        helps = remedy(search.tried, search.cut, smaller=change.smaller)
        meet = f"the ends of {open_} evaluation rows do not meet: {helps}"
        return Bound(quantity, self.theorem.label, Rigour.PROVED, float(half(lower)), float(half(upper)),
                     at.unit(quantity), (convex,), {"array": SideArray("rows", arrays)}, meet if open_ else "",
                     tuple(range(len(lower))), tuple(map(float, lower)), tuple(map(float, upper)))


def ends_of(search: Search, count: int) -> tuple[Whole, Whole]:
    """Both ends of every row, from 0 to the count."""
    lower = np.clip(np.minimum(search.lower, search.upper), 0, count)
    return lower, np.maximum(lower, np.clip(search.upper, 0, count))


def half(values: Whole) -> int:
    """The largest number that at least half of some numbers reach.

    >>> half(np.array([0, 3, 7])), half(np.array([0, 3, 7, 9]))
    (3, 7)
    """
    return int(np.sort(values)[::-1][(len(values) + 1) // 2 - 1])


def _arrays(search: Search, lower: Whole, upper: Whole, count: int) -> dict[str, Any]:
    """What a checker needs: the proofs for every number of rows, and the changes that flip."""
    if search.exact:
        return {SORTED: ((lower > 0) | (upper < count)).astype(np.int64)}
    arrays: dict[str, Any] = {}
    for part in search.parts:
        if part.found.proved.any():
            arrays |= {f"{part.count}.{name}": array for name, array in _proofs(part).items()}
    flipped = [i for i in sorted(search.flips) if search.upper[i] < count]
    if flipped:
        arrays |= _flips(search.head, search, flipped)
    return arrays


def _proofs(part: Part) -> dict[str, Any]:
    """The part of a survey that proves: its points, their methods, and what these need."""
    arrays = {name: array for name, array in arrays_of(part.found).items() if not name.startswith("flips.")}
    status = part.found.status
    return {**arrays, "points": part.points.astype(np.int64), "status": np.where(status >= FIRST, status, OPEN)}


def _flips(head: Head, search: Search, flipped: list[int]) -> dict[str, Any]:
    """For every flipped point a change of its own."""
    width = max(1, *(len(search.flips[i].rows) for i in flipped))
    rows = np.full((len(flipped), width), NONE, dtype=np.int64)
    codes, point = rows.copy(), np.full(len(head.points), -1, dtype=np.int64)
    for a, i in enumerate(flipped):
        flip = search.flips[i]
        rows[a, : len(flip.rows)], codes[a, : len(flip.rows)], point[i] = flip.rows, flip.codes, a
    weights = np.array([np.ravel(search.flips[i].weights) for i in flipped])
    return {"flips.point": point, "flips.rows": rows, "flips.codes": codes, "flips.weights": weights}
