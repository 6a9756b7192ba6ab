"""Set a certificate as a small JSON object of numbers, which DVC shows, compares and plots as metrics."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from certify.prove.gates import gates_of
from certify.report.exporters.exporter import Exporter
from certify.report.exporters.outcomes import outcomes
from certify.report.phrases.decisions.suppressed import words

Json = Mapping[str, Any]


def render(certificate: Json) -> str:
    """Return verdict, gates and, by the quantity's name, each claim: both ends (null where none is proved) and words.

    Args:
        certificate: the dictionary read from ``certificate.json``.

    Raises:
        CertificateError: the certificate is malformed or contradicts itself.
    """
    content = {"verdict": certificate["verdict"], "gates": gates_of(certificate), **measured(certificate)}
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def measured(certificate: Json) -> dict[str, dict[str, Any]]:
    """Every claim by its quantity's name, of several about one quantity the second as ``NAME.2``, and so on.

    A gate over time is ``NAME.over_time``: the ends are those of the claim.

    Raises:
        CertificateError: the certificate is malformed or contradicts itself.
    """
    found: dict[str, dict[str, Any]] = {}
    count: dict[str, int] = {}
    every = outcomes(certificate).claims
    for place, one in enumerate(every):
        claim = certificate["claims"][place] if place < len(certificate["claims"]) else None
        name = one.quantity if claim is not None else f"{one.quantity}.over_time"
        count[name] = number = count.get(name, 0) + 1
        known = {} if claim is None else {
            "lower": one.lower, "upper": one.upper, "verdict": claim["verdict"], "rigour": one.rigour}
        found[name if number == 1 else f"{name}.{number}"] = {
            **known, "asked": one.asked, "gate": str(one.state) if one.gated else None,
            **({"suppressed": words(one.suppression)} if one.suppression else {})}
    return found


EXPORTER = Exporter("metrics", ".metrics.json", "application/json", render)
