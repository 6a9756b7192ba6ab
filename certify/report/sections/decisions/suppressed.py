"""Gates that somebody answers for until a day, so that they do not count for the exit status."""

from __future__ import annotations

from dataclasses import dataclass

from certify.certificate.schema import Certificate
from certify.report.section import Section
from certify.report.statements import prose


@dataclass(frozen=True)
class Suppressed:
    """One gate that is not met, with who answers for it."""

    gate: str
    state: str
    owner: str
    expires: str
    reason: str
    expired: bool
    fingerprint: str


def _build(opened: Certificate) -> tuple[Suppressed, ...]:
    return tuple(Suppressed(prose(one.gate), one.state, prose(one.owner), one.expires, prose(one.reason), one.expired,
                            one.fingerprint) for one in opened.suppressed or ())


SECTION = Section("suppressed", "Suppressed gates", _build, lambda opened: bool(opened.suppressed))
