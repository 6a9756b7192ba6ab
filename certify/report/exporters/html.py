"""Set a report as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from certify.report.exporters.exporter import Exporter
from certify.report.model import PLAIN, View, build
from certify.report.pages.script import policy, script
from certify.report.plots import NARROW, WIDE, draw_counts, draw_gate, draw_radius, draw_rows, draw_shares
from certify.report.statements import Rows

if TYPE_CHECKING:
    from jinja2 import Environment

    from certify.report.files.row_data import RowData

MOST_ROWS_LISTED, MOST_ROWS_SHOWN, MOST_ROWS_NAMED = 1000, 20, 24
TONES = {"certified": "yes", "met": "yes", "refuted": "no", "failed": "no", "inconclusive": "maybe", "open": "maybe"}


def render(certificate: Mapping[str, object], rows: RowData | None = None, view: View = PLAIN) -> str:
    """Return the report on a certificate as one HTML page that needs no other file.

    Every string of the certificate is foreign text: the template escapes all of them, and the page forbids itself
    outside resources and every script but its own, which sorts and searches tables and is the same on every page. The
    same certificate always gives the same bytes.

    Args:
        certificate: the dictionary read from ``certificate.json``.
        rows: the data behind it, of which the page then shows rows; None: it holds nothing but the certificate's.
        view: what else was asked of the page.

    Raises:
        CertificateError: the certificate is malformed or contradicts itself.
    """
    return environment().get_template("page.html").render(report=build(certificate, rows, view), **setting())


def setting() -> dict[str, Any]:
    """What the templates of reports need beside the reports."""
    draw = {"rows": _rows, "radius": _drawn(draw_radius), "gate": _drawn(draw_gate),
            "shares": _drawn(draw_shares), "counts": _drawn(draw_counts)}
    return {"draw": draw, "most_rows_listed": MOST_ROWS_LISTED, "most_rows_shown": MOST_ROWS_SHOWN,
            "most_rows_named": MOST_ROWS_NAMED}


def _rows(rows: Rows) -> tuple[str, str]:
    """The picture of all rows, for wide and for narrow pages; empty where a table says it all."""
    wide, narrow = (_drawn(draw_rows)(rows, shape) for shape in (WIDE, NARROW))
    return wide, narrow


def _drawn(draw: Callable[..., str]) -> Callable[..., str]:
    """A picture, which is markup and not foreign text."""
    from markupsafe import Markup

    return lambda *parts: Markup(draw(*parts))


def tone(word: str) -> str:
    """The style of a verdict or state; ``met (estimated)`` has that of an open question."""
    return TONES.get(word, "maybe" if "(" in word else "none")


def running() -> dict[str, Callable[[], str]]:
    """What templates need to run the one script."""
    from markupsafe import Markup

    return {"script": lambda: Markup(script()), "policy": policy}


@cache
def environment() -> Environment:
    """The template environment: everything is escaped, a missing name is an error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("certify.report", "templates")
    made = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.globals |= {"tone": tone, **running()}
    return made


def _viewed(certificate: Mapping[str, object], view: View) -> str:
    return render(certificate, None, view)


EXPORTER = Exporter("html", ".html", "text/html", render, view=_viewed)
