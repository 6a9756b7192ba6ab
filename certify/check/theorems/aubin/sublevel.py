"""Explicit radii of the Aubin property of a sublevel map (Q5; V49, V50)."""

from __future__ import annotations

from functools import partial

from flint import arb

from certify.check.enclosure.losses.base import loss_of
from certify.check.hypotheses import Stated
from certify.check.kernel import DIGITS, Finding, expect
from certify.check.linalg.balls import ZERO
from certify.check.linalg.definite import Truth
from certify.check.lipschitz.directional_descent import Along
from certify.check.reading.certificate import Claim
from certify.check.reading.subject import Problem
from certify.check.rule import Rule, Side, always, check_vector, modulus
from certify.check.systems.point import Ladder, Point
from certify.check.systems.sublevel import HYPOTHESES
from certify.check.theorems.aubin.radii import Radii, check_radii
from certify.check.theorems.modulus.sublevel import lower as modulus_lower
from certify.format.refusal import Invalid

PARTS = 8
"""Of the way from the weights to the border of the balls, each with bounds of its own."""


def check_form(claim: Claim[Radii], problem: Problem) -> None:
    """Radii and a direction with an upper end and only then; radii above 0, those of the spec."""
    words = obstacle(problem)
    if words and claim.upper is not None:
        raise Invalid(f"{claim.where}.upper", f"{claim.upper!r} is stated", f"Q5 is not built for {words}")
    check_radii(claim, problem)
    check_vector(claim, claim.witness.z, claim.upper is not None, problem.parameters)


def check_ends(claim: Claim[Radii], ladder: Ladder, side: Side) -> None:
    """Both ends, each by its rule.

    Raises:
        Invalid: one cannot be re-derived.
    """
    if claim.upper is not None:
        expect(f"{claim.where}.upper", claim.upper, partial(upper, claim=claim), ladder, once=True)
    if claim.lower:
        expect(f"{claim.where}.lower", claim.lower, partial(modulus_lower, least=claim.lower), ladder)


def obstacle(problem: Problem) -> str:
    """What of the problem Q5 is not built for, in words; empty where it is."""
    for wrong, words in (
        (not problem.solutions.below or problem.level is not None, "another map, or a level above the loss"),
        (not problem.budget.joint or not problem.lengths.plain, "another set or norm than total, euclidean"),
        (problem.graph is not None, "a graph"),
        (problem.scale is not None, "features in units of their own"),
        (problem.moves.single, "sample weights"),
        (problem.moves.outer and not loss_of(problem).quadratic,
         "targets of another loss than the squared one"),
    ):
        if wrong:
            return words
    return ""


def upper(point: Point, claim: Claim[Radii]) -> Finding:
    """V49: the loss can be brought down fast enough within the claim's radii, with κ of the claim."""
    assert claim.upper is not None
    mean, steep = slopes(point, claim)
    if not mean > 0:
        return Finding(Truth.UNDECIDED, f"the mean slope on the path is at least {_low(mean)}, not proved positive")
    proved = bool(steep <= arb(claim.upper) * mean)
    return Finding(Truth.PROVED if proved else Truth.UNDECIDED, f"{_high(steep / mean)} is what these radii need")


def descent(point: Point, claim: Claim[Radii], least: float) -> Finding:
    """V50: the mean slope for the radii and κ of the claim is at least `least > 0`."""
    mean, _ = slopes(point, claim)
    proved = least > 0 and bool(mean >= arb(least))
    return Finding(Truth.PROVED if proved else Truth.UNDECIDED, f"it is at least {_low(mean)}")


def slopes(point: Point, claim: Claim[Radii]) -> tuple[arb, arb]:
    """Lower bound of the mean slope along the path of Q5 (0 where its end is not proved positive), and Λ."""
    key = ("aubin slopes", claim.where, claim.witness.radius_u, claim.witness.radius_w, claim.upper)
    return point.once(key, lambda: _slopes(point.problem, claim))


def _slopes(problem: Problem, claim: Claim[Radii]) -> tuple[arb, arb]:
    assert claim.witness.z is not None and claim.upper is not None  # the form was checked
    assert claim.witness.radius_u is not None and claim.witness.radius_w is not None
    u, w, kappa = arb(claim.witness.radius_u), arb(claim.witness.radius_w), arb(claim.upper)
    way, reach = Along(problem, [float(v) for v in claim.witness.z]), w + 2 * kappa * u
    start = way.sizes(ZERO, ZERO).slope
    bent, mixed = ZERO, ZERO
    for k in range(1, PARTS + 1):
        found = way.sizes((reach * k / PARTS).upper(), (u * k / PARTS).upper())
        bent, mixed = bent + found.weights / PARTS, mixed + found.data / PARTS
    steep = way.sizes(w, u).loss
    end = start - reach * bent - u * mixed
    mean = (start - (w + kappa * u) * bent - u * mixed) / way.length
    return (mean if end > 0 and way.length > 0 else ZERO), steep


def _low(x: arb) -> str:
    return str(x.lower().str(DIGITS, radius=False))


def _high(x: arb) -> str:
    return str(x.upper().str(DIGITS, radius=False))


def _check_descent(stated: Stated) -> None:
    """V50: a number above 0."""
    if isinstance(stated.value, str) or stated.value is None or stated.claim.upper is None or not stated.holds:
        raise Invalid(stated.where, stated.words, "a number above 0 goes with an upper end")
    rule = partial(descent, claim=stated.claim, least=stated.value)
    expect(stated.where, stated.value, rule, stated.ladder, once=True)


RULE = Rule(always("Q5"), modulus, check_form, check_ends,
            lambda claim, problem: HYPOTHESES | {"descent": _check_descent}, Radii)
