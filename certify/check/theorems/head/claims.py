"""Motions of a strongly convex last layer and its outputs at finite size: form and ends (Q6; V40, V41, V55, V58)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module

from certify.check.hypotheses import Check, Stated
from certify.check.kernel import Finding, expect
from certify.check.reading.certificate import Claim, Number, Witness, number, stated
from certify.check.reading.subject import Problem
from certify.check.rule import Rule, Side, always
from certify.check.systems.near.in_base import solution
from certify.check.systems.point import Ladder, Point
from certify.check.theorems.head.reached import Move, check_lower
from certify.check.theorems.head.stated import STATED
from certify.format.canonical import same, show
from certify.format.refusal import Invalid

MOTION = "certify.check.theorems.head.motion"
UNITS = {"distance": "weight distance", "prediction_change": "output change"}
MOST = {"distance": "distance_at_most", "prediction_change": "change_at_most"}
"""What bounds a motion from above, in `motion`, which D1 does not need; labels that stay are counted from below."""


@dataclass(frozen=True)
class Ball(Witness):
    """Metric and size of the ball that the solution cannot leave."""

    theta: Number | None = stated(number)
    reach: Number | None = stated(number)


@dataclass(frozen=True)
class Motion(Ball, Move):
    """And one change of the data with the weights it leads to."""


def check_ball(claim: Claim[Ball], needed: bool) -> None:
    """θ and T are there together, and with an end that needs them; raises `Invalid`."""
    there = (claim.witness.theta is not None, claim.witness.reach is not None)
    if there[0] != there[1] or (needed and not there[0]):
        raise Invalid(f"{claim.where}.witness", f"theta and reach are there: {show(list(there))}",
                      f"the ends are {show([claim.lower, claim.upper])}")


def check_form(claim: Claim[Motion], problem: Problem) -> None:
    """V8 for motions: θ and T go with an upper end, z and a change with a motion from below.

    Raises:
        Invalid: the claim has another form.
    """
    where, witness, far = f"{claim.where}.witness", claim.witness, bool(claim.lower)
    if {witness.z is not None, witness.array is not None} != {far}:
        raise Invalid(where, "z and array do not go with a lower end of a motion",
                      "they are the witness of that end, and of no other")
    if witness.z is not None and len(witness.z) != problem.parameters:
        raise Invalid(f"{where}.z", f"it has {len(witness.z)} entries",
                      f"{problem.parameters} are needed, one a weight")
    if (claim.lower, claim.upper, witness.theta, witness.reach) == (None,) * 4:
        return  # it says nothing
    if claim.lower is None or claim.lower < 0:
        raise Invalid(f"{claim.where}.lower", show(claim.lower),
                      "0, or a number above it with z and array, is what can be re-derived")
    check_ball(claim, claim.upper is not None)


def check_ends(claim: Claim[Motion], ladder: Ladder, side: Side) -> None:
    """The ends that say something, each by its rule; for the ball more precision is of no use.

    Raises:
        Invalid: it cannot be re-derived.
    """
    if claim.lower:
        check_lower(claim, ladder, side)
    theta, reach = claim.witness.theta, claim.witness.reach
    if claim.upper is not None and theta is not None and reach is not None:
        rule = getattr(import_module(MOTION), MOST[claim.quantity])
        most = partial(rule, most=float(claim.upper), theta=float(theta), reach=float(reach))
        expect(f"{claim.where}.upper", claim.upper, most, ladder, once=True)


def _convex(stated: Stated) -> None:
    """The weight decay, which the spec has above 0."""
    decay = stated.ladder.problem.weight_decay
    if not same(stated.value, decay) or not stated.holds:
        raise Invalid(stated.where, stated.words, f"the weight decay is {show(decay)}")


def _units(claim: Claim[object], problem: Problem) -> tuple[str, ...]:
    return (UNITS[claim.quantity],)


def _about_file(rule: Callable[[Point, float], Finding]) -> Check:
    """The check of a number that says something about the weights in the file."""

    def check(stated: Stated) -> None:
        if isinstance(stated.value, str) or stated.value is None or stated.value < 0 or not stated.holds:
            raise Invalid(stated.where, stated.words, "a number from 0 on is needed, and true")
        expect(stated.where, stated.value, lambda point: rule(point, float(stated.number)), stated.ladder, once=True)

    return check


HYPOTHESES: dict[str, Check] = {"convex": _convex, "solution": solution,
                                **{name: _about_file(rule) for name, rule in STATED.items()}}
RULE = Rule(always("Q6"), _units, check_form, check_ends, lambda claim, problem: HYPOTHESES, Motion)
