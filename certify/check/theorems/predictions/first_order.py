"""First-order changes of predictions, at exact fits and at critical points (P1; V51 and V52)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from flint import arb

from certify.check.hypotheses import Check, Stated, measured
from certify.check.judgements import AtLeast, AtMost
from certify.check.kernel import DIGITS, Finding, expect, judged
from certify.check.linalg.definite import Truth
from certify.check.reading.certificate import Claim, Witness
from certify.check.reading.subject import Problem
from certify.check.rule import Rule, Side
from certify.check.systems.point import Ladder, Point
from certify.check.words.cases import CASES, Case, by_row
from certify.format.canonical import Json, show
from certify.format.refusal import Invalid

if TYPE_CHECKING:
    from certify.check.theorems.predictions.critical import Predictions
    from certify.check.theorems.predictions.interpolation import FitPredictions


@dataclass(frozen=True)
class Nothing(Witness):
    """Nothing; whether other solutions nearby agree is in the hypotheses."""

    def scope(self, claim: Claim[object], problem: Json) -> str:
        """At how many rows they agree, where it is not all; unstated is unproved."""
        agreed, rows = next((h.value for h in claim.hypotheses if h.name == "agreement"), 0), len(claim.row_upper)
        if claim.theorem != "P1" or agreed == rows:
            return ""
        return f" at the nearest solution, others nearby agree at {agreed:.0f} of {rows} rows"


def unit(claim: Claim[object], problem: Problem) -> tuple[str]:
    """Of the outputs."""
    return ("output change to first order",)


def check_form(claim: Claim[object], problem: Problem) -> None:
    """V8 for these claims: both ends at every evaluation row, the largest of which are the claim's; or none at all.

    Raises:
        Invalid: the claim has another form.
    """
    where, ends = claim.where, (claim.lower, claim.upper)
    if len(problem.kept) < len(problem.features):
        raise Invalid(where, "it is stated", "rows are merged")
    if ends == (None, None) and not claim.rows:
        return
    needed = tuple(range(len(problem.evaluation)))
    if claim.rows != needed:
        raise Invalid(f"{where}.rows", show(list(claim.rows)), f"the evaluation rows are 0 to {len(needed) - 1}")
    low = [v for v in claim.row_lower if v is not None]
    high = [v for v in claim.row_upper if v is not None]
    if len(low) + len(high) < 2 * len(needed):
        raise Invalid(f"{where}.row_lower, .row_upper", "an end is null", "both ends of every row are needed")
    most = (max(low), max(high))
    if ends != most:
        raise Invalid(f"{where}.lower, .upper", show(ends), f"the largest ends of the rows are {show(most)}")


def theorem(claim: Claim[object], ladder: Ladder) -> str:
    """P1; where nothing was proved also the case of M5 that stands in the way.

    With a tilt in weight space the Hessian has to be nonsingular, without symmetries (M5c).

    Raises:
        Invalid: it is not proved so.
    """
    if claim.upper is None:
        return claim.theorem if claim.theorem in CASES and _open(CASES[claim.theorem]) else "P1"
    if ladder.tilt == "weights":
        from certify.check.systems import critical_cases as cases

        for rule in (partial(cases.theorem, name="M5c"), cases.nonsingular):
            expect(f"{claim.where}.theorem", 0, rule, ladder)
    return "P1"


def _open(case: Case) -> bool:
    """Whether it leaves the symmetry fields open, so that it may stand where nothing was proved."""
    return case.symmetric is None and not case.convex


def check_ends(claim: Claim[object], ladder: Ladder, side: Side) -> None:
    """V51: both ends of every evaluation row.

    Raises:
        Invalid: one cannot be re-derived.
    """
    for row, low, high in zip(claim.rows, claim.row_lower, claim.row_upper, strict=True):
        assert low is not None and high is not None  # the form was checked
        most = partial(upper, at=row, most=float(high))
        expect(f"{claim.where}.row_upper of row {row}", high, most, ladder)
        if low:
            least = partial(lower, at=row, least=float(low))
            expect(f"{claim.where}.row_lower of row {row}", low, least, ladder)


def predictions(point: Point) -> Predictions | FitPredictions:
    """First-order changes of predictions; raises `NotSmooth`, `Unproved`."""
    if point.problem.solutions.stationary:
        from certify.check.theorems.predictions import critical

        return critical.predictions(point)
    from certify.check.theorems.predictions import interpolation

    return interpolation.predictions(point)


def upper(point: Point, at: int, most: float) -> AtMost:
    """V51: the change of the evaluation row at that place is at most `most`."""
    value = point.of(predictions).changes[at]
    return AtMost(value, arb(most), _words(value))


def lower(point: Point, at: int, least: float) -> AtLeast:
    """V51: some change within the budget changes an output there by at least `least`."""
    value = point.of(predictions).changes[at]
    return AtLeast(value, arb(least), _words(value))


def evaluation(point: Point) -> Finding:
    """V52: the network is differentiable in its weights at every evaluation row."""
    _ = point.of(predictions)  # raises NotSmooth
    return Finding(Truth.PROVED, "it is")


def agreement(point: Point, count: float) -> Finding:
    """V52: at `count` evaluation rows all critical points nearby change every output alike."""
    found = sum(point.of(predictions).agreed)
    return judged(found >= count, False, f"it is proved of {found} evaluation rows")


def freedom(point: Point, count: float) -> Finding:
    """V52: at `count` evaluation rows the change of some output takes every value, by the critical point."""
    found = sum(point.of(predictions).free)
    return judged(found >= count, False, f"it is proved of {found} evaluation rows")


def _words(value: arb) -> str:
    return f"it is {value.str(DIGITS)}"


def _check_evaluation(stated: Stated) -> None:
    _require_value(stated, False)
    expect(stated.where, 0, evaluation, stated.ladder)


def _counted(rule: Callable[[Point, float], Finding]) -> Check:
    def check(stated: Stated) -> None:
        _require_value(stated, True)
        expect(stated.where, stated.number, lambda point: rule(point, stated.number), stated.ladder)

    return measured(check)


def _require_value(stated: Stated, needed: bool) -> None:
    if (stated.value is not None) != needed:
        raise Invalid(stated.where, f"its value is {show(stated.value)}",
                      "null with evaluation, else a number of rows")


OWN: dict[str, Check] = {"evaluation": measured(_check_evaluation), "agreement": _counted(agreement),
                         "freedom": _counted(freedom)}


def hypotheses(claim: Claim[object], problem: Problem) -> Mapping[str, Check]:
    """Those of the system, and of predictions where the claim rests on P1."""
    if problem.solutions.stationary and not by_row(claim.theorem):
        from certify.check.systems.critical_cases import HYPOTHESES as known
    else:
        known = dict(import_module("certify.check.systems.interpolation").hypotheses(claim, problem))
    return known if claim.theorem in CASES else {**known, **OWN}


RULE = Rule(theorem, unit, check_form, check_ends, hypotheses, Nothing)
