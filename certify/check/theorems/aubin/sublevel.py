"""A claim of explicit radii of the Aubin property of a sublevel map: its form and its ends (Q5)."""

from __future__ import annotations

from functools import partial

from certify.check.hypotheses import expect
from certify.check.reading.canonical import show
from certify.check.reading.certificate import Claim
from certify.check.reading.refusal import Invalid
from certify.check.reading.subject import Problem
from certify.check.systems.evidence import Ladder
from certify.check.theorems.aubin import sublevel_rules as sublevel_aubin_rules
from certify.check.theorems.aubin.interpolation import check_radii
from certify.check.theorems.modulus import sublevel as descent_rules


def check_form(claim: Claim, problem: Problem) -> None:
    """Radii and a direction with an upper end and only then; radii above 0, those of the spec."""
    words = sublevel_aubin_rules.obstacle(problem)
    if words and claim.upper is not None:
        raise Invalid(f"{claim.where}.upper", f"{claim.upper!r} is stated", f"Q5 is not built for {words}")
    check_radii(claim, problem)
    if claim.limit is not None or claim.pair is not None:
        raise Invalid(f"{claim.where}.witness", f"limit is {show(claim.limit)}", "it is for interpolation")


def check_ends(claim: Claim, ladder: Ladder) -> None:
    """Both ends, each by its rule.

    Raises:
        Invalid: one cannot be re-derived.
    """
    if claim.upper is not None:
        expect(f"{claim.where}.upper", claim.upper, partial(sublevel_aubin_rules.upper, claim=claim), ladder, once=True)
    if claim.lower:
        expect(f"{claim.where}.lower", claim.lower, partial(descent_rules.lower, least=claim.lower), ladder)
