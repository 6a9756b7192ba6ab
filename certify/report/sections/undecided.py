"""What left claims undecided, and what would decide them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from certify.certificate.schema import Certificate, Claim
from certify.report.phrases import words
from certify.report.section import Section
from certify.report.statements import Phrase, Undecided, prose


@dataclass(frozen=True)
class Decide:
    """What blocked verdicts, and what to do about it."""

    undecided: tuple[Undecided, ...]
    advice: tuple[Phrase, ...]


def _build(opened: Certificate) -> Decide:
    return Decide(find_undecided(opened.claims), _advice(opened.claims))


def _applies(opened: Certificate) -> bool:
    return bool(find_undecided(opened.claims) or _advice(opened.claims))


def _advice(claims: Sequence[Claim]) -> tuple[Phrase, ...]:
    return words.MERGE_ADVICE if any(claim.witness.equal_rows for claim in claims) else ()


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


SECTION = Section("undecided", "", _build, _applies)
