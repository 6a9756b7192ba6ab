"""Media a report is set in, one a file."""

from __future__ import annotations

from typing import Final

from certify.format.errors import SpecError
from certify.report.exporters import (
    badge,
    cyclonedx,
    github,
    html,
    junit,
    markdown,
    metrics,
    model_card,
    pdf,
    sarif,
    table,
)
from certify.report.exporters.exporter import Exporter

EXPORTERS: Final[dict[str, Exporter]] = {one.name: one for one in (
    html.EXPORTER, markdown.EXPORTER, table.EXPORTER, sarif.EXPORTER, junit.EXPORTER, github.EXPORTER, badge.EXPORTER,
    model_card.EXPORTER, cyclonedx.EXPORTER, metrics.EXPORTER, pdf.EXPORTER)}
"""Every medium, the usual one first. A new one is a file here and its place in this line."""


def exporter(name: str) -> Exporter:
    """The medium of that name.

    Raises:
        SpecError: there is none.

    >>> exporter("html").suffix
    '.html'
    """
    if name not in EXPORTERS:
        raise SpecError(f"--format {name}", "there is no such format", f"use {' or '.join(EXPORTERS)}")
    return EXPORTERS[name]
