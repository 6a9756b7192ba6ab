"""Findings: what a certificate says about each quantity and each gate, in plain sentences."""

from __future__ import annotations

from collections.abc import Sequence

from certify.certificate.schema import Claim, Problem
from certify.report import words
from certify.report.digits import as_given, count, lower_end, upper_end
from certify.report.rows import find_rows
from certify.report.statements import Finding, Gate, Phrase, Rows, Undecided, prose, say, visible

SENTENCE_DIGITS, FULL_DIGITS = 4, 8
OPENING = {
    "proved": "If",
    "conditional": "Under a hypothesis that was not proved: if",
    "estimated": "By an estimate, without proof: if",
}


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
    equal = claim.witness.equal_rows
    rows = find_rows(claim) if claim.quantity == "sample_modulus" else None
    return Finding(
        quantity=claim.quantity,
        name=words.QUANTITIES[claim.quantity],
        asked=tuple(dict.fromkeys((_asked(c), c.verdict) for c in group)),
        sentence=_equal_sentence(claim.quantity, equal, problem) if equal else _sentence(claim, problem, rows),
        lower=None if claim.lower is None else lower_end(claim.lower, FULL_DIGITS),
        upper=None if claim.upper is None else upper_end(claim.upper, FULL_DIGITS),
        infinite=equal is not None,
        unit=prose(claim.unit),
        proof=_proof(claim),
        rows=rows,
    )


def _asked(claim: Claim) -> str:
    """What was asked of the quantity."""
    if claim.gate is None:
        return "finite"
    if claim.gate.max is not None:
        return f"at most {as_given(claim.gate.max).text}"
    assert claim.gate.min is not None  # the schema asks for one of them
    return f"at least {as_given(claim.gate.min).text}"


def _proof(claim: Claim) -> str:
    """How the ends are known."""
    theorem = visible(claim.theorem)
    if claim.witness.equal_rows is not None:
        return f"{words.RIGOUR[claim.rigour]}. Theorem {theorem}, by the two rows named."
    ends = [
        words.ENDS.get((claim.theorem, side), "") for side in ("upper", "lower") if getattr(claim, side) is not None
    ]
    if not ends:
        return f"No bound was proved; theorem {theorem} was tried."
    how = "; ".join(dict.fromkeys(end for end in ends if end))
    return f"{words.RIGOUR[claim.rigour]}. Theorem {theorem}{': ' if how else ''}{how}."


def _equal_sentence(quantity: str, equal: Sequence[int], problem: Problem) -> Phrase:
    """Why no factor exists when two rows have the same features."""
    if quantity == "sample_modulus":
        template = (
            "Not every row has a finite factor. Training rows {i} and {j} have exactly the same features, and moving "
        )
        return say(template + "one of them alone is enough to part them.", i=equal[0], j=equal[1])
    template = "No finite factor works. Training rows {i} and {j} have exactly the same features. {why}"
    return say(template, i=equal[0], j=equal[1], why=words.WHY_EQUAL[problem.parameter])


def _mover(claim: Claim, problem: Problem) -> str:
    """The move as the condition of a sentence."""
    parameter, alone = problem.parameter, claim.quantity == "sample_modulus"
    if problem.rows == "all":
        if alone:
            return f"the {parameter} of any one training row move by a small amount δ while all others stay"
        return f"the training {parameter} move by a small amount δ in total"
    if len(problem.rows) == 1:
        return f"the {parameter} of training row {problem.rows[0]} move by a small amount δ"
    listed = f"of the {count(len(problem.rows))} listed training rows"
    if alone:
        return f"the {parameter} of any one {listed} move by a small amount δ while all others stay"
    return f"the {parameter} {listed} move by a small amount δ in total"


def _sentence(claim: Claim, problem: Problem, rows: Rows | None) -> Phrase:
    """The claim as one plain sentence."""
    lower, upper = claim.lower, claim.upper
    near = "" if problem.layer == "all" else f", reached by adjusting layer {problem.layer} alone"
    within = "a network that fits the moved data exactly exists within about {upper}·δ of these weights{near}"
    which = ""
    if rows and rows.most is not None:
        which = "for row {row}, the most sensitive, " if rows.most_proved else "for row {row} "
    if upper is None and lower is None:
        template = "no bound was proved on how far from these weights the nearest exact fit lies."
    elif upper is None:
        template = (
            which + "no factor below {lower} bounds the distance from these weights to the nearest exact fit. No upper "
            "end was proved: there may be no exact fit nearby at all."
        )
    elif lower is None:
        template = within + ". How small the factor could be was not proved."
    else:
        template = within + ", and " + which + "no factor below {lower} would do."
    return say(
        "{start} {mover}, " + template,
        start=OPENING[claim.rigour],
        mover=_mover(claim, problem),
        near=near,
        row=rows.most if rows and rows.most is not None else "",
        lower="" if lower is None else lower_end(lower, SENTENCE_DIGITS),
        upper="" if upper is None else upper_end(upper, SENTENCE_DIGITS),
    )


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
    elif lower <= threshold <= upper:
        template = "{threshold} lies between the {known} ends {low} and {high}."
    else:
        template = "The ends {low} and {high} are {known}, and the gate asks for more."
    return say(template, known=claim.rigour, low=low, high=high, threshold=as_given(threshold))
