"""Set a certificate as SARIF 2.1.0, which code hosts show beside a change: one result a gate that is not met.

A gate that failed is a result of kind ``fail``, an error or, with severity ``warn``, a warning; one that is open is of
kind ``open``, which SARIF has for what a tool could not decide. Gates that are met are no results: hosts would list
them as findings; all claims with both ends are in the properties of the run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from certify.format.words import State
from certify.prove.gates import gates_of
from certify.report.exporters.exporter import Exporter, placed
from certify.report.exporters.outcomes import Outcome, outcomes
from certify.report.messages import verdict_line
from certify.report.phrases.decisions.suppressed import words
from certify.report.statements import prose

Json = Mapping[str, Any]

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def render(certificate: Json, folder: str = "") -> str:
    """Return one SARIF log of one run, as JSON.

    Args:
        certificate: the dictionary read from ``certificate.json``.
        folder: where it lies, as seen from where the reader is.

    Raises:
        CertificateError: the certificate is malformed or contradicts itself.
    """
    every = outcomes(certificate)
    found = every.claims
    rules = sorted({one.quantity: one.unit for one in found}.items())
    order = [quantity for quantity, _ in rules]
    subject = certificate["subject"]
    spec = placed(folder, subject["spec"]["path"])
    run = {
        "tool": {"driver": {
            "name": "certify", "semanticVersion": certificate["certify_version"],
            "rules": [_rule(quantity, unit) for quantity, unit in rules]}},
        "automationDetails": {"id": f"certify/{spec}"},
        "artifacts": [{"location": {"uri": _uri(placed(folder, file["path"]))}, "length": file["bytes"],
                       "hashes": {"sha-256": file["sha256"]}, "description": {"text": role}}
                      for role, file in sorted(subject.items())],
        "results": [_result(one, order.index(one.quantity), every.said(one), spec) for one in found
                    if one.state is not State.MET and (one.gated or one.decides)],
        "columnKind": "unicodeCodePoints",
        "properties": {
            "verdict": certificate["verdict"], "gates": gates_of(certificate), "certificate": certificate["digest"],
            "line": verdict_line(certificate), "claims": [_numbers(one) for one in found]},
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, allow_nan=False,
                      ensure_ascii=False) + "\n"


def _rule(quantity: str, unit: str) -> dict[str, Any]:
    return {"id": f"certify/{quantity}", "name": "".join(part.title() for part in quantity.split("_")),
            "shortDescription": {"text": f"{quantity}, in {unit}"},
            "help": {"text": f"`certify explain {quantity}` says what it is and what can be done."}}


def _result(one: Outcome, rule: int, said: str, spec: str) -> dict[str, Any]:
    failed = one.state is State.FAILED
    return {
        "ruleId": f"certify/{one.quantity}", "ruleIndex": rule, "kind": "fail" if failed else "open",
        "level": ("error" if one.decides or one.suppressed else "warning") if failed else "none",
        "message": {"text": said},
        "locations": [{"physicalLocation": {
            "artifactLocation": {"uri": _uri(spec)}, "region": {"startLine": 1}}}],
        "partialFingerprints": {"certifyGate/v1": one.fingerprint},
        **_suppressions(one),
        "properties": _numbers(one),
    }


def _suppressions(one: Outcome) -> dict[str, Any]:
    """Who answers for it, as SARIF says it: `rejected` where that has expired."""
    if one.suppression is None:
        return {}
    return {"suppressions": [{"kind": "external", "status": "rejected" if one.suppression["expired"] else "accepted",
                              "justification": prose(words(one.suppression))}]}


def _numbers(one: Outcome) -> dict[str, Any]:
    return {"asked": one.asked, "state": str(one.state), "lower": one.lower, "upper": one.upper, "unit": one.unit,
            "rigour": one.rigour, "theorem": one.theorem}


def _uri(path: str) -> str:
    """A path as a relative reference.

    >>> _uri("a b/ü.toml")
    'a%20b/%C3%BC.toml'
    """
    from urllib.parse import quote

    return quote(path)


EXPORTER = Exporter("sarif", ".sarif", "application/sarif+json", render, places=True)
