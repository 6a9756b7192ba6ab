"""A claim of explicit radii of the Aubin property of a sublevel map: its form and its ends (Q5)."""

from __future__ import annotations

from functools import partial

from certify.check import descent_rules, sublevel_aubin_rules
from certify.check.canonical import show
from certify.check.certificate import Claim
from certify.check.evidence import Ladder
from certify.check.hypotheses import expect
from certify.check.refusal import Invalid
from certify.check.subject import Problem


def check_form(claim: Claim, problem: Problem) -> None:
    """Radii and a direction with an upper end and only then; radii above 0, those of the spec."""
    where = f"{claim.where}.witness"
    words = sublevel_aubin_rules.obstacle(problem)
    if words and claim.upper is not None:
        raise Invalid(f"{claim.where}.upper", f"{claim.upper!r} is stated", f"Q5 is not built for {words}")
    for name, stated, asked in (("radius_u", claim.radius_u, problem.radius_u),
                                ("radius_w", claim.radius_w, problem.radius_w)):
        if (stated is not None) != (claim.upper is not None):
            raise Invalid(where, f"{name} is {'missing' if stated is None else 'there'}",
                          f"the upper end is {show(claim.upper)}")
        if stated is not None and not stated > 0:
            raise Invalid(f"{where}.{name}", f"{show(stated)} is stated", "a number above 0 is needed")
        if stated is not None and asked is not None and stated != asked:
            raise Invalid(f"{where}.{name}", f"{show(stated)} is stated", f"the spec asks for {show(asked)}")
    if claim.limit is not None or claim.pair is not None:
        raise Invalid(where, f"limit is {show(claim.limit)}", "it is for interpolation")


def check_ends(claim: Claim, ladder: Ladder) -> None:
    """Both ends, each by its rule.

    Raises:
        Invalid: one cannot be re-derived.
    """
    if claim.upper is not None:
        expect(f"{claim.where}.upper", claim.upper, partial(sublevel_aubin_rules.upper, claim=claim), ladder, once=True)
    if claim.lower:
        expect(f"{claim.where}.lower", claim.lower, partial(descent_rules.lower, least=claim.lower), ladder)
