"""Labels that no finite change of a strongly convex last layer turns: form and ends (Q6, P4; V42)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from importlib import import_module

from certify.check.kernel import expect
from certify.check.reading import label_rules
from certify.check.reading.certificate import Claim
from certify.check.reading.subject import Problem
from certify.check.rule import Rule, Side, always
from certify.check.systems.point import Ladder
from certify.check.theorems.head.claims import HYPOTHESES, MOTION, Ball, check_ball
from certify.format.canonical import Json, show
from certify.format.refusal import Invalid


@dataclass(frozen=True)
class Labels(Ball):
    """The same ball."""

    def scope(self, claim: Claim[object], problem: Json) -> str:
        """What a label is."""
        return label_rules.scope(problem)


def check_form(claim: Claim[Labels], problem: Problem) -> None:
    """V8 for labels: a count, the number of rows, and the ball with a count above 0; or nothing at all.

    Raises:
        Invalid: the claim has another form.
    """
    if (claim.lower, claim.upper, claim.witness.theta, claim.witness.reach) == (None,) * 4:
        return
    if claim.lower is None or claim.upper != len(problem.evaluation) or claim.lower % 1:
        raise Invalid(f"{claim.where}.lower, .upper", show([claim.lower, claim.upper]),
                      f"a whole number and {len(problem.evaluation)}, the number of evaluation rows, are needed")
    check_ball(claim, bool(claim.lower))


def check_ends(claim: Claim[Labels], ladder: Ladder, side: Side) -> None:
    """The count, at one precision: more is of no use for the ball.

    Raises:
        Invalid: it cannot be re-derived.
    """
    theta, reach = claim.witness.theta, claim.witness.reach
    if claim.lower and theta is not None and reach is not None:
        stay = import_module(MOTION).stable_at_least
        rule = partial(stay, least=float(claim.lower), theta=float(theta), reach=float(reach))
        expect(f"{claim.where}.lower", claim.lower, rule, ladder, once=True)


RULE = Rule(always("Q6"), lambda claim, problem: label_rules.units(problem), check_form, check_ends,
            lambda claim, problem: HYPOTHESES, Labels)
