"""The modulus of a sublevel map, of all rows together and of every row (M6; V21)."""

from __future__ import annotations

from functools import partial

from flint import arb

from certify.check.kernel import Finding, Judgement, expect, judged
from certify.check.linalg.definite import Truth
from certify.check.reading.certificate import Claim, Witness
from certify.check.reading.subject import Problem
from certify.check.rule import Rule, Side, always, check_rows, expect_rows, modulus
from certify.check.systems.point import Ladder, Point
from certify.check.systems.sublevel import HYPOTHESES, descent_of, digits, interior


def check_form(claim: Claim[Witness], problem: Problem) -> None:
    """V8: a witness without members is all there is, which the reader saw."""


def check_ends_of_rows(claim: Claim[Witness], ladder: Ladder, side: Side) -> None:
    """Both ends of every row, each by its rule.

    Raises:
        Invalid: one cannot be re-derived.
    """
    expect_rows(claim, ladder, lambda number, _, end: partial(upper, most=end, at=number),
                lambda number, _, end: partial(lower, least=end, at=number))


def check_ends(claim: Claim[Witness], ladder: Ladder, side: Side) -> None:
    """Both ends, each by its rule.

    Raises:
        Invalid: one cannot be re-derived.
    """
    if claim.upper is not None:
        expect(f"{claim.where}.upper", claim.upper, partial(upper, most=claim.upper), ladder)
    if claim.lower:
        expect(f"{claim.where}.lower", claim.lower, partial(lower, least=claim.lower), ladder)


def upper(point: Point, most: float, at: int | None = None) -> Judgement:
    """V21: the modulus (at None), or that of the moving row at that place, is at most `most`."""
    if point.problem.level is not None:
        return interior(point, 0)
    data, weights = _sizes(point, at)
    if not weights > 0:
        return Finding(Truth.UNDECIDED, f"|∇_w L| is not proved positive: {digits(weights)}")
    return judged(data <= weights * most, data > weights * most, f"the quotient is {digits(data / weights)}")


def lower(point: Point, least: float, at: int | None = None) -> Finding:
    """V21: the modulus, or that of one row, is at least `least`."""
    if least == 0:
        return Finding(Truth.PROVED, "a modulus is not negative")
    if point.problem.level is not None:
        return Finding(Truth.DISPROVED, "with a level above the loss the modulus is 0")
    data, weights = _sizes(point, at)
    if not weights > 0:
        return Finding(Truth.UNDECIDED, f"|∇_w L| is not proved positive: {digits(weights)}")
    return judged(data >= weights * least, data < weights * least, f"the quotient is {digits(data / weights)}")


def _sizes(point: Point, at: int | None) -> tuple[arb, arb]:
    """`n` times the size of the data gradient, and of the weight gradient."""
    descent = point.of(descent_of)
    weights = descent.weight_gradient * len(descent.problem.features)
    return (descent.data_gradient if at is None else descent.row_sizes[at]), weights


RULE = Rule(always("M6"), modulus, check_form, check_ends, lambda claim, problem: HYPOTHESES, Witness)
ROWS = Rule(always("M6"), modulus, check_rows, check_ends_of_rows, lambda claim, problem: HYPOTHESES, Witness)
