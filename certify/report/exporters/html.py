"""Set a report as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from certify.report.model import build
from certify.report.plots import NARROW, WIDE, draw_gate, draw_radius, draw_rows

if TYPE_CHECKING:
    from jinja2 import Environment

MOST_ROWS_LISTED = 1000
TONES = {"certified": "yes", "met": "yes", "refuted": "no", "failed": "no", "inconclusive": "maybe", "open": "maybe"}


def render(certificate: Mapping[str, object]) -> str:
    """Return the report on a certificate as one HTML page that needs no other file and runs no script.

    Every string of the certificate is foreign text: the template escapes all of them, and the page forbids itself
    scripts and outside resources besides. The same certificate always gives the same bytes.

    Args:
        certificate: the dictionary read from ``certificate.json``.

    Raises:
        CertificateError: the certificate is malformed or contradicts itself.
    """
    from markupsafe import Markup

    report = build(certificate)
    pictures = [
        [Markup(draw_rows(finding.rows, shape)) for shape in (WIDE, NARROW)] if finding.rows else ["", ""]
        for finding in report.findings
    ]
    radii = [Markup(draw_radius(finding)) for finding in report.findings]
    gauges = [Markup(draw_gate(gate)) for gate in report.gates]
    page = environment().get_template("report.html")
    drawn = {"pictures": pictures, "radii": radii, "gauges": gauges}
    return page.render(report=report, tone=_tone, most_rows_listed=MOST_ROWS_LISTED, **drawn)


def _tone(word: str) -> str:
    """The style of a verdict or state; ``met (estimated)`` has that of an open question."""
    return TONES.get(word, "maybe" if "(" in word else "none")


@cache
def environment() -> Environment:
    """The template environment: everything is escaped, a missing name is an error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("certify.report", "templates")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
