"""Check one claim: every number of it is re-derived, then its verdict."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from certify.check import rules
from certify.check.canonical import Json, same, show
from certify.check.certificate import Claim, Hypothesis, Number
from certify.check.definite import Truth
from certify.check.evidence import Evidence, Finding, Ladder, decide
from certify.check.refusal import Invalid
from certify.check.spec import Gate, Spec
from certify.check.subject import Problem, cut_down
from certify.check.verdicts import Outcome, evaluate

THEOREMS = {"modulus": "M2", "sample_modulus": "M4"}


def check_claims(claims: tuple[Claim, ...], spec: Spec, ladder: Ladder) -> list[Outcome]:
    """Check that the claims answer the gates of the spec one by one, and every claim.

    Returns:
        The outcomes under the spec's own gates.

    Raises:
        Invalid: at the first claim that does not check.
    """
    plain = ["modulus", "sample_modulus"] if spec.parameter == "features" else ["modulus"]
    wanted = [gate.quantity for gate in spec.gates] or plain
    found = [claim.quantity for claim in claims]
    if found != wanted:
        raise Invalid("claims", f"they are about {show(found)}", f"the spec asks for {show(wanted)}")
    gates: tuple[Gate | None, ...] = spec.gates or (None,) * len(claims)
    outcomes = []
    for claim, gate in zip(claims, gates, strict=True):
        outcomes.append(_check_claim(claim, gate, ladder))
        ladder.tell(f"{claim.where}: every number is re-derived")
    return outcomes


def _check_claim(claim: Claim, gate: Gate | None, ladder: Ladder) -> Outcome:
    where, problem = claim.where, ladder.problem
    for name, stated, needed in (
        ("theorem", claim.theorem, THEOREMS[claim.quantity]), ("rigour", claim.rigour, "proved"),
        ("unit", claim.unit, _unit(problem)),
    ):
        if stated != needed:
            raise Invalid(f"{where}.{name}", f"{show(stated)} is stated", f"{show(needed)} is what can be re-derived")
    _check_form(claim, problem)
    if claim.equal_rows is not None:
        _check_equal_rows(claim, ladder)
    _check_ends(claim, ladder)
    if claim.quantity == "sample_modulus":
        _check_rows(claim, ladder)
    for hypothesis in claim.hypotheses:
        _check_hypothesis(hypothesis, claim, ladder)
    outcome = evaluate(claim, gate)
    if claim.verdict != outcome.verdict:
        raise Invalid(f"{where}.verdict", f"{show(claim.verdict)} is stated", f"the ends give {show(outcome.verdict)}")
    member = _gate_member(outcome)
    if not same(claim.gate, member):
        raise Invalid(f"{where}.gate", f"{show(claim.gate)} is stated", f"spec and ends give {show(member)}")
    return outcome


def _unit(problem: Problem) -> str:
    moved = "feature change" if problem.parameter == "features" else "target change"
    merged = " (equal rows move as one)" if len(problem.kept) < len(problem.features) else ""
    return f"weight distance per unit of {moved}{merged}"


def _gate_member(outcome: Outcome) -> Json | None:
    gate = outcome.gate
    if gate is None:
        return None
    return {gate.side: gate.value, "rigour": gate.rigour, "severity": gate.severity, "rationale": gate.rationale,
            "state": outcome.state}


def _check_form(claim: Claim, problem: Problem) -> None:
    """V8: ends, witness and rows fit together, before anything is computed."""
    where, ends = claim.where, (claim.lower, claim.upper)
    per_row = claim.quantity == "sample_modulus"
    for name, value in (("lower", claim.lower), ("upper", claim.upper),
                        *(("row_lower", v) for v in claim.row_lower), *(("row_upper", v) for v in claim.row_upper)):
        if value is not None and value < 0:
            raise Invalid(f"{where}.{name}", f"{value!r} is stated", "a modulus is not negative")
    if claim.lower is not None and claim.upper is not None and claim.lower > claim.upper:
        raise Invalid(f"{where}.lower", f"{claim.lower!r} is stated", f"the upper end is {claim.upper!r}")
    if claim.equal_rows is not None and (ends != (None, None) or claim.rows):
        raise Invalid(f"{where}.witness", "equal_rows is stated", "then lower and upper are null and rows is empty")
    needs_z = not per_row and claim.lower is not None and claim.lower > 0
    if (claim.z is not None) != needs_z:
        raise Invalid(f"{where}.witness", f"z is {'missing' if claim.z is None else 'there'}",
                      f"the lower end is {show(claim.lower)}")
    if claim.z is not None and len(claim.z) != problem.equations:
        raise Invalid(f"{where}.witness.z", f"it has {len(claim.z)} entries", f"{problem.equations} are needed")
    if claim.rows and claim.rows != problem.moving:
        raise Invalid(f"{where}.rows", show(list(claim.rows)), f"the rows that may move are {show(problem.moving)}")
    if per_row:
        low = [v for v in claim.row_lower if v is not None]
        high = [v for v in claim.row_upper if v is not None]
        largest = (max(low, default=None), max(high) if high and len(high) == len(claim.rows) else None)
        if ends != largest:
            raise Invalid(f"{where}.lower, .upper", show(ends), f"the largest ends of the rows are {show(largest)}")


def _check_ends(claim: Claim, ladder: Ladder) -> None:
    """V10 and V11: the two ends of `modulus`."""
    if claim.quantity != "modulus":
        return
    if claim.upper is not None:
        _expect(f"{claim.where}.upper", claim.upper, partial(rules.modulus_upper, upper=claim.upper), ladder)
    if claim.z is not None and claim.lower is not None:
        _expect(f"{claim.where}.lower", claim.lower, partial(rules.modulus_lower, lower=claim.lower, z=claim.z), ladder)


def _check_rows(claim: Claim, ladder: Ladder) -> None:
    """V12 and V13: both ends of every row."""
    place = {row: at for at, row in enumerate(ladder.problem.kept)}
    for row, lower, upper in zip(claim.rows, claim.row_lower, claim.row_upper, strict=True):
        if upper is not None:
            _expect(f"{claim.where}.row_upper of row {row}", upper,
                    partial(rules.row_upper, at=place[row], upper=upper), ladder)
        if lower is not None:
            _expect(f"{claim.where}.row_lower of row {row}", lower,
                    partial(rules.row_lower, at=place[row], lower=lower), ladder)


def _check_equal_rows(claim: Claim, ladder: Ladder) -> None:
    """V14: S is not Lipschitz-like, because two equal rows cannot move apart."""
    assert claim.equal_rows is not None
    where, (i, j), problem = f"{claim.where}.witness.equal_rows", claim.equal_rows, ladder.problem
    stated = f"rows {i} and {j} are stated"
    if i == j or max(i, j) >= len(problem.features) or problem.features[i] != problem.features[j]:
        raise Invalid(where, stated, "they are not two equal rows of the data")
    if i not in problem.kept or j not in problem.kept:
        raise Invalid(where, stated, "equal rows are merged into one")
    if i not in problem.moving and j not in problem.moving:
        raise Invalid(where, stated, "neither may move")
    if problem.parameter == "features":
        finding = decide(rules.effect, Ladder(cut_down(problem, i)))
        if finding.truth is not Truth.PROVED:
            raise Invalid(where, stated, finding.found)


def _check_hypothesis(hypothesis: Hypothesis, claim: Claim, ladder: Ladder) -> None:
    """V15: a hypothesis this checker knows, with the value and the truth it can re-derive."""
    where, value, problem = f"{claim.where}.hypotheses, {show(hypothesis.name)}", hypothesis.value, ladder.problem
    numbers = claim.lower is not None or claim.upper is not None or bool(claim.rows)
    if hypothesis.name == "counting":
        spare = problem.parameters - problem.equations
        if not same(value, spare) or hypothesis.holds != (spare >= 0):
            raise Invalid(where, f"{show(value)}, {show(hypothesis.holds)}", f"p − nk is {spare}")
        return
    if hypothesis.name not in ("smooth", "rank"):
        raise Invalid(where, "it is stated", "this checker can re-derive counting, smooth and rank")
    if isinstance(value, str) or (value is not None and value < 0):
        raise Invalid(where, f"its value is {show(value)}", "a number from 0 on, or null, is needed")
    if not hypothesis.holds:
        if numbers or value:
            raise Invalid(where, "it is stated not to hold", "the claim has numbers that rest on it")
        return
    if hypothesis.name == "smooth":
        kinks = problem.activation == "relu" and len(problem.layers) > 1
        if (value is not None) != kinks:
            raise Invalid(where, f"its value is {show(value)}", "a number is for networks with kinks, null for others")
        _expect(where, value or 0, partial(rules.smooth, least=value or 0), ladder)
    else:
        _expect(where, value or 0, partial(rules.rank, least=value or 0), ladder)


def _expect(where: str, stated: Number, rule: Callable[[Evidence], Finding], ladder: Ladder) -> None:
    """Apply a rule; anything but a proof is a refusal that quotes both sides."""
    finding = decide(rule, ladder)
    if finding.truth is not Truth.PROVED:
        raise Invalid(where, f"{stated!r} is stated", finding.found)
