"""A claim of explicit radii of the Aubin property: its form, both ends, and the limit of every such claim (Q1)."""

from __future__ import annotations

from functools import partial

from certify.check.hypotheses import expect
from certify.check.reading.canonical import show
from certify.check.reading.certificate import Claim
from certify.check.reading.refusal import Invalid
from certify.check.reading.subject import Problem
from certify.check.systems.evidence import Ladder
from certify.check.theorems.aubin import rules as aubin_rules
from certify.check.theorems.modulus import kernel as rules


def check_form(claim: Claim, problem: Problem) -> None:
    """Radii with an upper end and only then, above 0, those of the spec; a limit with its pair of rows."""
    where = f"{claim.where}.witness"
    words = aubin_rules.obstacle(problem)
    if words and claim.upper is not None:
        raise Invalid(f"{claim.where}.upper", f"{claim.upper!r} is stated", f"Q1 is not built for {words}")
    check_radii(claim, problem)
    if (claim.limit is None) != (claim.pair is None) or (claim.limit is not None and claim.upper is None):
        raise Invalid(where, f"limit is {show(claim.limit)}", "limit and pair go together, beside an upper end")


def check_radii(claim: Claim, problem: Problem) -> None:
    """Radii with an upper end and only then, above 0, those that the spec asks for."""
    where = f"{claim.where}.witness"
    for name, stated, asked in (("radius_u", claim.radius_u, problem.radius_u),
                                ("radius_w", claim.radius_w, problem.radius_w)):
        if (stated is not None) != (claim.upper is not None):
            raise Invalid(where, f"{name} is {'missing' if stated is None else 'there'}",
                          f"the upper end is {show(claim.upper)}")
        if stated is not None and not stated > 0:
            raise Invalid(f"{where}.{name}", f"{show(stated)} is stated", "a number above 0 is needed")
        if stated is not None and asked is not None and stated != asked:
            raise Invalid(f"{where}.{name}", f"{show(stated)} is stated", f"the spec asks for {show(asked)}")


def check_ends(claim: Claim, ladder: Ladder) -> None:
    """Both ends and the limit, each by its rule.

    Raises:
        Invalid: one cannot be re-derived.
    """
    where = claim.where
    if claim.upper is not None:
        expect(f"{where}.upper", claim.upper, partial(aubin_rules.upper, claim=claim), ladder, once=True)
    if claim.lower and claim.z is not None:
        expect(f"{where}.lower", claim.lower, partial(rules.modulus_lower, lower=claim.lower, z=claim.z), ladder)
    if claim.pair is not None and claim.limit is not None:
        rule = partial(aubin_rules.no_further, most=claim.limit, pair=claim.pair)
        expect(f"{where}.witness.limit", claim.limit, rule, ladder)
