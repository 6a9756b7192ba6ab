"""A medium that a report is set in."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Exporter:
    """One medium; it is found by name in :data:`certify.report.exporters.EXPORTERS`.

    Attributes:
        name: as it is asked for: ``certify report CERT --format NAME``.
        suffix: of the file that is written, with its dot.
        media: the media type of what it returns.
        render: makes the text from a certificate, the dictionary read from ``certificate.json``. It opens the
            certificate strictly, takes every string of it for foreign text, and gives the same text for the same
            certificate.
        places: whether files are named as seen from where the reader is, so that `render` takes the certificate's
            folder too.
    """

    name: str
    suffix: str
    media: str
    render: Callable[..., str]
    places: bool = False

    def text(self, certificate: Mapping[str, Any], folder: str = "") -> str:
        """The report.

        Args:
            certificate: the dictionary read from ``certificate.json``.
            folder: where it lies, as seen from where the reader is.
        """
        return self.render(certificate, folder) if self.places else self.render(certificate)


def placed(folder: str, path: str) -> str:
    """A path that a certificate names, as seen from where its reader is.

    >>> placed("a/audit", "../model.npz"), placed("", "b.npz")
    ('a/model.npz', 'b.npz')
    """
    return posixpath.normpath(posixpath.join(folder, path))
