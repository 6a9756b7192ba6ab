"""Gates over time: whether a quantity is proved to have got worse than it was proved to be in a baseline.

The arithmetic is that of :mod:`certify.certificate.over_time`. The ends of the baseline are read from its certificate;
they are not proved again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from certify.certificate.canonical import seal
from certify.certificate.over_time import compared, ends_of
from certify.certificate.read import parse_certificate
from certify.certificate.schema import validate
from certify.format.digits import enclosure
from certify.format.errors import InputError, SpecError
from certify.gating.question import apart, differences, is_far, network_differs, of_weights, one_number
from certify.prove.gates import State
from certify.spec.sources import Digest, read_source

if TYPE_CHECKING:
    from pathlib import Path

    from certify.spec.models import Gate

Json = Mapping[str, Any]

NONE_GIVEN: Final = "no baseline was given: certify run SPEC --baseline CERT"


@dataclass(frozen=True)
class Baseline:
    """The certificate of an earlier model.

    Attributes:
        certificate: its content.
        digest: path, SHA-256 and size of the file it was read from.
    """

    certificate: Json
    digest: Digest


def read_baseline(path: Path, gates: Iterable[Gate]) -> Baseline:
    """Read a baseline, strictly; nothing in it is proved again.

    Args:
        path: a certificate.
        gates: of the spec that it is the baseline of.

    Raises:
        SpecError: no gate is about time.
        InputError, CertificateError: it is no certificate, or has no claim on what a gate compares.
    """
    compared = [gate.quantity for gate in gates if gate.over_time]
    if not compared:
        raise SpecError("--baseline", "no gate of the spec has max_increase or max_decrease",
                        "give one of them in a [[gate]], or leave out --baseline")
    source = read_source(path, "baseline")
    certificate = parse_certificate(source.content, f"baseline {path}")
    has = {claim["quantity"] for claim in certificate["claims"]}
    for quantity in compared:
        if quantity not in has:
            raise InputError(f"baseline {path}", f"it has no claim on {quantity}, but on {', '.join(sorted(has))}",
                             "name a certificate of the same spec")
    return Baseline(certificate, Digest(path, source.sha256, source.size))


def require_same(baseline: Baseline, problem: Json, subject: Json, gates: Iterable[Gate]) -> None:
    """Refuse a baseline that answers another question.

    Args:
        baseline: the baseline.
        problem, subject: members of the certificate of the new model.
        gates: of its spec.

    Raises:
        InputError: names the first difference.
    """
    new, old = {"problem": problem, "subject": subject}, baseline.certificate
    for found in differences(new, old):
        raise InputError(f"baseline {baseline.digest.path}", f"it answers another question: {found}",
                         "name a certificate of the same question, or prove one for the old model")
    quantities = {gate.quantity for gate in gates if gate.over_time}
    weights = [c["quantity"] for c in old["claims"] if c["quantity"] in quantities and of_weights(c)]
    if weights and network_differs(new, old):
        raise InputError(f"baseline {baseline.digest.path}", f"{weights[0]} measures weights, and the baseline is "
                         "another network", "compare networks of the same layers, or ask what is about predictions")


def attach(certificate: Json, gates: Sequence[Gate], baseline: Baseline | None, place: Json | None) -> dict[str, Any]:
    """The certificate with what became of its gates over time; the same one where it has none.

    Args:
        certificate: of the new model.
        gates: of its spec, in whose order the claims are.
        baseline: None where none was given: the gates are then open.
        place: path, SHA-256 and size of the baseline as seen from the certificate.
    """
    held = [_held(certificate, index, gate, baseline) for index, gate in enumerate(gates) if gate.over_time]
    if not held:
        return dict(certificate)
    member = {"baseline": None if place is None else dict(place), "gates": held}
    found = seal({**certificate, "over_time": member})
    validate(found)
    return found


def _held(certificate: Json, index: int, gate: Gate, baseline: Baseline | None) -> dict[str, Any]:
    claim = certificate["claims"][index]
    side = "max_increase" if gate.max_increase is not None else "max_decrease"
    tolerance = getattr(gate, side)
    entry = {"claim": index, side: tolerance, "severity": gate.severity, "rationale": gate.rationale}
    if baseline is None:
        return entry | {"lower": None, "upper": None, "state": "open", "reason": NONE_GIVEN}
    old = next(c for c in baseline.certificate["claims"] if c["quantity"] == claim["quantity"])
    state, reason = _decided(certificate, claim, baseline.certificate, old, side, tolerance)
    return entry | {"lower": old["lower"], "upper": old["upper"], "state": state, "reason": reason}


def _decided(certificate: Json, claim: Json, before: Json, old: Json, side: str, tolerance: float) -> tuple[State, str]:
    """The state of one gate, and why."""
    other = apart(claim, old, (certificate["base"].get("tilt"), before["base"].get("tilt")))
    if other:
        return "open", other
    if "proved" != claim["rigour"] or "proved" != old["rigour"]:
        return "open", "one of the two is not proved"
    for one, what in ((certificate, "this model"), (before, "the baseline")):
        if is_far(one):
            return "open", f"the ends of {what} are about a solution too far from its weights to count"
    if one_number(certificate, before):
        return "met", "model, data and question are those of the baseline, so it is the same number"
    state = compared(ends_of(claim), ends_of(old), side, tolerance)
    new, its = ("infinity" if one["witness"].get("equal_rows") else enclosure(one["lower"], one["upper"])
                for one in (claim, old))
    shown = f"{new} against {its} of the baseline"
    most = f"{side} = {tolerance!r}"
    return state, {
        "met": f"{shown}: not worse by more than {most}",
        "failed": f"{shown}: worse by more than {most}",
        "open": f"{shown}: the ends leave open whether it is worse by more than {most}",
    }[state]
