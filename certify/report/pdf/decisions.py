"""Gates over time and suppressions as blocks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from certify.report.digits import Number
from certify.report.pdf.blocks import Block, facts, paragraph, subheading
from certify.report.statements import Report


def over_time(content: Any, _: Report) -> Iterator[Block]:
    """Each gate over time with both ends of both models, and what the ends of the baseline are worth."""
    if content.file:
        yield paragraph(f"The baseline is {content.file}, the certificate of an earlier model. Its ends are "
                        f"{content.read}: certify check of that certificate proves them.")
        yield paragraph(f"SHA-256 of the baseline: {content.sha256}", "small")
    else:
        yield paragraph("No baseline was given, so nothing is compared.")
    for gate in content.gates:
        yield subheading(f"{gate.asked}: {gate.state}")
        yield paragraph(gate.reason)
        yield facts([("now", "proved infinite" if gate.infinite else _ends(gate.new)),
                     *([("baseline", f"{_ends(gate.old)}, {content.read}")] if content.file else []),
                     *([("why this tolerance", gate.rationale)] if gate.rationale else []),
                     ("severity", gate.severity)])


def suppressed(content: Any, _: Report) -> Iterator[Block]:
    """Each suppression with its gate."""
    yield paragraph("A suppression changes the exit status of the command, and nothing else: the gate stays in its "
                    "state, and the verdict is what was proved.")
    for one in content:
        yield subheading(f"{one.gate}: {one.state}")
        said = f"The suppression by {one.owner} expired on {one.expires}, so the gate counts again. Its reason was: "
        yield paragraph((said if one.expired else f"Suppressed by {one.owner} until {one.expires}: ") + one.reason)
        yield paragraph(f"Fingerprint of the gate: {one.fingerprint}", "small")


def _ends(ends: tuple[Number | None, Number | None]) -> str:
    low, high = ("not proved" if end is None else end.text for end in ends)
    return f"from {low} to {high}"
