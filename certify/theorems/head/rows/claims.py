"""D1: which predictions of a convex head stay under every choice of changed rows, and which are flipped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from certify.finders.head.unchanged import unchanged_refit
from certify.format.errors import InputError
from certify.format.methods import UNCHECKED
from certify.format.quantities import CORRECT_PREDICTIONS, STABLE_PREDICTIONS
from certify.format.theorems import D1
from certify.format.words import Rigour
from certify.problem.bound import Bound, Hypothesis, SideArray
from certify.problem.cost import BASE_MEMORY, Cost
from certify.problem.problem import Problem
from certify.rigor.finder import proposed
from certify.rigor.fp import Array
from certify.systems.head.point import CENTRE, HeadPoint
from certify.systems.head.rows.change import NONE, RowChange
from certify.systems.head.rows.changes.base import SMALLER, Change
from certify.systems.head.rows.changes.groups import GroupChange
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.labels import labels_of
from certify.systems.head.rows.of_problem import change_of_rows, given_base
from certify.theorems.head.rows.method import INEXACT, Mask
from certify.theorems.head.rows.new_rows.survey import NewFlips
from certify.theorems.head.rows.searches.methods import CLASSES, STAGES
from certify.theorems.head.rows.survey import Survey, asked_of, survey
from certify.theorems.rule import Rule

SURVEY = "changed rows"
"""What claims on one question share."""

TIME = 300.0
"""Seconds where the spec gives no limit: with less time fewer predictions are decided."""

UNKNOWN = ("no refit of the unchanged data is proved near any weights, so that nothing says which predictions change: "
           "give rows of every class, features of ordinary size, or more weight decay")
"""Why nothing is claimed where numbers overflow, or a free intercept has no finite minimum."""

LAYERS = ("layers before the last one round its inputs, which some bounds need exactly: compute these features once "
          "and give them as data of a linear model (docs/tutorial/torch.md, step 4)")
"""The first advice where a method was not tried for that reason."""

LARGE, LARGE_OF_TWO = 5_000, 50_000
"""Rows from which on what `certify rows` does with lengths and steps may decide more: of several labels, and of two."""

NAMED, LAST = 2, "every_choice"
"""Ways that are named in a line, and the one that takes every kind of change, of few choices."""

DECAYED = "the training loss is strongly convex in the weights of the last layer; the modulus is the weight decay"
FREE = ("every weight of the last layer but the intercepts carries the weight decay; that the data hold the "
        "intercepts is proved with every refit and every bound")
"""The hypothesis in words: where all weights carry the decay, and where the intercepts carry none."""


class ChangedRows(Rule[HeadPoint]):
    """D1: every prediction by an attack or by the method that proves it."""

    theorem = D1

    def cost(self, problem: Problem) -> tuple[Cost, ...]:
        """The outputs of all rows for a batch of refits; time is what is given."""
        n, p = problem.n, problem.parameters
        return (Cost("changed rows", BASE_MEMORY + 8 * (6 * (1 << 22) + 4 * n * problem.outputs + 3 * p * p), 0.0, 1.0,
                     "batches of refits"),)

    def stable_predictions(self, at: HeadPoint) -> Bound:
        """The points that stay, and all but those that are flipped."""
        return self._counted(at, STABLE_PREDICTIONS.name, lambda head: np.ones(len(head.points), dtype=bool))

    def correct_predictions(self, at: HeadPoint) -> Bound:
        """The same of the points whose label today is the right one."""
        return self._counted(at, CORRECT_PREDICTIONS.name, lambda head: right_of(at.problem, head))

    def _counted(self, at: HeadPoint, quantity: str, counts: Callable[[Head], Mask]) -> Bound:
        """How many of the points that count stay, and all of them but those that are flipped."""
        if isinstance(at.head, str):
            return self.open(at, quantity, at.head)
        refused = "" if at.knows(SURVEY) else self.refused(at, self.cost(at.problem)[0])
        if refused:  # what is known of every prediction is counted once more at no cost, also when the time is up
            return self.open(at, quantity, refused)
        head = at.head
        counted = counts(head)
        centre = at.shared(CENTRE, lambda: centre_of(head))
        if not np.isfinite(given_base(head, centre)).all():
            return self.open(at, quantity, UNKNOWN)
        found = at.shared(SURVEY, lambda: survey(head, change_of_rows(at.problem), seconds_of(at.limits.left()),
                                                 at.progress))
        convex = Hypothesis("convex", FREE if head.free_intercept else DECAYED, at.problem.weight_decay, True)
        lower, upper = int((counted & found.proved).sum()), int((counted & ~found.attacked).sum())
        arrays = SideArray("rows", {"centre": np.ravel(centre), **arrays_of(found)}, of=STABLE_PREDICTIONS.name)
        return Bound(quantity, self.theorem.label, Rigour.PROVED, float(lower), float(upper), at.unit(quantity),
                     (convex,), {"array": arrays, **lists_of(found)},
                     _reason(found, head, change_of_rows(at.problem)), methods=methods_of(found))


def right_of(problem: Problem, head: Head) -> Mask:
    """Which points have the right label today, or one that is not known today.

    Raises:
        InputError: the evaluation file has no labels, or some that are none.
    """
    if problem.right is None:
        raise InputError("evaluation.targets", "the evaluation file has no labels, and the right ones are counted",
                         "name the array or column with [evaluation] targets")
    right = labels_of(head, problem.right, "labels of the evaluation file")
    return np.asarray((right == head.today) | (head.today < 0))


def seconds_of(left: float) -> float:
    """Time for the survey: nine tenths of the seconds that are left, or `TIME` without a limit.

    >>> seconds_of(600.0), seconds_of(float("inf"))
    (540.0, 300.0)
    """
    return 0.9 * left if np.isfinite(left) else TIME


def centre_of(head: Head) -> Array:
    """Weights near the refit of the unchanged data; the given ones where their gradient says how near they are."""
    found = proposed(lambda: unchanged_refit(head)) if head.free_intercept else None
    return head.V if found is None else found


def arrays_of(found: Survey) -> dict[str, Any]:
    """What a checker needs: the status of every point, the changes that flip, and the arrays of every method."""
    arrays: dict[str, Any] = {"status": found.status.astype(np.int64)}
    flips = found.flips
    if len(flips.rows):
        arrays |= {"flips.point": flips.point, "flips.rows": flips.rows, "flips.codes": flips.codes,
                   "flips.weights": flips.weights.reshape(len(flips.rows), -1)}
        if isinstance(flips, NewFlips):
            arrays |= {"flips.new": flips.new, "flips.labels": flips.labels}
    for name, part in found.parts.items():
        arrays |= {f"{name}.{key}": np.ascontiguousarray(value) for key, value in part.arrays.items()}
    return arrays


def lists_of(found: Survey) -> dict[str, list[int]]:
    """What a reader asks for: flipped and undecided evaluation rows, and the training rows that flip the former."""
    flipped, flips = np.flatnonzero(found.attacked), found.flips
    changes = [sorted(row for row in flips.rows[flips.point[j]].tolist() if row != NONE) for j in flipped]
    width = max(map(len, changes), default=0)
    return {"flipped": flipped.tolist(), "undecided": np.flatnonzero(found.undecided).tolist(),
            "changed": [row for change in changes for row in (*change, *[NONE] * (width - len(change)))]}


def otherwise(head: Head, change: Change) -> str:
    """Where another command may decide what is left open here, in words; else empty."""
    known = head.read_off and not head.remaining and not head.phi_rad.any()
    if not known or not isinstance(change, RowChange) or len(change.rows) < head.n:
        return ""
    if head.n < (LARGE if head.k > 1 else LARGE_OF_TWO):
        return ""
    word = "relabel" if change.relabels else "delete"
    return (f"; or ask `certify rows MODEL ROWS.npy --labels Y.npy --eval NEW.npy --{word} {change.count}`, for large "
            "tables")


def in_python(head: Head, change: Change) -> str:
    """Where bounds that no certificate states are for this question, in words; else empty."""
    apply = (not isinstance(asked_of(name, head, change), str) for name in UNCHECKED)
    return "; or ask certify.stable_predictions in Python, which tries more bounds" if any(apply) else ""


def _reason(found: Survey, head: Head, change: Change) -> str:
    """Why points are open, what was tried, and what would decide them, in one line; empty where none is."""
    left = int(found.undecided.sum())
    if not left:
        return ""
    stopped = found.cut and not found.more  # else all were tried that apply, which the advice says
    known = (*plain(found)[:1], *([f"tried: {words}"] if stopped and (words := tried(found)) else []))
    why = f" ({'; '.join(known)})" if known else ""
    open_ = f"{left} {'prediction is' if left == 1 else 'predictions are'} neither proved to stay nor flipped{why}"
    return f"{open_}: {advice(found, head, change)}{in_python(head, change)}{otherwise(head, change)}"


def methods_of(found: Survey) -> tuple[str, ...]:
    """What every method left open or why it was not tried, by its name; () where no point is open."""
    return found.reasons if found.undecided.any() else ()


def plain(found: Survey) -> tuple[str, ...]:
    """What speaks against more, in words that name no method; else why not every choice is refitted.

    That a method is for other losses helps nobody; how many choices there are does.
    """
    lines = tuple(line for line in found.reasons
                  if not {line.partition(":")[0], line.partition(" ")[0]} & {*CLASSES, "tried"})
    if lines or (found.cut and not found.more):
        return lines
    return tuple(line.removeprefix(f"{LAST}: ") for line in found.reasons if line.startswith(f"{LAST}: there are"))


def tried(found: Survey) -> str:
    """What was tried and left points open, as those who wait are told it; the first ones by name.

    >>> tried(Survey(np.zeros(1), {}, None, ("tried box: 1 stays open", "cells: no time", "tried pair_tree: 1 stays")))
    'one bound of all choices, rows two by two'
    """
    names = [line.partition(":")[0].removeprefix("tried ") for line in found.reasons if line.startswith("tried ")]
    stages = list(dict.fromkeys(STAGES[name] for name in names if name in STAGES))
    more = len(stages) - NAMED
    return ", ".join(stages[:NAMED]) + (f" and {more} more" if more > 0 else "")


def advice(found: Survey, head: Head, change: Change) -> str:
    """What would decide more of what a survey left open; of groups, how many of them there are at once.

    Where no method applies as a label may lose all its rows no weight decay helps: without them the loss need have no
    minimum, as the intercept carries no decay. Behind other layers it is said first that these stand in the way.
    """
    if not found.tried and head.codes is not None and change.emptied(head):
        noun = "groups" if isinstance(change, GroupChange) else "rows"
        return f"no method applies where a label may lose all its rows; give so few {noun} that every label keeps some"
    helps = remedy(found.tried, found.cut, found.more, found.fewer, change.smaller, found.near)
    if any(INEXACT in line for line in found.reasons):
        helps = f"{LAYERS}; else: {helps if found.cut else helps.partition('; ')[2]}"
    return helps


def remedy(tried: int, cut: bool, more: str = "", fewer: int = 0, smaller: str = SMALLER, near: str = "") -> str:
    """What would decide more: time only where it was up before a method had ended.

    Args:
        tried: how many methods were.
        cut: whether one was stopped.
        more: what more time would do, where no method that proves was stopped.
        fewer: a count of which all choices are looked at; 0: none is known.
        smaller: what asks for fewer changes at once, in words; "": none are fewer.
        near: what a method that was stopped needs, in words; "": nobody knows.

    >>> remedy(2, True)
    "a method's share of the time was up; give more time, a smaller count, or train with more weight decay"
    >>> remedy(2, True, "more time is of no use", 2).partition(", or")[0]
    'more time is of no use; give a smaller count (e.g. of 2 every choice is looked at)'
    >>> remedy(2, False).partition(";")[0]
    'every method that applies ended before the time was up'
    >>> remedy(2, True, smaller="").partition("; ")[2]
    'give more time, or train with more weight decay'
    """
    known = f" (e.g. of {fewer} every choice is looked at)" if fewer else ""
    ended = "every method that applies ended before the time was up" if tried else "no method applies"
    ways = [f"{smaller}{known}"] if smaller else []
    if cut and not more:
        ended, ways = f"a method's share of the time was up{f' ({near})' if near else ''}", ["more time", *ways]
    give = f"give {', '.join(ways)}, or " if ways else ""
    return f"{more if cut and more else ended}; {give}train with more weight decay"
