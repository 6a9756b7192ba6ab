"""Which predictions stay, which a change of rows flips and which rows those are, where a certificate lists them."""

from __future__ import annotations

from certify.certificate.schema import Certificate
from certify.report.phrases.changed_rows import find_changed
from certify.report.section import Section


def _applies(opened: Certificate) -> bool:
    return bool(find_changed(opened))


SECTION = Section("changed_rows", "Which predictions stay", find_changed, _applies, find_changed)
