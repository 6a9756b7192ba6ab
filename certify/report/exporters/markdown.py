"""Set a report as a few lines of Markdown, for the summary of a job or the comment on a change."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from certify.format.digits import enclosure
from certify.format.words import State, Verdict
from certify.prove.gates import gates_of
from certify.report.exporters.exporter import Exporter
from certify.report.messages import advice, verdict_line
from certify.report.phrases.changed_rows import find_changed
from certify.report.phrases.listing import LISTED, named_rows
from certify.report.reading import open_certificate
from certify.report.statements import Changed, Flip, prose

Json = Mapping[str, Any]

HEAD = ("claim", "enclosure", "unit", "known by", "verdict", "gate")
_MARKUP = re.compile(r"([\\`*_\[\]|~$#!])")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def render(certificate: Json) -> str:
    """Return verdict, claims with their ends and what to know, as Markdown that any viewer of GitHub's kind sets.

    Every string of the certificate is foreign text: none can open a cell, a line, a link or an element.

    Args:
        certificate: the dictionary read from ``certificate.json``.

    Raises:
        CertificateError: the certificate is malformed or contradicts itself.
    """
    opened = open_certificate(certificate)
    gates = gates_of(certificate)
    aside = f", gates {gates}" if opened.verdict == Verdict.CERTIFIED and gates != State.MET else ""
    lines = [f"## certify: {opened.verdict}{aside}", "", escaped(verdict_line(certificate)), ""]
    lines += [_row(HEAD), _row(("---",) * len(HEAD)), *(_row(_cells(claim)) for claim in certificate["claims"]), ""]
    known = [f"- {escaped(line)}" for line in (*map(_changed, find_changed(opened)), *advice(certificate))]
    lines += [*known, ""] if known else []
    lines += [f"Certificate `{opened.digest}`. `certify check` derives every claim again from the original files."]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    r"""Foreign text on one line in which nothing is markup.

    >>> escaped("a|b" + chr(10) + "<b>*c*</b>")
    'a\\|b &lt;b&gt;\\*c\\*&lt;/b&gt;'
    >>> escaped("see https://x.org or www.x.org"), escaped("1. a"), escaped("- a")
    ('see https\\://x.org or www\\.x.org', '1\\. a', '\\- a')
    """
    text = _MARKUP.sub(r"\\\1", prose(text))
    text = "".join(_ENTITIES.get(c, c) for c in text)
    text = text.replace("://", r"\://")
    text = re.sub(r"(?i)\b(www)\.", r"\1\\.", text)  # bare addresses are links too
    return re.sub(r"^(\d*)([-+=.)])", r"\1\\\2", text)  # what would begin a list or a heading


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _cells(claim: Json) -> tuple[str, ...]:
    """A claim as the cells of its line; the words of `quantity`, `rigour` and states are those of the format."""
    gate = claim["gate"]
    threshold = None if gate is None else gate.get("max", gate.get("min"))
    ends = "no bound proved"
    if claim["witness"].get("equal_rows"):
        ends = "infinite"
    elif claim["lower"] is not None or claim["upper"] is not None:
        ends = enclosure(claim["lower"], claim["upper"], threshold)
    asked = "none"
    if gate is not None:
        warns = ", a warning only" if gate["severity"] == "warn" else ""
        asked = f"{'≤' if 'max' in gate else '≥'} {threshold!r}: {gate['state']}{warns}"
    known = f"{claim['rigour']}, {escaped(claim['theorem'])}"
    return f"`{claim['quantity']}`", ends, escaped(claim["unit"]), known, claim["verdict"], asked


def _changed(changed: Changed) -> str:
    """Which predictions flip and by which rows, and which are undecided, of many the first few.

    >>> _changed(Changed(3, (5,), (Flip(2, (0, 7)),), ("are left out", "is left out"), (), ()))[-63:]
    '1 flips (evaluation row 2 when training rows 0, 7 are left out)'
    """
    left, flips = changed.undecided, changed.flips
    of = changed.called
    parts = [f"{changed.stay} {of.many} stay"]
    if left:
        rows = named_rows(list(left))
        rows = ", ".join(map(of.name, left[:LISTED])) if of.names else f"evaluation {rows}"
        parts.append(f"{len(left)} {'is' if len(left) == 1 else 'are'} undecided ({rows})")
    if flips:
        said = [f"{of.row} {of.name(flip.row)} {_when(flip, changed.verbs)}" for flip in flips[:LISTED]]
        more = [f"{len(flips) - LISTED} others"] if len(flips) > LISTED else []
        parts.append(f"{len(flips)} flip{'s' * (len(flips) == 1)} ({'; '.join((*said, *more))})")
    return ", ".join(parts)


def _when(flip: Flip, verbs: tuple[str, str]) -> str:
    """After which change a prediction is another."""
    those = f"training {named_rows(list(flip.changed))} {verbs[len(flip.changed) == 1]}" if flip.changed else ""
    if flip.fresh:
        return "when new rows join that the witness file holds" + (f" and {those}" if those else "")
    return f"when {those}" if those else "on today’s data already"


EXPORTER = Exporter("markdown", ".md", "text/markdown", render)
