"""The modulus at a critical point over a total budget (M5b to M5d; V33, V34)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from flint import arb

from certify.check.enclosure.units import by_units
from certify.check.kernel import Finding, expect, judged
from certify.check.linalg.balls import squares
from certify.check.linalg.definite import Truth
from certify.check.linalg.deflated import Largest
from certify.check.reading.certificate import Claim, Vector, Witness, stated, vector
from certify.check.reading.subject import Problem
from certify.check.rule import Rule, Side, check_vector, modulus, times
from certify.check.systems.critical import stationary
from certify.check.systems.critical_cases import HYPOTHESES, in_turn, nonsingular, shown_root, theorem_of
from certify.check.systems.point import Ladder, Point


@dataclass(frozen=True)
class Direction(Witness):
    """A vector that proves the lower end."""

    z: Vector | None = stated(vector)


def check_form(claim: Claim[Direction], problem: Problem) -> None:
    """V8: z with a lower end above 0.

    Raises:
        Invalid: the claim has another form.
    """
    check_vector(claim, claim.witness.z, bool(claim.lower), problem.parameters)


def check_ends(claim: Claim[Direction], ladder: Ladder, side: Side) -> None:
    """Both ends, each by its rule.

    Raises:
        Invalid: one cannot be re-derived.
    """
    radius = times(claim, ladder.problem)
    if claim.upper is not None:
        expect(f"{claim.where}.upper", claim.upper, partial(upper, most=claim.upper, radius=radius), ladder)
    if claim.lower and claim.witness.z is not None:
        rule = partial(lower, least=claim.lower, z=claim.witness.z, radius=radius)
        expect(f"{claim.where}.lower", claim.lower, rule, ladder)


def upper(point: Point, most: float, radius: float | None = None) -> Finding:
    """V33: A nonsingular and `‖XC‖² < most²(1−δ)`, so that `lip S = ‖A⁻¹C‖ < most`; or C = 0.

    With a radius the claim is about so many times the modulus.
    """
    definite = nonsingular(point)
    if definite.truth is not Truth.PROVED:
        return definite
    at, each = point.of(stationary), arb(most) if radius is None else arb(most) / arb(radius)
    square = each ** 2
    if next(at.motions()).plain.vanishes:
        return Finding(Truth.PROVED, "C = 0")
    if not each > 0:
        return Finding(Truth.UNDECIDED, "C is not proved zero, and only then the modulus can be 0")

    def judge(motion: Largest) -> Finding:
        if motion.below(square * (1 - at.slack(each))) is Truth.PROVED:
            return Finding(Truth.PROVED, "‖A⁻¹C‖ < upper is proved")
        wrong = motion.below(square * (1 + at.slack(each))) is Truth.DISPROVED
        return judged(False, wrong, "‖A⁻¹C‖ is larger" if wrong else "‖A⁻¹C‖ < upper is not proved")

    return in_turn(at.motions(), judge)


def lower(point: Point, least: float, z: Sequence[float], radius: float | None = None) -> Finding:
    """V34: `|Cᵀz| ≥ least·|Hz|` and `Cᵀz ≠ 0`, which proves `lip S ≥ least` whatever the rank."""
    each = arb(least) if radius is None else arb(least) / arb(radius)
    forms, h = point.of(stationary).along(by_units(point.problem, [arb(v) for v in z]))
    c = squares(x for form in forms for x in form)
    if c > 0 and c >= each ** 2 * h:
        return Finding(Truth.PROVED, "|Cᵀz| ≥ lower·|Hz| is proved")
    if c == 0:
        return Finding(Truth.DISPROVED, "Cᵀz = 0")
    below = c < each ** 2 * h
    return judged(False, below,
                  f"the witness gives {shown_root(c / h) if h > 0 else 'no bounded quotient'}")


RULE = Rule(theorem_of, modulus, check_form, check_ends, lambda claim, problem: HYPOTHESES, Direction)
