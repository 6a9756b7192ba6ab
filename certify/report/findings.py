"""Findings: what a certificate says about each quantity, in plain sentences."""

from __future__ import annotations

from collections.abc import Sequence

from certify.certificate.schema import Claim, Problem
from certify.report.digits import as_given, lower_end, upper_end
from certify.report.quantities import QUANTITIES
from certify.report.rows import find_rows
from certify.report.sentences import name, proof, sentence
from certify.report.statements import Finding, prose

FULL_DIGITS = 8


def find_findings(claims: Sequence[Claim], problem: Problem) -> tuple[Finding, ...]:
    """One finding per quantity and enclosure, in the order of the claims; two gates on it are one finding."""
    groups: dict[tuple[object, ...], list[Claim]] = {}
    for claim in claims:
        key = (claim.quantity, claim.theorem, claim.rigour, claim.lower, claim.upper, claim.unit)
        groups.setdefault(key, []).append(claim)
    return tuple(_finding(group, problem) for group in groups.values())


def _finding(group: Sequence[Claim], problem: Problem) -> Finding:
    claim = group[0]
    rows = find_rows(claim) if claim.rows is not None and QUANTITIES[claim.quantity].ranked else None
    return Finding(
        quantity=claim.quantity,
        name=name(claim, problem),
        asked=tuple(dict.fromkeys((_asked(c), c.verdict) for c in group)),
        sentence=sentence(claim, problem, rows),
        lower=None if claim.lower is None else lower_end(claim.lower, FULL_DIGITS),
        upper=None if claim.upper is None else upper_end(claim.upper, FULL_DIGITS),
        infinite=claim.witness.equal_rows is not None,
        unit=prose(claim.unit),
        rigour=claim.rigour,
        proof=proof(claim, problem),
        rows=rows,
        gauge=QUANTITIES[claim.quantity].gauge,
    )


def _asked(claim: Claim) -> str:
    """What was asked of the quantity."""
    if claim.gate is None:
        return "finite"
    if claim.gate.max is not None:
        return f"at most {as_given(claim.gate.max).text}"
    assert claim.gate.min is not None  # the schema asks for one of them
    return f"at least {as_given(claim.gate.min).text}"
