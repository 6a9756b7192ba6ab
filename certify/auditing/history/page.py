"""The index of a folder of audits: a table of all certificates, and a picture of each question over time."""

from __future__ import annotations

import math
import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from certify.auditing.history.collect import Collection, Point, Series
from certify.format.digits import enclosure

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

WIDE, HIGH, LEFT, TOP = 640, 150, 12, 14
MOST_DATES = 9
"""Most points that all have their date below them."""
MARK = "certify · index of audits".encode()
"""What every index says of itself."""
TONES = {"certified": "yes", "refuted": "no"}


def page(found: Collection, folder: Path) -> str:
    """One self-contained HTML page.

    Args:
        found: the certificates.
        folder: where the page goes; links are relative to it.
    """
    links = {entry.place: _link(entry.path, folder) for entry in found.entries}
    return _environment().get_template("index.html").render(
        found=found, links=links, picture=picture, ends=lambda one: enclosure(one.lower, one.upper),
        day=lambda created: created[:10])


def _link(path: Path, folder: Path) -> str:
    """The page of a certificate, or the certificate itself where it has none; a path and never another address."""
    report = path.with_name("report.html")
    return "./" + quote(Path(os.path.relpath(report if report.is_file() else path, folder)).as_posix())


def picture(series: Series) -> Markup:
    """Both ends of every point as a bar; an end that is not proved goes to the rim with a gap."""
    from markupsafe import Markup, escape

    values = [end for one in series.points for end in (one.lower, one.upper) if end is not None and math.isfinite(end)]
    if not values:
        return Markup("")
    low, high = min(values), max(values)
    span = high - low
    scale = span if math.isfinite(span) and span > 0 else 1.0
    step = (WIDE - 2 * LEFT) / len(series.points)
    bars = "".join(_bar(one, LEFT + step * (i + 0.5), low, scale) for i, one in enumerate(series.points))
    dated = {0, len(series.points) - 1} if len(series.points) > MOST_DATES else set(range(len(series.points)))
    bars += "".join(f'<text class="day" x="{LEFT + step * (i + 0.5):.1f}" y="{TOP + HIGH + 12}">'
                    f'{escape(series.points[i].created[2:10])}</text>' for i in sorted(dated))
    words = f"{len(series.points)} certificates, from {enclosure(series.points[0].lower, series.points[0].upper)} to " \
            f"{enclosure(series.points[-1].lower, series.points[-1].upper)}"
    top, bottom = enclosure(high, high).split(", ")[1].rstrip("]"), enclosure(low, low).split(", ")[0].lstrip("[")
    return Markup(
        f'<svg class="history" viewBox="0 0 {WIDE} {HIGH + 2 * TOP}" role="img" aria-label="{escape(words)}">'
        f'<line x1="0" x2="{WIDE}" y1="{TOP}" y2="{TOP}"/><line x1="0" x2="{WIDE}" y1="{TOP + HIGH}" '
        f'y2="{TOP + HIGH}"/><text x="0" y="{TOP - 3}">{escape(top)}</text>'
        f'<text x="0" y="{TOP + HIGH - 4}">{escape(bottom)}</text>{bars}</svg>')


def _bar(one: Point, x: float, low: float, scale: float) -> str:
    """One certificate: a bar between the ends, dashed to the rim where one is open, and a cap at each proved end."""
    def height(end: float | None, rim: float) -> float:
        share = (end - low) / scale if end is not None and math.isfinite(end) else rim
        return TOP + HIGH * (1 - min(max(share, 0.0), 1.0))

    top, bottom = height(one.upper, 1.0), height(one.lower, 0.0)
    tone = TONES.get(one.verdict, "maybe")
    parts = [f'<line class="bar{"" if None not in (one.lower, one.upper) else " open"}" x1="{x:.1f}" x2="{x:.1f}" '
             f'y1="{top:.1f}" y2="{bottom:.1f}"/>']
    parts += [f'<line class="cap" x1="{x - 5:.1f}" x2="{x + 5:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'
              for y, end in ((top, one.upper), (bottom, one.lower)) if end is not None]
    return f'<g class="{tone}">{"".join(parts)}</g>'


@cache
def _environment() -> Environment:
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    from certify.report.exporters.html import running, tone

    loader = ChoiceLoader([PackageLoader(f"certify.{place}", "templates") for place in ("auditing.history", "report")])
    made = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    globals_: dict[str, Any] = {"tone": tone, **running()}
    made.globals |= globals_
    return made
