"""Typeset the facts of a report: PDF/A with embedded fonts, the same bytes for the same facts."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any, Final

from certify.format.errors import InputError

STANDARD: Final = "a-2a"
"""PDF/A-2a: for archives, tagged for readers of screens."""
KNOWN: Final = re.compile(r"[^\x20-\x7e\xa0-\u017f\u0370-\u03ff\u2010-\u2027\u2070-\u209f\u2200-\u22ff×÷\u200b\n]")
"""Characters that the fonts may lack."""


def typeset(facts: dict[str, Any], created: str) -> bytes:
    """Return the PDF.

    A character that no embedded font has would be missing, so that then all unusual characters are spelt out by number.

    Args:
        facts: what :func:`certify.report.pdf.document.document` returns.
        created: the time stamp of the certificate, which is that of the PDF.

    Raises:
        ImportError: typst is not installed.
        InputError: typst cannot set it.
    """
    import typst

    moment = _moment(created)
    template = files("certify.report").joinpath("templates/report.typ").read_bytes()
    dated = facts | {"date": [moment.year, moment.month, moment.day]}
    for said in (dated, _spelt(dated)):
        try:
            made = typst.compile(
                template, format="pdf", ignore_system_fonts=True, pdf_standards=STANDARD,
                sys_inputs={"facts": json.dumps(said, ensure_ascii=True)}, timestamp=int(moment.timestamp()))
        except typst.TypstError as error:
            reason = str(error).splitlines()[0]
            continue
        if isinstance(made, bytes):
            return made
        reason = "typst returned no document"
    raise InputError("--format pdf", f"typst cannot set it ({reason})", "use --format html and print it")


def _moment(created: str) -> datetime:
    """The time stamp of a certificate; one that is no date becomes the beginning of the calendar of computers."""
    try:
        return datetime.strptime(created, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return datetime(1970, 1, 1, tzinfo=UTC)


def _spelt(part: Any) -> Any:
    """The same with every unusual character spelt out."""
    if isinstance(part, dict):
        return {key: _spelt(value) for key, value in part.items()}
    if isinstance(part, list):
        return [_spelt(value) for value in part]
    return KNOWN.sub(lambda found: f"\\u{ord(found[0]):04x}", part) if isinstance(part, str) else part
