"""`certify audit --format`: text, JSON or JUnit XML, on standard output or in a file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from certify.cli.formats import JSON, TEXT, Formats, formats
from certify.cli.text import one_line
from certify.format.errors import SpecError

if TYPE_CHECKING:
    from certify.auditing.audit import Audit

AuditFormat = Annotated[list[str], typer.Option(
    "--format", metavar="NAME[=FILE]", help="text, json or junit: in a file, or instead of the lines. Again for more; "
    "the status stays.")]

JUNIT: Final = "junit"
KNOWN: Final = (TEXT, JSON, JUNIT)
"""Of an audit, which may have many certificates; others are of one certificate."""


def audit_formats(asked: Sequence[str], as_json: bool, read: Sequence[Path]) -> Formats:
    """Read the values of `--format` of an audit.

    Args:
        asked: the values.
        as_json: whether `--json` was given.
        read: files that the audit reads, none of which is written over.

    Raises:
        SpecError: a format that there is not, or not for audits, or a file that is read.
    """
    found = formats(asked, as_json)
    for value in asked:
        if (name := value.partition("=")[0]) not in KNOWN:
            raise SpecError(f"--format {value}", "an audit has no such format",
                            f"use {', '.join(KNOWN)}, or NAME=FILE; others are of one certificate: certify report "
                            f"audit/certificate.json --format {name}")
    found.require_apart(read)
    return found


def write_formats(forms: Formats, found: Audit, verdict: str) -> None:
    """Write the files that were asked for.

    Args:
        forms: which.
        found: the audit.
        verdict: its line.
    """
    if not forms.files:
        return
    from certify.certificate.write import write_together

    write_together({path: (form_of(name, found, verdict) + "\n").encode() for path, name in forms.files.items()})


def form_of(name: str, found: Audit, verdict: str) -> str:
    """An audit in a format, without a line break at the end."""
    if name == JSON:
        return json.dumps(found.as_json(), allow_nan=False)
    if name == JUNIT:
        from certify.auditing.shown.junit import as_junit

        return as_junit(found).rstrip("\n")
    return "\n".join(one_line(line) for line in (*(one.sentence for one in found.answers), verdict))
