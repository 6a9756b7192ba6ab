"""The hypotheses of the theorems used, with the values that were verified."""

from __future__ import annotations

from collections.abc import Sequence

from certify.certificate.schema import Certificate, Claim
from certify.report.digits import cut, lower_end, upper_end
from certify.report.section import Section
from certify.report.statements import Assumption, Phrase, prose, say, visible

AT_MOST, AT_LEAST = ("loss", "solution", "tilt", "contraction", "bias"), ("rank", "gradient", "interior", "weights")
"""Hypotheses whose value is an upper bound, and those whose value is a lower bound."""


def _assumptions(claims: Sequence[Claim]) -> tuple[Assumption, ...]:
    """The hypotheses of all claims, each once, with the quantities that use it."""
    users: dict[tuple[str, str, float | str | None, bool], list[str]] = {}
    for claim in claims:
        for h in claim.hypotheses:
            users.setdefault((h.name, h.statement, h.value, h.holds), []).append(claim.quantity)
    return tuple(
        Assumption(
            name=visible(name),
            statement=prose(statement),
            value=_verified(name, value, holds),
            holds=holds,
            used_by=tuple(dict.fromkeys(quantities)),
        )
        for (name, statement, value, holds), quantities in users.items()
    )


def _verified(name: str, value: float | str | None, holds: bool) -> Phrase:
    """The verified value, rounded outward where it is a bound."""
    if value is None:
        return say("proved without a number") if name == "rank" and holds else ()
    if isinstance(value, str):
        return say("{v}", v=value)
    rounded = upper_end if name in AT_MOST else lower_end if name in AT_LEAST else cut
    return say("{v}", v=rounded(value))


def _build(opened: Certificate) -> tuple[Assumption, ...]:
    return _assumptions(opened.claims)


SECTION = Section("assumptions", "Assumptions", _build)
