"""The rows of a certificate as a table for other programs: a line for each row that it says something about."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any

from certify.certificate.schema import Certificate, Claim
from certify.report.exporters.exporter import Exporter
from certify.report.phrases.changed_rows import changes_of
from certify.report.reading import open_certificate

HEAD = ("claim", "quantity", "row", "lower", "upper", "status", "changed_rows")
Line = tuple[int, str, int, str, str, str, str]


def render(certificate: Mapping[str, Any]) -> str:
    """Return a header and a line a row: its ends, or whether its prediction stays and the training rows that flip it.

    There is no line where a certificate says nothing of single rows. Numbers are written in full, and no text of the
    certificate gets into a cell but the word of its quantity.

    Args:
        certificate: the dictionary read from ``certificate.json``.

    Raises:
        CertificateError: the certificate is malformed or contradicts itself.
    """
    opened, text = open_certificate(certificate), io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEAD)
    for number, claim in enumerate(opened.claims):
        writer.writerows(_ends(number, claim))
        writer.writerows(_status(number, claim, opened))
    return text.getvalue()


def _ends(number: int, claim: Claim) -> Iterator[Line]:
    """Both ends of every row."""
    for row, low, high in zip(claim.rows or (), claim.row_lower or (), claim.row_upper or (), strict=True):
        yield number, claim.quantity, row, _end(low), _end(high), "", ""


def _end(value: float | None) -> str:
    return "" if value is None else repr(value)


def _status(number: int, claim: Claim, opened: Certificate) -> Iterator[Line]:
    """What becomes of every prediction."""
    if claim.witness.flipped is None:
        return
    flips = dict(zip(claim.witness.flipped, changes_of(claim), strict=True))
    undecided, fresh = {*(claim.witness.undecided or ())}, opened.problem.fresh is not None
    for row in range(opened.problem.evaluation_rows or 0):
        flip = "flips" if fresh or flips.get(row) else "flips already"
        status = flip if row in flips else "undecided" if row in undecided else "stays"
        yield number, claim.quantity, row, "", "", status, " ".join(map(str, flips.get(row, ())))


EXPORTER = Exporter("csv", ".csv", "text/csv", render)
