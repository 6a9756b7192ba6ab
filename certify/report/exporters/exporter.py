"""A medium that a report is set in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Exporter:
    """One medium; it is found by name in :data:`certify.report.exporters.EXPORTERS`.

    Attributes:
        name: as it is asked for: ``certify report CERT --format NAME``.
        suffix: of the file that is written, with its dot.
        media: the media type of what it returns.
        render: makes the text from a certificate, the dictionary read from ``certificate.json``. It opens the
            certificate strictly, takes every string of it for foreign text, and gives the same text for the same
            certificate.
    """

    name: str
    suffix: str
    media: str
    render: Callable[[Mapping[str, Any]], str]
