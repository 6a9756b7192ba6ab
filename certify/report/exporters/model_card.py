"""Set a certificate for a model card: a `model-index` of the kind Hugging Face reads, and a block for the README."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from certify.report.exporters import markdown
from certify.report.exporters.exporter import Exporter
from certify.report.exporters.outcomes import outcomes

Json = Mapping[str, Any]


def render(certificate: Json) -> str:
    """Return the front matter with one metric a proved end, then the claims as Markdown.

    Every text is quoted as JSON, which YAML reads as it is.

    Args:
        certificate: the dictionary read from ``certificate.json``.

    Raises:
        CertificateError: the certificate is malformed or contradicts itself.
    """
    found, subject = outcomes(certificate).claims, certificate["subject"]
    metrics = [(one, end, value) for one in found for end, value in (("lower", one.lower), ("upper", one.upper))
               if value is not None]
    lines = ["---", "model-index:", f"- name: {_quoted(subject['model']['path'])}", "  results:", "  - task:",
             "      type: other", "      name: sensitivity to changes of the training data", "    dataset:",
             "      type: other", f"      name: {_quoted(subject['data']['path'])}",
             f"      revision: {_quoted(subject['data']['sha256'])}",
             "    metrics:" if metrics else "    metrics: []"]
    for one, end, value in metrics:
        lines += [f"    - type: {one.quantity}_{end}", f"      value: {json.dumps(value)}",
                  f"      name: {_quoted(f'{one.asked}: {end} end, {one.rigour} ({one.unit})')}",
                  "      args:", f"        certificate: {_quoted(certificate['digest'])}"]
    lines += ["---", ""]
    return "\n".join(lines) + markdown.render(certificate)


def _quoted(text: str) -> str:
    return json.dumps(text)


EXPORTER = Exporter("model-card", ".md", "text/markdown", render)
