"""What became of each claim, as programs count it: met, failed or open, and whether that decides the exit status."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from certify.certificate.schema import Certificate
from certify.format.words import Severity, State, Verdict
from certify.report.messages import claim_line
from certify.report.phrases.changed_rows import find_changed
from certify.report.phrases.decisions.over_time import asked as asked_over_time
from certify.report.phrases.decisions.over_time import over_time_line
from certify.report.phrases.decisions.suppressed import words
from certify.report.phrases.listing import LISTED, named_rows
from certify.report.reading import open_certificate
from certify.report.statements import prose

Json = Mapping[str, Any]

ASKED = ("map", "base", "layer", "parameter", "set", "norm", "weight_norm", "count", "relabelled", "radius", "level",
         "window", "rows", "loss", "threshold", "tau", "functionals", "direction", "relative", "scale", "normalization",
         "pairs", "fresh", "class_weight")
"""Members of a problem that say what is asked, whatever the model and the data are."""
NAMED = ("grouped", "row_weights")
"""Members of which the name of the array says what is asked."""
STATES = {Verdict.CERTIFIED: State.MET, Verdict.REFUTED: State.FAILED, Verdict.INCONCLUSIVE: State.OPEN}


@dataclass(frozen=True)
class Outcome:
    """One claim.

    Attributes:
        quantity: its word.
        asked: the threshold, e.g. ``"stable_predictions ≥ 130.0"``; without one the quantity alone.
        state: of the gate; of a claim without one what its verdict would be.
        gated: whether there is a gate.
        decides: whether it counts for the exit status: a gate of severity ``"fail"``, or no gate at all.
        line: the claim as the verdict line says it.
        reason: why it is not certified; empty where it is.
        lower, upper: the ends; None where there is none.
        unit, rigour, theorem: as in the certificate.
        fingerprint: the same in every run that asks the same, whatever the model, the data and the numbers are.
        suppression: who answers for it, or did until a day; None where nobody.
    """

    quantity: str
    asked: str
    state: State
    gated: bool
    decides: bool
    line: str
    reason: str
    lower: float | None
    upper: float | None
    unit: str
    rigour: str
    theorem: str
    fingerprint: str
    suppression: Json | None = None

    @property
    def suppressed(self) -> bool:
        """Whether a suppression holds, so that it does not count."""
        return self.suppression is not None and not self.suppression["expired"]


@dataclass(frozen=True)
class Outcomes:
    """Every claim of a certificate.

    Attributes:
        claims: in their order.
        flips: which predictions flip and by which training rows, a line each, of many the first few.
    """

    claims: tuple[Outcome, ...]
    flips: tuple[str, ...]

    def said(self, one: Outcome) -> str:
        """A claim with its reason and, where it is not met, the rows that flip, a line each."""
        rows = () if one.state is State.MET else self.flips
        why = [prose(words(one.suppression))] if one.suppression else []
        return "\n".join([one.line, *why, *([one.reason] if one.reason else []), *rows])


def outcomes(certificate: Json) -> Outcomes:
    """Every claim of a certificate, which is opened strictly.

    Raises:
        CertificateError: it is malformed or contradicts itself.
    """
    opened = open_certificate(certificate)
    over_time = (certificate.get("over_time") or {"gates": ()})["gates"]
    gates = bool(over_time) or any(claim["gate"] for claim in certificate["claims"])
    claims = [_outcome(claim, certificate["problem"], gates) for claim in certificate["claims"]]
    found = (*claims, *(_over_time(gate, certificate) for gate in over_time))
    suppressed = {entry["fingerprint"]: entry for entry in certificate.get("suppressed") or ()}
    return Outcomes(tuple(_answered(one, suppressed.get(one.fingerprint)) for one in found), _flips(opened))


def _answered(one: Outcome, entry: Json | None) -> Outcome:
    """The outcome with who answers for its gate, which then does not decide."""
    if entry is None or not one.gated:
        return one
    return replace(one, suppression=entry, decides=one.decides and entry["expired"])


def _flips(opened: Certificate) -> tuple[str, ...]:
    lines = []
    for changed in find_changed(opened):
        for flip in changed.flips[:LISTED]:
            those = f" when training {named_rows(list(flip.changed))} {changed.verbs[len(flip.changed) == 1]}"
            lines.append(f"evaluation row {flip.row} flips{those if flip.changed else ''}")
        if len(changed.flips) > LISTED:
            lines.append(f"{len(changed.flips) - LISTED} other evaluation rows flip")
        if changed.undecided:
            lines.append(f"undecided: evaluation {named_rows(list(changed.undecided))}")
    return tuple(dict.fromkeys(lines))


def _outcome(claim: Json, problem: Json, gates: bool) -> Outcome:
    gate = claim["gate"]
    asked = claim["quantity"]
    if gate is not None:
        asked += f" {'≤' if 'max' in gate else '≥'} {gate.get('max', gate.get('min'))!r}"
    mark = fingerprint(problem, asked)
    return Outcome(
        claim["quantity"], asked, STATES[Verdict(claim["verdict"])] if gate is None else State(gate["state"]),
        gate is not None, not gates if gate is None else Severity(gate["severity"]) is Severity.FAIL,
        prose(claim_line(claim, problem)), prose(claim["reason"]), claim["lower"], claim["upper"],
        prose(claim["unit"]), claim["rigour"], claim["theorem"], mark)


def fingerprint(problem: Json, asked: str) -> str:
    """The same in every run that asks the same, whatever the model, the data and the numbers are."""
    named = {key: problem[key] for key in ASKED if problem.get(key) is not None} | {"asked": asked}
    named |= {key: problem[key]["by"] for key in NAMED if problem.get(key) is not None}
    # a text, so that numbers that are equal and lists that are equal give the same
    return hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()


def _over_time(gate: Json, certificate: Json) -> Outcome:
    """A gate over time as an outcome of its own; its ends are those of the claim that it compares."""
    claim = certificate["claims"][gate["claim"]]
    said = asked_over_time(gate, claim["quantity"])
    return Outcome(
        claim["quantity"], said, State(gate["state"]), True, Severity(gate["severity"]) is Severity.FAIL,
        prose(over_time_line(gate, certificate)), prose(gate["reason"]), claim["lower"], claim["upper"],
        prose(claim["unit"]), claim["rigour"], claim["theorem"], fingerprint(certificate["problem"], said))
