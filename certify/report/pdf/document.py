"""A report as blocks: one function a section, from the same content as the page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from certify.report.digits import Number
from certify.report.pdf.blocks import (
    Block,
    Words,
    bar,
    command,
    entries,
    facts,
    heading,
    items,
    paragraph,
    subheading,
    table,
)
from certify.report.pdf.decisions import over_time, suppressed
from certify.report.statements import Report, Span

MOST = 100
"""Most rows of a table; the page and the certificate have more."""


def document(report: Report) -> dict[str, Any]:
    """Everything that the PDF says, as plain data.

    Args:
        report: the report.
    """
    blocks: list[Block] = [paragraph(line, "caution") for line in report.left_out]
    for placed in report.sections:
        if placed.content is None:
            continue
        if placed.section.title:
            blocks.append(heading(placed.section.title))
        blocks += SETTERS.get(placed.section.name, _elsewhere)(placed.content, report)
    return {"title": report.title, "model": report.model, "answer": "".join(span.text for span in report.answer),
            "subtitle": "".join(span.text for span in report.subtitle),
            "created": report.created, "verdict": report.verdict, "blocks": blocks}


def number(value: Number | None) -> Words:
    """A number, or that there is none."""
    return "not proved" if value is None else (Span("number", value.text, value.exact),)


def _verdict(content: Any, _: Report) -> Iterator[Block]:
    yield {"t": "outcomes", "outcomes": [
        {"label": label, "word": one.word, "meaning": one.meaning}
        for label, one in (("Verdict", content.verdict), ("Gates", content.gates))]}


def _overview(content: Any, report: Report) -> Iterator[Block]:
    for one in content.answers:
        yield paragraph((*one.asked, *((Span("text", " ("), *one.bar, Span("text", ")")) if one.bar else ())),
                        "question")
        unit = f"{one.unit}, " if one.unit else ""
        yield paragraph((*one.said, Span("quiet", f"  {unit}{'proved' if one.proved else 'not proved'}")), "number")
        if one.scale:
            yield items(one.scale)
    yield facts([
        *_once("against last time", report.previous or content.before or ("no earlier certificate was given",)),
        *_once("what it rests on", content.rests),
        ("what it does not say", f"anything about: {'; '.join(content.unsaid).lower()}. See “What is not claimed”."),
    ])


def _elsewhere(_: Any, __: Report) -> Iterator[Block]:
    """A section that somebody added to the page alone."""
    yield paragraph("This section is on the page alone.", "small")


def _once(term: str, lines: Iterable[Words]) -> list[tuple[str, Words]]:
    """Lines of a table of which the first alone has its term."""
    return [("" if i else term, line) for i, line in enumerate(lines)]


def _undecided(content: Any, _: Report) -> Iterator[Block]:
    for one in content.undecided:
        yield paragraph(f"What left {' and '.join(one.quantities)} undecided, and what would decide it: {one.reason}",
                        "caution")
    if content.advice:
        yield items(content.advice)


def _says(content: Any, _: Report) -> Iterator[Block]:
    if content.lead:
        yield paragraph(content.lead)
    for one in content.findings:
        asked = "; ".join(f"{what}: {verdict}" for what, verdict in one.asked)
        yield subheading(f"{one.name} ({asked})")
        yield paragraph(one.sentence, "claim")
        ends = (*_end("lower end ", one.lower), Span("text", ", "), *_end("upper end ", one.upper))
        yield paragraph(ends, "small")
        yield paragraph(f"{one.proof} Unit: {one.unit}.", "small")
    yield paragraph(content.meaning)
    if content.limit:
        yield paragraph(content.limit, "caution")


def _end(words: str, value: Number | None) -> tuple[Span, ...]:
    return (Span("text", words), Span("text", "not proved") if value is None else Span("number", value.text))


def _gates(content: Any, _: Report) -> Iterator[Block]:
    for gate in content:
        yield subheading(f"{gate.quantity} {gate.relation} {gate.threshold.text}: {gate.label}")
        yield paragraph(gate.reading)
        why = f"Why this threshold: “{gate.rationale}” " if gate.rationale else "No reason was given for it. "
        yield paragraph(f"{why}Asks for: {gate.rigour}. Severity: {gate.severity}.", "small")


def _changed(content: Any, _: Report) -> Iterator[Block]:
    for changed in content:
        yield paragraph(changed.summary)
        flips, open_ = len(changed.flips), len(changed.undecided)
        yield bar([(changed.stay, f"{changed.stay:,} stay", "yes"), (open_, f"{open_:,} undecided", "maybe"),
                   (flips, f"{flips:,} flip", "no")])
        apart = [one for one in changed.listed(flips + open_)][:MOST]
        if apart:
            yield table((changed.called.row, "status", f"training rows that {changed.verbs[0]}"),
                        [(changed.called.name(one.row), one.status, ", ".join(map(str, one.changed)))
                         for one in apart], (2, 1, 4))
        if flips + open_ > MOST:
            yield paragraph(f"The first {MOST} of {flips + open_}. The certificate lists every one.", "small")
        if changed.often:
            yield paragraph(changed.often, "small")


def _rows(content: Any, _: Report) -> Iterator[Block]:
    for rows in content:
        if rows.summary:
            yield paragraph(rows.summary)
        if rows.every:
            yield table(("row", "lower end", "upper end"),
                        [(str(one.row), number(one.lower), number(one.upper)) for one in rows.every[:MOST]], (1, 2, 2))
        if len(rows.every) > MOST:
            yield paragraph(f"The first {MOST} of {len(rows.every)} rows, by falling upper end. The certificate holds "
                            "the values of every row.", "small")
        yield from (paragraph(note, "small") for note in rows.notes)


def _point(content: Any, _: Report) -> Iterator[Block]:
    yield from (paragraph(words) for words in content.base)
    yield entries(content.distances)


def _assumptions(content: Any, _: Report) -> Iterator[Block]:
    yield table(("hypothesis", "verified value", "state"),
                [(f"{one.statement} ({one.name}, for {', '.join(one.used_by)})", one.value or "—",
                  "holds" if one.holds else "not verified") for one in content], (5, 2, 1))


def _repeat(content: Any, _: Report) -> Iterator[Block]:
    for purpose, text in content.commands:
        yield paragraph(f"{purpose}:")
        yield command(text)
    yield {"t": "files", "files": [
        {"role": one.role, "path": one.path, "size": one.size, "sha256": one.sha256} for one in content.files]
        + [{"role": "certificate", "path": "digest of its content", "size": "",
            "sha256": content.digest.removeprefix("sha256:")}]}
    yield paragraph("This document repeats the certificate and is unsigned; the proof is in the certificate and the "
                    "files named here.", "small")


def _environment(content: Any, _: Report) -> Iterator[Block]:
    yield facts([("certify", content.version), *((one.term, one.text) for one in content.entries)])


def _mapping(content: Any, report: Report) -> Iterator[Block]:
    yield paragraph("For each text: what of this report is relevant to it. “Maps to” says no more than that. Table of "
                    f"{content.date}.", "small")
    yield table(("text", "what it is about there", "maps to, in this report"), [
        (f"{one.text}, {one.place}", one.about,
         f"{one.here}: {', '.join(report.titles(one.sections))}. Not touched: {one.apart}.")
        for one in content.places], (3, 4, 5))


def _entries(content: Any, _: Report) -> Iterator[Block]:
    yield entries(content)


SETTERS: Final[dict[str, Callable[[Any, Report], Iterator[Block]]]] = {
    "verdict": _verdict, "overview": _overview, "undecided": _undecided, "says": _says, "gates": _gates,
    "threat": _entries, "changed_rows": _changed, "rows": _rows, "scope": _entries, "point": _point,
    "assumptions": _assumptions, "problem": _entries, "repeat": _repeat, "environment": _environment,
    "mapping": _mapping, "terms": _entries, "over_time": over_time, "suppressed": suppressed,
}
"""By the name of the section."""
