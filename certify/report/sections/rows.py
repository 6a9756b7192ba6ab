"""What is known of every row, one table a quantity that has ends for each."""

from __future__ import annotations

from certify.certificate.schema import Certificate
from certify.report.findings import find_findings
from certify.report.section import Section
from certify.report.statements import Rows


def _build(opened: Certificate) -> tuple[Rows, ...]:
    rows = (finding.rows for finding in find_findings(opened.claims, opened.problem))
    return tuple(one for one in rows if one and (one.every or one.notes))


def _applies(opened: Certificate) -> bool:
    return bool(_build(opened))


SECTION = Section("rows", "Row by row", _build, _applies)
