"""Set a certificate as a small JSON object of numbers, which DVC shows, compares and plots as metrics."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from certify.report.exporters.exporter import Exporter
from certify.report.exporters.outcomes import outcomes

Json = Mapping[str, Any]


def render(certificate: Json) -> str:
    """Return verdict, gates and, by the quantity's name, each claim: both ends (null where none is proved) and words.

    Args:
        certificate: the dictionary read from ``certificate.json``.

    Raises:
        CertificateError: the certificate is malformed or contradicts itself.
    """
    claims = {name: {key: claim[key] for key in ("lower", "upper", "verdict", "gate", "rigour")}
              for name, claim in measured(certificate).items()}
    content = {"verdict": certificate["verdict"], "gates": certificate["gates"], **claims}
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def measured(certificate: Json) -> dict[str, dict[str, Any]]:
    """Every claim by a name: its quantity; of several about one quantity the second is ``NAME.2``, and so on.

    Raises:
        CertificateError: the certificate is malformed or contradicts itself.
    """
    found: dict[str, dict[str, Any]] = {}
    count: dict[str, int] = {}
    for one, claim in zip(outcomes(certificate).claims, certificate["claims"], strict=True):
        count[one.quantity] = number = count.get(one.quantity, 0) + 1
        found[one.quantity if number == 1 else f"{one.quantity}.{number}"] = {
            "lower": one.lower, "upper": one.upper, "verdict": claim["verdict"],
            "gate": str(one.state) if one.gated else None, "rigour": one.rigour, "asked": one.asked}
    return found


EXPORTER = Exporter("metrics", ".metrics.json", "application/json", render)
