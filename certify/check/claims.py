"""Check one claim: every number of it is re-derived, by the rule of its theorem, then its verdict."""

from __future__ import annotations

from collections.abc import Sequence

from certify.check.hypotheses import check_hypothesis
from certify.check.reading.certificate import RANGES, Base, Claim, Witness
from certify.check.reading.spec import Gate, Spec
from certify.check.reading.told import check_text
from certify.check.rule import Side
from certify.check.systems.point import Ladder
from certify.check.table import rule_of
from certify.check.verdicts import Outcome, evaluate
from certify.format.canonical import same, show
from certify.format.refusal import Invalid


def check_asked(claims: Sequence[Claim[object]], spec: Spec) -> None:
    """The claims answer the gates of the spec one by one, or what is asked without gates; raises `Invalid`."""
    plain = ["modulus", "sample_modulus"] if spec.parameter == "features" and spec.norm == 2 else ["modulus"]
    plain = ["first_order_distance"] if spec.set in ("sparse", "given") else plain
    plain = [*plain, "aubin"] if spec.aubin else plain
    plain = plain if spec.window is None else [*plain, "excess", "hausdorff"]
    wanted = [gate.quantity for gate in spec.gates] or plain
    found = [claim.quantity for claim in claims]
    if found != wanted:
        raise Invalid("claims", f"they are about {show(found)}", f"the spec asks for {show(wanted)}")


def check_claims(
    claims: Sequence[Claim[Witness]], spec: Spec, ladder: Ladder, base: Base | None, side: Side,
    far: bool = False,
) -> list[Outcome]:
    """Check every claim, of which there is one for each gate; the outcomes under the spec's own gates.

    Args:
        claims, spec, side: as they were read.
        ladder: the problem at every precision, at the weights of the solution.
        base: where the solution is, as stated and proved; None if none is, and then no claim has a number.
        far: whether the certificate has to state that nothing is decided, because the solution is far (V62).
    """
    gates: tuple[Gate | None, ...] = tuple(g if g.side else None for g in spec.gates) or (None,) * len(claims)
    outcomes = []
    for claim in claims:
        if base is None and (claim.lower, claim.upper, claim.rows, claim.witness.infinite) != (None, None, (), None):
            raise Invalid(claim.where, "it has numbers", "no solution is stated that they could be about")
        _check_claim(claim, ladder, side)
    for claim, gate in zip(claims, gates, strict=True):  # what all ends rest on may prove hypotheses soon
        known = rule_of(claim, ladder.problem).hypotheses(claim, ladder.problem)
        for hypothesis in claim.hypotheses:
            check_hypothesis(hypothesis, known, claim, ladder, base)
        outcomes.append(_check_outcome(claim, evaluate(claim, gate, far)))
        ladder.tell(f"{claim.where}: every number is re-derived")
    return outcomes


def _check_claim(claim: Claim[Witness], ladder: Ladder, side: Side) -> None:
    """Form and both ends of a claim."""
    where, problem = claim.where, ladder.problem
    rule = rule_of(claim, problem)
    for name, stated, needed in (
        ("theorem", claim.theorem, (rule.theorem(claim, ladder),)), ("rigour", claim.rigour, ("proved",)),
        ("unit", claim.unit, rule.units(claim, problem)),
    ):
        if stated not in needed:
            raise Invalid(f"{where}.{name}", f"{show(stated)} is stated",
                          f"{show(needed[0])} is what can be re-derived")
    _check_ends(claim)
    rule.check_form(claim, problem)
    if claim.witness.infinite is not None:
        from certify.check.theorems.modulus.equal_rows import check_equal_rows

        check_equal_rows(claim, ladder)
    rule.check_ends(claim, ladder, side)
    names = [one.name for one in claim.hypotheses]
    if len(set(names)) < len(names):
        raise Invalid(f"{where}.hypotheses", show(names), "each is listed once")


def _check_outcome(claim: Claim[Witness], outcome: Outcome) -> Outcome:
    """V16: the stated verdict and gate are those that follow."""
    where, gate = claim.where, outcome.gate
    if claim.verdict != outcome.verdict:
        raise Invalid(f"{where}.verdict", f"{show(claim.verdict)} is stated", f"the ends give {show(outcome.verdict)}")
    check_text(f"{where}.reason", claim.reason)
    if claim.verdict == "certified" and claim.reason:
        raise Invalid(f"{where}.reason", f"{show(claim.reason)} is stated", "what is certified needs none: it is empty")
    member = None if gate is None else {
        gate.side: gate.value, "rigour": gate.rigour, "severity": gate.severity, "rationale": gate.rationale,
        "state": outcome.state}
    if not same(claim.gate, member):
        raise Invalid(f"{where}.gate", f"{show(claim.gate)} is stated", f"spec and ends give {show(member)}")
    return outcome


def _check_ends(claim: Claim[Witness]) -> None:
    """V8 of every claim: no end is negative, the lower is not above the upper, and equal rows leave no number."""
    where = claim.where
    for name, value in (("lower", claim.lower), ("upper", claim.upper),
                        *(("row_lower", v) for v in claim.row_lower), *(("row_upper", v) for v in claim.row_upper)):
        if value is not None and value < 0 and not RANGES[claim.quantity]:
            raise Invalid(f"{where}.{name}", f"{value!r} is stated", "it is not negative")
    if claim.lower is not None and claim.upper is not None and claim.lower > claim.upper:
        raise Invalid(f"{where}.lower", f"{claim.lower!r} is stated", f"the upper end is {claim.upper!r}")
    if claim.witness.infinite is not None and ((claim.lower, claim.upper) != (None, None) or claim.rows):
        raise Invalid(f"{where}.witness", "equal_rows is stated", "then lower and upper are null and rows is empty")
