"""D1: how large and how small linear functionals of a head's weights get, over every choice of changed rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

import numpy as np

from certify.finders.head.changed import Changed
from certify.format.errors import InputError
from certify.format.quantities import FUNCTIONAL
from certify.format.theorems import D1_RANGES
from certify.format.words import By, Rigour
from certify.problem.bound import Bound, Hypothesis, SideArray
from certify.problem.cost import Cost
from certify.problem.limits import OutOfTime
from certify.problem.problem import Problem
from certify.rigor import fp
from certify.rigor.finder import proposed
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.point import CENTRE, HeadPoint
from certify.systems.head.rows.change import NONE, RowChange
from certify.systems.head.rows.changes.base import Change
from certify.systems.head.rows.head import Head, Whole
from certify.systems.head.rows.of_problem import change_of_rows, given_base
from certify.systems.head.rows.refit import enclose_refits
from certify.theorems.head.rows.claims import DECAYED, FREE, UNKNOWN, ChangedRows, centre_of, seconds_of
from certify.theorems.head.rows.enumeration import STORED
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.moves.boxed import proved, with_levels
from certify.theorems.head.rows.moves.boxed_ranges import kept_of
from certify.theorems.head.rows.moves.counted import ONE_BY_ONE
from certify.theorems.rule import Rule

ROOM, SLACK = 4.0, 2.0**-30
"""Times a distance that a checker may find, who looks at other roundings; and what ends have to spare, relatively."""
LARGEST: Final = "largest value of a functional"
SMALLEST: Final = "smallest value of a functional"
SHORT = "one end is missing ({why}): give {ways}, or ask for the signs alone (stable_predictions)"


@dataclass(frozen=True, eq=False)
class Ranges:
    """Both ends of the least and the largest value of every functional.

    Attributes:
        low, high: `(N,)` no change takes it beyond; infinite where nothing is proved.
        reached_low, reached_high: `(N,)` some change takes it there or beyond.
        rows: `(2N, r)` these changes, those of the low ends first, `NONE` in the place of no row; codes what they
            become, weights `(2N, m)` near their refits.
        by: what bounds every change; None: nothing does.
        arrays: that it rests on.
        why: why an end is missing.
    """

    low: Array
    high: Array
    reached_low: Array
    reached_high: Array
    rows: Whole
    codes: Whole
    weights: Array
    by: By | None
    arrays: Mapping[str, Array]
    why: str = ""


class FunctionalRanges(Rule[HeadPoint]):
    """D1, of functionals."""

    theorem = D1_RANGES

    def cost(self, problem: Problem) -> tuple[Cost, ...]:
        """As of the predictions that stay."""
        return ChangedRows().cost(problem)

    def require(self, problem: Problem) -> None:
        """Refuse evaluation rows that are no functionals."""
        if problem.functionals is None:
            raise InputError(FUNCTIONAL.name, "evaluation rows without what multiplies the intercept",
                             'give evaluation.intercept, or evaluation.coefficients = "all"')

    def open(self, at: HeadPoint, quantity: str, reason: str, hypotheses: tuple[Hypothesis, ...] = ()) -> Bound:
        """The bound without ends, in the unit of either side."""
        bound = super().open(at, quantity, reason, hypotheses)
        return replace(bound, sides={"max": replace(bound, unit=LARGEST), "min": replace(bound, unit=SMALLEST)})

    def functional(self, at: HeadPoint) -> Bound:
        """The range over all functionals; held against a gate the largest, or the smallest, value of any."""
        quantity = FUNCTIONAL.name
        if isinstance(at.head, str):
            return self.open(at, quantity, at.head)
        if refused := self.refused(at, self.cost(at.problem)[0]):
            return self.open(at, quantity, refused)
        head = at.head
        centre = at.shared(CENTRE, lambda: centre_of(head))
        if not np.isfinite(given_base(head, centre)).all():
            return self.open(at, quantity, UNKNOWN)
        at.progress("ranges of functionals", 0.0)
        change = change_of_rows(at.problem)
        found = ranges_of(head, change, Budget(seconds_of(at.limits.left())))
        ways = " or ".join(filter(None, [change.smaller, "more time"]))
        if isinstance(found, str):
            return self.open(at, quantity, SHORT.format(why=found, ways=ways))
        convex = Hypothesis("convex", FREE if head.free_intercept else DECAYED, at.problem.weight_decay, True)
        N = len(head.points)
        arrays: dict[str, Any] = {"centre": np.ravel(centre), "reached.rows": found.rows, "reached.codes": found.codes,
                                  "reached.weights": found.weights, **found.arrays}

        def stated(low: Array, high: Array, unit: str, worst: int) -> Bound:
            below, above = (_some(np.max if unit == LARGEST else np.min, end) for end in (low, high))
            witness: dict[str, Any] = {"array": SideArray("rows", arrays), "changed": sorted(
                row for row in found.rows[worst].tolist() if row != NONE)}
            witness |= {} if found.by is None else {"by": str(found.by)}
            why = SHORT.format(why=found.why, ways=ways) if below is None or above is None else ""
            return Bound(quantity, self.theorem.label, Rigour.PROVED, below, above, unit, (convex,), witness, why,
                         tuple(range(N)), _each(low), _each(high))

        sides = {"max": stated(found.reached_high, found.high, LARGEST, N + int(np.argmax(found.reached_high))),
                 "min": stated(found.low, found.reached_low, SMALLEST, int(np.argmin(found.reached_low)))}
        return Bound(quantity, self.theorem.label, Rigour.PROVED, sides["min"].lower, sides["max"].upper,
                     at.unit(quantity), (convex,), {}, sides["min"].reason or sides["max"].reason, tuple(range(N)),
                     _each(found.low), _each(found.high), sides=sides)


def _each(ends: Array) -> tuple[float | None, ...]:
    return tuple(float(x) if np.isfinite(x) else None for x in ends)


def _some(pick: Any, ends: Array) -> float | None:
    return float(pick(ends)) if np.isfinite(ends).all() else None


def ranges_of(head: Head, change: Change, budget: Budget) -> Ranges | str:
    """The ranges: every choice refitted where there are few, else trees of boxes; or why there are none.

    Args:
        head, change, budget: the head, what may happen to its rows, and the time.
    """
    leaves = change.leaves(head)
    why = f"there are {Decimal(leaves):.1e} choices of rows, and {ONE_BY_ONE:.0e} can be refitted one by one"
    if leaves <= ONE_BY_ONE and leaves * head.m <= STORED:
        try:
            found = _counted(head, change, budget)
        except OutOfTime:
            found = None
        if found is not None:
            return found
        why = "the time was up, or a refit was not proved"
    boxed = _boxed(head, change, budget, why) if isinstance(change, RowChange) else None
    return why if boxed is None else boxed


def _counted(head: Head, change: Change, budget: Budget) -> Ranges | None:
    """Every choice refitted; None where one is not proved."""
    solver, stored = Changed(head, change.by_rows), []
    N, m = len(head.points), head.m
    most = int(max((choices.rows.shape[1] for choices in change.every(head)), default=0))
    low, high = np.full(N, np.inf), np.full(N, -np.inf)
    reached = np.full(2 * N, np.inf)  # of the functional, and of its negative
    rows, codes = np.full((2 * N, most), NONE, dtype=np.int64), np.full((2 * N, most), NONE, dtype=np.int64)
    weights = np.zeros((2 * N, m))
    for choices in change.every(head):
        budget.check()
        V = solver.settled(choices, solver.solve(choices, 0.0, budget.check), budget.check)
        near = enclose_refits(head, choices, V)
        F, off = head.outputs(V, ROOM * near)
        f, off = F[..., 0], off[..., 0] * RAISE + SLACK * np.abs(F[..., 0])
        if not (np.isfinite(f).all() and np.isfinite(off).all()):
            return None
        low, high = np.minimum(low, (f - off).min(axis=0)), np.maximum(high, (f + off).max(axis=0))
        values = np.hstack([f + off, off - f])
        best = values.argmin(axis=0)
        nearer = np.flatnonzero(values[best, np.arange(2 * N)] < reached)
        at, width = best[nearer], choices.rows.shape[1]
        reached[nearer] = values[at, nearer]
        rows[nearer], codes[nearer] = NONE, NONE
        rows[nearer, :width], codes[nearer, :width] = choices.rows[at], choices.codes[at]
        weights[nearer] = V[at, 0]
        stored.append(V.reshape(len(V), -1))
    return Ranges(low, high, reached[:N], -reached[N:], rows, codes, weights, By.COUNTED,
                  {"counted.weights": np.concatenate(stored)})


def _boxed(head: Head, change: RowChange, budget: Budget, why: str) -> Ranges | None:
    """Trees of boxes: one more for all directions that trees proved, with its arrays."""
    kept = proposed(lambda: kept_of(head, change, head.points, budget))
    if kept is None or not np.isfinite(kept.reached).all():
        return None
    N, which = len(head.points), np.flatnonzero(kept.proved)
    arrays: dict[str, Array] = {}
    done = np.zeros(2 * N, dtype=bool)
    if len(which):
        more = with_levels(head, kept.level, kept.V0, kept.near, kept.E[which], kept.bounds[which])
        again = proved(head, change, more, Budget(max(budget.left(), LEAST)))
        if again is not None and again[1].all():
            done[which] = True
            arrays = {"boxes.column": np.array([kept.level.a]), "boxes.which": which.astype(np.int64),
                      "boxes.bounds": kept.bounds[which], "boxes.today": np.ravel(kept.V0),
                      **{f"boxes.{name}": array for name, array in again[0].items()}}
    low = np.where(done, kept.low, -np.inf)
    low -= (ROOM - 1.0) * kept.off + SLACK * (np.abs(kept.today) + np.where(done, kept.bounds, 0.0))
    size = np.asarray(fp.row_norms(kept.E) * RAISE)
    near = enclose_refits(head, kept.choices, kept.V[:, None, :])
    reached = kept.reached + (ROOM - 1.0) * size * near * RAISE + (SLACK + 4 * U) * np.abs(kept.reached)
    if not np.isfinite(reached).all():
        return None
    return Ranges(low[:N], -low[N:], reached[:N], -reached[N:], kept.choices.rows.astype(np.int64),
                  kept.choices.codes.astype(np.int64), kept.V, By.BOXES if arrays else None, arrays,
                  "" if done.all() else why)


LEAST = 5.0
"""Seconds for the last tree, at least: it only repeats what was proved."""
