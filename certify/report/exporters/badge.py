"""Set a certificate as a badge: a small SVG with what was proved, for the top of a README."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from certify.format.digits import enclosure
from certify.format.quantities import QUANTITIES
from certify.format.words import State
from certify.report.exporters.exporter import Exporter
from certify.report.exporters.outcomes import Outcome, outcomes

Json = Mapping[str, Any]

LABEL = "certify"
COLOURS = {State.MET: "#2e7d32", State.FAILED: "#b71c1c", State.OPEN: "#6d5a00"}
"""Each has a contrast of at least 5 to white."""
WIDE, GAP = 6.6, 10


def render(certificate: Json) -> str:
    """Return the badge: the state of what decides the exit status, and of the first claim that decides it the ends.

    How many gates are suppressed, which do not decide it, stands behind them.

    Args:
        certificate: the dictionary read from ``certificate.json``.

    Raises:
        CertificateError: the certificate is malformed or contradicts itself.
    """
    found = outcomes(certificate).claims
    decide = [one for one in found if one.decides] or list(found)
    state = next((s for s in (State.FAILED, State.OPEN) if any(one.state is s for one in decide)), State.MET)
    text = _said(next(one for one in decide if one.state is state), state, certificate["problem"])
    if apart := sum(one.suppressed and one.state is not State.MET for one in found):
        text += f", {apart} suppressed"
    left, right = (round(len(part) * WIDE) + 2 * GAP for part in (LABEL, text))
    title = escape(f"{LABEL}: {text}")
    return f"""<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img" \
aria-label={quoteattr(f"{LABEL}: {text}")}>
<title>{title}</title>
<rect width="{left}" height="20" fill="#444"/>
<rect x="{left}" width="{right}" height="20" fill="{COLOURS[state]}"/>
<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle">
<text x="{left / 2}" y="14">{LABEL}</text>
<text x="{left + right / 2}" y="14">{escape(text)}</text>
</g>
</svg>
"""


def _said(one: Outcome, state: State, problem: Json) -> str:
    """The claim in a few words."""
    if one.lower is None and one.upper is None:
        return f"{one.quantity}: nothing proved"
    if QUANTITIES[one.quantity].counts and one.lower is not None and problem.get("evaluation_rows"):
        whole = "" if QUANTITIES[one.quantity].per_row else f" of {problem['evaluation_rows']}"
        said = f"{one.quantity} ≥ {one.lower:.0f}{whole}"
    else:
        said = f"{one.quantity} in {enclosure(one.lower, one.upper, None)}"
    return said if state is State.MET else f"{state}: {said}"


EXPORTER = Exporter("badge", ".svg", "image/svg+xml", render)
