"""A medium that a report is set in."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any, Final

from certify.format.errors import MissingPackage, SpecError

UNTIMED: Final[Mapping[str, float]] = MappingProxyType({})
"""Of a certificate alone nobody knows how long its run took."""


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
        timed: whether it says how long a run took, so that `render` takes seconds by quantity too: a certificate has
            none, as it is the same whenever it is made.
        view: makes the same of a certificate and of what else was asked of the report; None: it has no place for that.
        printed: whether it is text, which may be printed.
        needs: a package that it needs, which the extra of its name brings.
    """

    name: str
    suffix: str
    media: str
    render: Callable[..., str | bytes]
    places: bool = False
    timed: bool = False
    view: Callable[..., str | bytes] | None = None
    printed: bool = True
    needs: str = ""

    def require(self, printed: bool) -> None:
        """Refuse, before anything is computed, what this medium cannot do.

        Args:
            printed: whether it is to go to standard output.

        Raises:
            SpecError: it is no text to be printed.
            MissingPackage: the package that it needs is not installed.
        """
        if printed and not self.printed:
            raise SpecError(f"--format {self.name}", "it is no text to be printed", f"give {self.name}=FILE")
        if self.needs and find_spec(self.needs) is None:
            raise MissingPackage(f"--format {self.name}", f"{self.needs} is not installed",
                                 f"pip install 'certify[{self.name}]'")

    def content(self, certificate: Mapping[str, Any], folder: str = "",
                seconds: Mapping[str, float] = UNTIMED) -> bytes:
        """The report as the bytes of a file.

        Args:
            certificate: the dictionary read from ``certificate.json``.
            folder: where it lies, as seen from where the reader is.
            seconds: what each quantity took in the run that made it; empty where that is not known.
        """
        made = self._made(certificate, folder, seconds)
        return made if isinstance(made, bytes) else made.encode("utf-8")

    def viewed(self, certificate: Mapping[str, Any], view: Any) -> bytes:
        """The report of which more was asked: a comparison with an earlier one, or to leave something out.

        Args:
            certificate: the dictionary read from ``certificate.json``.
            view: what was asked, a :class:`certify.report.model.View`.

        Raises:
            SpecError: this medium has no place for it.
        """
        if self.view is None:
            raise SpecError("--redact" if view.redact else "--previous", f"--format {self.name} has no place for it",
                            "use --format html or pdf")
        made = self.view(certificate, view)
        return made if isinstance(made, bytes) else made.encode("utf-8")

    def text(self, certificate: Mapping[str, Any], folder: str = "", seconds: Mapping[str, float] = UNTIMED) -> str:
        """The report.

        Args:
            certificate, folder, seconds: as of `content`.
        """
        made = self._made(certificate, folder, seconds)
        if isinstance(made, bytes):
            raise SpecError(f"--format {self.name}", "it is no text to be printed", f"give {self.name}=FILE")
        return made

    def _made(self, certificate: Mapping[str, Any], folder: str, seconds: Mapping[str, float]) -> str | bytes:
        more = {"folder": folder} if self.places else {}
        return self.render(certificate, **more, **({"seconds": seconds} if self.timed else {}))


def placed(folder: str, path: str) -> str:
    """A path that a certificate names, as seen from where its reader is.

    >>> placed("a/audit", "../model.npz"), placed("", "b.npz")
    ('a/model.npz', 'b.npz')
    """
    return posixpath.normpath(posixpath.join(folder, path))
