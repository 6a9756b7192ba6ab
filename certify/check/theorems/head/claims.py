"""Claims about a strongly convex last layer at finite size: form and ends (Q6, P4; V40 to V42, V55, V58)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from certify.check.hypotheses import Check, Stated, solution
from certify.check.kernel import Finding, expect
from certify.check.reading import label_rules
from certify.check.reading.certificate import Claim
from certify.check.reading.subject import Problem
from certify.check.rule import Rule, Side, always
from certify.check.systems.point import Ladder, Point
from certify.check.theorems.head.motion import change_at_most, distance_at_most, stable_at_least
from certify.check.theorems.head.reached import MOTIONS, check_lower
from certify.check.theorems.head.stated import STATED
from certify.format.canonical import same, show
from certify.format.refusal import Invalid

UNITS = {"distance": "weight distance", "prediction_change": "output change"}
MOST: dict[str, Callable[..., Finding]] = {"distance": distance_at_most, "prediction_change": change_at_most}
"""What bounds a motion from above; labels that stay are counted from below instead."""


def check_form(claim: Claim, problem: Problem) -> None:
    """V8 for these claims: θ and T go with an end that needs them, z and a change with a motion from below.

    Raises:
        Invalid: the claim has another form.
    """
    where, stated = f"{claim.where}.witness", (claim.theta is not None, claim.reach is not None)
    far = claim.quantity in MOTIONS and bool(claim.lower)
    other = (claim.equal_rows, claim.member, claim.dual, claim.layer, claim.sigma, claim.constants, claim.limit,
             claim.pair)
    if other != (None,) * 8 or {claim.z is not None, claim.array is not None} != {far}:
        raise Invalid(where, "another member is stated, or z and array do not go with a lower end of a motion",
                      "theta and reach are the witness of these claims, and z and array of that end")
    if claim.z is not None and len(claim.z) != problem.parameters:
        raise Invalid(f"{where}.z", f"it has {len(claim.z)} entries", f"{problem.parameters} are needed, one a weight")
    if (claim.lower, claim.upper, *stated) == (None, None, False, False):
        return  # it says nothing
    count = claim.quantity not in MOST
    if count and (claim.lower is None or claim.upper != len(problem.evaluation) or claim.lower % 1):
        raise Invalid(f"{claim.where}.lower, .upper", show([claim.lower, claim.upper]),
                      f"a whole number and {len(problem.evaluation)}, the number of evaluation rows, are needed")
    if not count and (claim.lower is None or claim.lower < 0 or (claim.lower > 0 and not far)):
        raise Invalid(f"{claim.where}.lower", show(claim.lower),
                      "0, or a number above it with z and array, is what can be re-derived")
    needed = bool(claim.lower) if count else claim.upper is not None
    if stated[0] != stated[1] or (needed and not stated[0]):
        raise Invalid(where, f"theta and reach are there: {show(list(stated))}",
                      f"the ends are {show([claim.lower, claim.upper])}")


def check_ends(claim: Claim, ladder: Ladder, side: Side) -> None:
    """The ends that say something, each by its rule; for the balls more precision is of no use.

    Raises:
        Invalid: it cannot be re-derived.
    """
    if claim.quantity in MOTIONS and claim.lower:
        check_lower(claim, ladder, side)
    if claim.theta is None or claim.reach is None:
        return
    theta, reach = float(claim.theta), float(claim.reach)
    if claim.quantity not in MOST:
        assert claim.lower is not None  # the form was checked
        if claim.lower:
            rule = partial(stable_at_least, least=float(claim.lower), theta=theta, reach=reach)
            expect(f"{claim.where}.lower", claim.lower, rule, ladder, once=True)
    elif claim.upper is not None:
        most = partial(MOST[claim.quantity], most=float(claim.upper), theta=theta, reach=reach)
        expect(f"{claim.where}.upper", claim.upper, most, ladder, once=True)


def _convex(stated: Stated) -> None:
    """The weight decay, which the spec has above 0."""
    decay = stated.ladder.problem.weight_decay
    if not same(stated.value, decay) or not stated.holds:
        raise Invalid(stated.where, stated.words, f"the weight decay is {show(decay)}")


def _units(claim: Claim, problem: Problem) -> tuple[str, ...]:
    return (UNITS[claim.quantity],) if claim.quantity in UNITS else label_rules.units(problem)


def _about_file(rule: Callable[[Point, float], Finding]) -> Check:
    """The check of a number that says something about the weights in the file."""

    def check(stated: Stated) -> None:
        if isinstance(stated.value, str) or stated.value is None or stated.value < 0 or not stated.holds:
            raise Invalid(stated.where, stated.words, "a number from 0 on is needed, and true")
        expect(stated.where, stated.value, lambda point: rule(point, float(stated.number)), stated.ladder, once=True)

    return check


HYPOTHESES: dict[str, Check] = {"convex": _convex, "solution": solution,
                                **{name: _about_file(rule) for name, rule in STATED.items()}}
RULE = Rule(always("Q6"), _units, check_form, check_ends, lambda claim, problem: HYPOTHESES)
