"""Set a report as PDF/A, for archives: the facts of the page, typeset by typst, an optional package."""

from __future__ import annotations

from collections.abc import Mapping

from certify.report.exporters.exporter import Exporter
from certify.report.model import PLAIN, View, build_opened
from certify.report.reading import open_certificate


def render(certificate: Mapping[str, object], view: View = PLAIN) -> bytes:
    """Return the report as PDF/A-2a: fonts embedded, tagged, the same bytes for the same certificate.

    Args:
        certificate: the dictionary read from ``certificate.json``.
        view: what else was asked of the report.

    Raises:
        CertificateError: the certificate is malformed or contradicts itself.
        MissingPackage: typst is not installed; the extra `pdf` brings it.
    """
    EXPORTER.require(printed=False)
    from certify.report.pdf.document import document
    from certify.report.pdf.typeset import typeset

    opened = open_certificate(certificate)
    return typeset(document(build_opened(opened, None, view)), opened.created)


EXPORTER = Exporter("pdf", ".pdf", "application/pdf", render, view=render, printed=False, needs="typst")
