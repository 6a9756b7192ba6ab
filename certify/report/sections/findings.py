"""Findings: what a certificate says about each quantity and each gate, in plain sentences."""

from __future__ import annotations

from collections.abc import Sequence

from certify.certificate.schema import BY_ROW, Claim, Problem
from certify.report import words
from certify.report.digits import as_given, lower_end, upper_end
from certify.report.sections import critical
from certify.report.sections import head as convex
from certify.report.sections.rows import find_rows
from certify.report.sentences import SENTENCE_DIGITS, proof, sentence
from certify.report.statements import Finding, Gate, Phrase, Undecided, prose, say

FULL_DIGITS = 8


def find_findings(claims: Sequence[Claim], problem: Problem) -> tuple[Finding, ...]:
    """One finding per quantity and enclosure, in the order of the claims; two gates on it are one finding."""
    groups: dict[tuple[object, ...], list[Claim]] = {}
    for claim in claims:
        key = (claim.quantity, claim.theorem, claim.rigour, claim.lower, claim.upper, claim.unit)
        groups.setdefault(key, []).append(claim)
    return tuple(_finding(group, problem) for group in groups.values())


def find_gates(claims: Sequence[Claim]) -> tuple[Gate, ...]:
    """The gates in the order of the claims."""
    return tuple(_gate(claim) for claim in claims if claim.gate is not None)


def find_undecided(claims: Sequence[Claim]) -> tuple[Undecided, ...]:
    """What left claims undecided; quantities with the same reason stand together."""
    reasons: dict[str, list[str]] = {}
    for claim in claims:
        if claim.verdict == "inconclusive" and claim.reason.strip():
            reasons.setdefault(prose(claim.reason).rstrip("."), []).append(claim.quantity)
    return tuple(
        Undecided(tuple(dict.fromkeys(quantities)), f"{reason[0].upper()}{reason[1:]}.")
        for reason, quantities in reasons.items()
    )


def _finding(group: Sequence[Claim], problem: Problem) -> Finding:
    claim = group[0]
    rows = find_rows(claim) if claim.quantity in BY_ROW else None
    return Finding(
        quantity=claim.quantity,
        name=_name(claim, problem),
        asked=tuple(dict.fromkeys((_asked(c), c.verdict) for c in group)),
        sentence=sentence(claim, problem, rows),
        lower=None if claim.lower is None else lower_end(claim.lower, FULL_DIGITS),
        upper=None if claim.upper is None else upper_end(claim.upper, FULL_DIGITS),
        infinite=claim.witness.equal_rows is not None,
        unit=prose(claim.unit),
        rigour=claim.rigour,
        proof=proof(claim, problem),
        rows=rows,
    )


def _name(claim: Claim, problem: Problem) -> str:
    """The quantity in words."""
    if convex.about(claim):
        return words.MOTION if claim.quantity == "distance" else words.QUANTITIES[claim.quantity]
    return critical.quantity_name(claim.quantity) if problem.map == "critical" else words.QUANTITIES[claim.quantity]


def _asked(claim: Claim) -> str:
    """What was asked of the quantity."""
    if claim.gate is None:
        return "finite"
    if claim.gate.max is not None:
        return f"at most {as_given(claim.gate.max).text}"
    assert claim.gate.min is not None  # the schema asks for one of them
    return f"at least {as_given(claim.gate.min).text}"


def _gate(claim: Claim) -> Gate:
    gate = claim.gate
    assert gate is not None  # only claims with a gate come here
    threshold = gate.max if gate.max is not None else gate.min
    assert threshold is not None  # the schema asks for one of them
    return Gate(
        quantity=claim.quantity,
        relation="at least" if gate.max is None else "at most",
        threshold=as_given(threshold),
        state=gate.state,
        label=gate.state if claim.rigour == "proved" or gate.state == "open" else f"{gate.state} ({claim.rigour})",
        verdict=claim.verdict,
        reading=_gate_reading(claim, "min" if gate.max is None else "max", threshold, gate.state),
        severity=gate.severity,
        rigour=gate.rigour,
        rationale=prose(gate.rationale or ""),
        lower=None if claim.lower is None else lower_end(claim.lower, SENTENCE_DIGITS),
        upper=None if claim.upper is None else upper_end(claim.upper, SENTENCE_DIGITS),
        infinite=claim.witness.equal_rows is not None,
        known=claim.rigour,
    )


def _gate_reading(claim: Claim, side: str, threshold: float, state: str) -> Phrase:
    """Why the gate is in its state, with the end that decides it shown on the right side of the threshold."""
    lower, upper = claim.lower, claim.upper
    if claim.witness.equal_rows is not None:
        outcome = "above every threshold" if side == "max" else "not below any threshold"
        return say("No finite factor works, so the quantity is {o}.", o=outcome)
    low = "" if lower is None else lower_end(lower, above=threshold if lower >= threshold else None)
    high = "" if upper is None else upper_end(upper, below=threshold if upper <= threshold else None)
    decided = {
        ("max", "met"): "The {known} upper end {high} does not exceed {threshold}.",
        ("max", "failed"): "The {known} lower end {low} exceeds {threshold}.",
        ("min", "met"): "The {known} lower end {low} is not below {threshold}.",
        ("min", "failed"): "The {known} upper end {high} is below {threshold}.",
    }
    if state != "open":
        template = decided[side, state]
    elif upper is None and lower is None:
        template = "Neither end was proved."
    elif upper is None:
        template = "The {known} lower end is {low}; no upper end was proved."
    elif lower is None:
        template = "The {known} upper end is {high}; no lower end was proved."
    elif claim.rigour == "proved" and (lower > threshold or upper < threshold):
        template = "The ends {low} and {high} hold at a solution that is too far from the given weights to count."
    elif lower <= threshold <= upper:
        template = "{threshold} lies between the {known} ends {low} and {high}."
    else:
        template = "The ends {low} and {high} are {known}, and the gate asks for more."
    return say(template, known=claim.rigour, low=low, high=high, threshold=as_given(threshold))
