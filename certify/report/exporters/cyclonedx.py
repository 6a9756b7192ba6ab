"""Set a certificate as a CycloneDX 1.6 bill of materials: the model as a component, its claims as metrics."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from certify.prove.gates import gates_of
from certify.report.exporters.exporter import Exporter
from certify.report.exporters.outcomes import Outcome, outcomes
from certify.report.phrases.decisions.suppressed import suppressed_lines
from certify.report.statements import prose

Json = Mapping[str, Any]


def render(certificate: Json) -> str:
    """Return a bill of materials with one component of type `machine-learning-model`, and the data as another.

    Args:
        certificate: the dictionary read from ``certificate.json``.

    Raises:
        CertificateError: the certificate is malformed or contradicts itself.
    """
    found, subject = outcomes(certificate).claims, certificate["subject"]
    component = {
        **_component("machine-learning-model", "model", subject),
        "modelCard": {"quantitativeAnalysis": {"performanceMetrics": [_metric(one) for one in found]}},
        "properties": [{"name": f"certify:{name}", "value": value} for name, value in (
            ("verdict", certificate["verdict"]), ("gates", gates_of(certificate)),
            ("certificate", certificate["digest"]), ("version", certificate["certify_version"]),
            *(("suppressed", prose(line)) for line in suppressed_lines(certificate)))],
    }
    others = [_component("data", role, subject) for role in sorted(subject) if role != "model"]
    content = {"$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json", "bomFormat": "CycloneDX",
               "specVersion": "1.6", "version": 1, "components": [component, *others]}
    return json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def _component(kind: str, role: str, subject: Json) -> dict[str, Any]:
    file = subject[role]
    return {"type": kind, "bom-ref": role, "name": file["path"],
            "hashes": [{"alg": "SHA-256", "content": file["sha256"]}]}


def _metric(one: Outcome) -> dict[str, Any]:
    """A claim: both ends where they are there; the value is the end that a gate on it would read."""
    ends = {name: repr(value) for name, value in (("lowerBound", one.lower), ("upperBound", one.upper))
            if value is not None}
    value = one.line if not ends else ends.get("upperBound", ends.get("lowerBound"))
    return {"type": f"{one.asked} ({one.state}, {one.rigour})", "value": value, "slice": one.unit,
            **({"confidenceInterval": ends} if ends else {})}


EXPORTER = Exporter("cyclonedx", ".cdx.json", "application/vnd.cyclonedx+json", render)
