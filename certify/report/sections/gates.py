"""The gates: each threshold, and why it is in its state."""

from __future__ import annotations

from collections.abc import Sequence

from certify.certificate.schema import Claim
from certify.report.digits import as_given, lower_end, upper_end
from certify.report.quantities.quantity import DIGITS
from certify.report.section import Section
from certify.report.statements import Gate, Phrase, prose, say


def find_gates(claims: Sequence[Claim]) -> tuple[Gate, ...]:
    """The gates in the order of the claims."""
    return tuple(_gate(claim) for claim in claims if claim.gate is not None)


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
        lower=None if claim.lower is None else lower_end(claim.lower, DIGITS),
        upper=None if claim.upper is None else upper_end(claim.upper, DIGITS),
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


SECTION = Section("gates", "Gates", lambda opened: find_gates(opened.claims),
                  lambda opened: any(claim.gate is not None for claim in opened.claims))
