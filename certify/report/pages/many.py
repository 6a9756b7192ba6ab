"""Several reports on one page: a table of all, then each of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from certify.report.statements import Report

if TYPE_CHECKING:
    from markupsafe import Markup

MOST = 50
"""Most reports on one page."""
REFERENCE = re.compile(r'\b(clip-path="url\(|href=")#')


def render_reports(reports: Sequence[Report]) -> str:
    """Return one page with several reports.

    Args:
        reports: in the order in which they are read.
    """
    from certify.report.exporters.html import environment, setting

    return environment().get_template("many.html").render(reports=reports, inside=inside, **setting())


def inside(markup: str, number: int) -> Markup:
    """The body of a report within a larger page: headings a level deeper, identifiers its own.

    Args:
        markup: what templates made, in which foreign text is escaped and holds neither `<` nor `"`.
        number: of the report on the page.
    """
    from markupsafe import Markup

    deeper = re.sub(r"<(/?)h([1-5])\b", lambda found: f"<{found[1]}h{int(found[2]) + 1}", str(markup))
    named = re.sub(r'(?<= )id="', f'id="r{number}-', deeper)
    named = re.sub(r'(<section [^<>]*aria-label="[^"]*)"', rf'\1, report {number}"', named)
    return Markup(REFERENCE.sub(lambda found: f"{found[1]}#r{number}-", named))
