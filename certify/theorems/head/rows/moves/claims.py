"""D1: how far a head's one solution, and its outputs, move when rows are left out or get other labels: both ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from certify.finders.head.changed import Changed
from certify.finders.head.unchanged import unchanged_refit
from certify.format.quantities import DISTANCE, PREDICTION_CHANGE
from certify.format.theorems import D1_MOVES, Q6
from certify.format.words import By, Rigour
from certify.problem.bound import Bound, Hypothesis, SideArray
from certify.problem.cost import Cost
from certify.problem.problem import Problem
from certify.problem.question import question_of
from certify.rigor.finder import proposed
from certify.rigor.fp import Array, U
from certify.systems.head.point import CENTRE, HeadPoint
from certify.systems.head.rows.change import DELETED, NONE, Choices, RowChange
from certify.systems.head.rows.changes.base import Change
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.of_problem import change_of_rows, given_base
from certify.systems.head.rows.refit import enclose_refits
from certify.theorems.head.claims import Moves, OutputMoves
from certify.theorems.head.rows.claims import DECAYED, FREE, UNKNOWN, ChangedRows, centre_of, seconds_of
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.moves.counted import MET, Farther, able, counted
from certify.theorems.head.rows.moves.deleted import stated
from certify.theorems.head.rows.moves.measures import Distance, Measure, Outputs
from certify.theorems.head.rows.moves.norms import farthest
from certify.theorems.head.rows.moves.search import search
from certify.theorems.rule import Rule

LOWER = 1.0 - 2.0**-30
"""What is left of a lower end: a checker has rounding of its own."""

SHIFTED = ("the intercepts carry no decay and only their differences are determined, so that distances and outputs "
           "have no meaning: use bias_decay = true, or ask for stable_predictions")
NEAR = 1.05
"""Times the lower end; an upper end that is no larger is kept as it is."""

FEW = 200
"""Choices up to which each is refitted before trees of deletions are asked."""

TREES, SEARCH, TOP = 0.5, 0.25, 4
"""Shares of the time for trees of deletions or sums of vectors, and for changes that move far; and the points of which
the rows that move most are refitted."""


@dataclass(frozen=True, eq=False)
class Reach:
    """Both ends: the choice that moves farthest of those found, and what no choice exceeds, and why that is so.

    And by trees of deletions what none exceeds of each point.
    """

    farther: Farther
    upper: float
    by: By | None
    arrays: dict[str, Any]
    why: str = ""
    each: tuple[float, ...] = ()


class RowMoves(Rule[HeadPoint]):
    """D1, of motions."""

    theorem = D1_MOVES

    def cost(self, problem: Problem) -> tuple[Cost, ...]:
        """As of the predictions that stay."""
        return ChangedRows().cost(problem)

    def distance(self, at: HeadPoint) -> Bound:
        """Of the weights."""
        return self._moved(at, DISTANCE.name, Distance)

    def prediction_change(self, at: HeadPoint) -> Bound:
        """Of the outputs at the evaluation rows."""
        return self._moved(at, PREDICTION_CHANGE.name, Outputs)

    def _moved(self, at: HeadPoint, quantity: str, kind: Callable[[Head, Array, float], Measure]) -> Bound:
        if isinstance(at.head, str):
            return self.open(at, quantity, at.head)
        if refused := self.refused(at, self.cost(at.problem)[0]):
            return self.open(at, quantity, refused)
        head = at.head
        if head.free_intercept and head.loss.shifted:
            return self.open(at, quantity, SHIFTED)
        centre = at.shared(CENTRE, lambda: centre_of(head))
        if not np.isfinite(given_base(head, centre)).all():
            return self.open(at, quantity, UNKNOWN)
        at.progress("how far refits lie", 0.0)
        found = reach(head, change_of_rows(at.problem), kind, Budget(seconds_of(at.limits.left())))
        if found is None:
            return self.open(at, quantity, UNKNOWN)
        older = self._earlier(at, quantity, found)
        return older or self._stated(at, quantity, found, centre)

    def _stated(self, at: HeadPoint, quantity: str, found: Reach, centre: Array) -> Bound:
        best, head = found.farther.best, found.farther.measure.head
        convex = Hypothesis("convex", FREE if head.free_intercept else DECAYED, at.problem.weight_decay, True)
        upper = None if found.by is None else float(found.upper)
        arrays: dict[str, Any] = {"centre": np.ravel(centre), "today": np.ravel(found.farther.measure.today),
                                  **found.arrays}
        lower = best.low * LOWER * (1 - 4 * U)
        if lower > 0:
            there = best.rows != NONE
            arrays |= {"reached.rows": best.rows[there], "reached.codes": best.codes[there],
                       "reached.weights": np.ravel(best.V)}
        witness: dict[str, Any] = {"array": SideArray("rows", arrays), "changed": sorted(
            row for row in best.rows.tolist() if row != NONE) if lower > 0 else []}
        if found.by is not None:
            witness["by"] = str(found.by)
        return Bound(quantity, self.theorem.label, Rigour.PROVED, float(lower) if lower > 0 else 0.0, upper,
                     at.unit(quantity), (convex,), witness, found.why, each=found.each)

    def _earlier(self, at: HeadPoint, quantity: str, found: Reach) -> Bound | None:
        """The bound by Q6, where that is about this question too and proves a smaller upper end."""
        question = question_of(at.problem, quantity)
        if at.problem.functionals is not None:  # Q6 sees the intercept in every row
            return None
        known = any(domain.holds(question) for domain in Q6.once) and not isinstance(at.layer, str)
        if not known or found.upper <= found.farther.best.low * NEAR:
            return None
        older = Moves().distance(at) if quantity == DISTANCE.name else OutputMoves().prediction_change(at)
        nearer = older.upper is not None and (found.by is None or older.upper < found.upper)
        return older if nearer else None


def reach(head: Head, change: Change, kind: Callable[[Head, Array, float], Measure], budget: Budget) -> Reach | None:
    """Both ends of the largest motion; None where no refit of the unchanged data is proved."""
    nothing = Choices(np.full((1, 0), NONE), np.full((1, 0), NONE))
    today = proposed(lambda: unchanged_refit(head))
    today = head.V if today is None else today
    near = float(enclose_refits(head, nothing, today[None])[0])
    if not np.isfinite(near):
        return None
    measure = kind(head, today, near)
    farther, why, known = Farther(measure), able(head, change), None
    if why or change.leaves(head) > FEW:
        known = _deleted(head, change, farther, budget) or _summed(head, change, farther, budget)
        if known is not None and (why or known.upper <= farther.best.low * MET):
            return known
    if not why:
        found = counted(head, change, measure, budget)
        if found is not None and np.isfinite(found[0].upper):
            return Reach(found[0], found[0].upper, By.COUNTED,
                         {f"counted.{name}": array for name, array in found[1].items()},
                         each=_of_each(measure, change, budget) if known is None else known.each)
        if known is not None:
            return known
        why = "the time was up before all choices were refitted" if found is None else "a refit was not proved"
    search(head, change, farther, budget.share(SEARCH))
    if not isinstance(change, RowChange):
        return Reach(farther, np.inf, None, {}, _short(budget, change, why))
    upper, by, arrays = measure.seen(farthest(head, change, today) + near), By.NORMS, dict[str, Array]()
    one = measure.bent(change, budget.share(SEARCH))
    if one is not None and one[0] < upper:
        upper, by, arrays = one[0], By.BENT, {f"bent.{name}": array for name, array in one[1].items()}
    boxes = measure.boxed(change, farther.best.low, farther.best.V, budget)
    if boxes is not None and boxes[0] < upper:
        upper, by, arrays = boxes[0], By.BOXES, {f"boxes.{name}": array for name, array in boxes[1].items()}
    if np.isfinite(upper):
        return Reach(farther, upper, by, arrays)
    return Reach(farther, np.inf, None, {}, _short(budget, change, why))


def _deleted(head: Head, change: Change, farther: Farther, budget: Budget) -> Reach | None:
    """By trees of deletions, where they say something; the rows that move the points most, refitted, from below."""
    ends = farther.measure.deleted(change, budget.share(TREES))
    if ends is None:
        return None
    top = np.argsort(-ends.lower, kind="stable")[:TOP]
    choices = Choices(ends.rows[top], np.full_like(ends.rows[top], DELETED))
    V = proposed(lambda: Changed(head).solve(choices))
    if V is not None:
        farther.take(choices, V, enclose_refits(head, choices, V))
    found = stated(ends, head.largest)
    if found is None:
        return None
    each = np.minimum(ends.upper, found[0])
    return Reach(farther, found[0], By.TREES, {f"trees.{name}": array for name, array in found[1].items()},
                 each=tuple(each.tolist()))


def _summed(head: Head, change: Change, farther: Farther, budget: Budget) -> Reach | None:
    """By sums of few vectors, where they say something; the changes found with them, and others, from below."""
    ends = farther.measure.summed(change, budget.share(TREES))
    if ends is None or not np.isfinite(ends.upper):
        return None
    for rows, codes in zip(ends.rows, ends.codes, strict=True):
        one = Choices(rows[None, rows != NONE], codes[None, rows != NONE])
        V = proposed(lambda: Changed(head).solve(one))  # noqa: B023
        if V is not None:
            farther.take(one, V, enclose_refits(head, one, V))
    search(head, change, farther, budget.share(SEARCH))
    assert isinstance(change, RowChange)
    measure = farther.measure
    norms = measure.seen(farthest(head, change, measure.today) + measure.near)
    if norms < ends.upper:
        return Reach(farther, norms, By.NORMS, {}, each=tuple(np.minimum(ends.each, norms).tolist()))
    return Reach(farther, ends.upper, By.SUMS, {}, each=tuple(ends.each.tolist()))


def _of_each(measure: Measure, change: Change, budget: Budget) -> tuple[float, ...]:
    """What no choice exceeds of each point, by trees; () where they say nothing."""
    ends = measure.deleted(change, budget.share(TREES))
    return () if ends is None else tuple(ends.upper.tolist())


def _short(budget: Budget, change: Change, why: str) -> str:
    """Why the upper end is missing, and what would help: time only where it was up."""
    ways = [*filter(None, [change.smaller]), *(["more time"] if budget.left() <= 0 else [])]
    helps = f"give {' or '.join(ways)}" if ways else "train with more weight decay"
    return f"the upper end is missing: {helps} ({why})"
