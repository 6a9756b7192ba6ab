"""The gates over time: this model against a baseline."""

from __future__ import annotations

from dataclasses import dataclass

from certify.certificate.over_time import READ, sided
from certify.certificate.schema import Certificate
from certify.report.digits import lower_end, upper_end
from certify.report.quantities.quantity import DIGITS
from certify.report.section import Section
from certify.report.statements import Number, Phrase, prose, say, visible


@dataclass(frozen=True)
class Compared:
    """One gate over time, with both ends of both models; `infinite`: that of this one is proved to have none."""

    asked: str
    state: str
    reason: str
    severity: str
    rationale: str
    new: tuple[Number | None, Number | None]
    old: tuple[Number | None, Number | None]
    infinite: bool


@dataclass(frozen=True)
class OverTime:
    """All of them, and the baseline: its name and the digest of its bytes; empty where none was given."""

    file: str
    sha256: str
    read: str
    gates: tuple[Compared, ...]


def _build(opened: Certificate) -> OverTime:
    member = opened.over_time
    assert member is not None  # the section applies only where it is there
    place, gates = member.baseline, []
    for gate in member.gates:
        claim = opened.claims[gate.claim]
        side, tolerance = sided(gate.model_dump())
        gates.append(Compared(
            f"{claim.quantity} {side} {tolerance!r}", gate.state, prose(gate.reason), gate.severity,
            prose(gate.rationale or ""), _ends(claim.lower, claim.upper), _ends(gate.lower, gate.upper),
            claim.witness.equal_rows is not None))
    return OverTime("" if place is None else visible(place.path), "" if place is None else place.sha256, READ,
                    tuple(gates))


def _ends(low: float | None, high: float | None) -> tuple[Number | None, Number | None]:
    return (None if low is None else lower_end(low, DIGITS)), (None if high is None else upper_end(high, DIGITS))


def against_baseline(opened: Certificate) -> tuple[Phrase, ...]:
    """The same at a glance, a line a gate; empty where no baseline was given."""
    member = opened.over_time
    if member is None or member.baseline is None:
        return ()
    found = _build(opened)
    return tuple(say("{asked}: {state}. {reason}. The ends of the baseline are {read}.", asked=gate.asked,
                     state=gate.state, reason=gate.reason[:1].upper() + gate.reason[1:], read=found.read)
                 for gate in found.gates)


SECTION = Section("over_time", "Against the baseline", _build, lambda opened: opened.over_time is not None)
