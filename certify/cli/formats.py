"""`--format`: what goes to standard output instead of the verdict line, and which files are written beside."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from certify.format.errors import SpecError

if TYPE_CHECKING:
    from certify.report.exporters.exporter import Exporter

Json = Mapping[str, Any]

TEXT, JSON = "text", "json"
PLAIN: Final = (TEXT, JSON)
"""What is no medium of reports; those are loaded only where one is asked for."""


@dataclass(frozen=True)
class Formats:
    """What was asked for.

    Attributes:
        out: what is printed: ``"text"`` (the verdict line), ``"json"`` or a medium.
        files: what is written where.
    """

    out: str
    files: Mapping[Path, str]

    def require_apart(self, others: Iterable[Path]) -> None:
        """Refuse files that are there for something else.

        Raises:
            SpecError: one of the files is one of these.
        """
        taken = {path.resolve() for path in others}
        for path, name in self.files.items():
            if path.resolve() in taken:
                raise SpecError(f"--format {name}={path}", "the run reads or writes this file itself",
                                "name another file")

    def written(self, certificate: Json, folder: Path, plain: Callable[[], str],
                seconds: Mapping[str, float]) -> dict[Path, bytes]:
        """The content of every file.

        Args:
            certificate: the certificate.
            folder: where it lies.
            plain: the object of `--json`, as text.
            seconds: what each quantity took; empty where it was not proved now.

        Raises:
            SpecError: a file is one that the certificate is about.
        """
        self.require_apart(folder / file["path"] for file in certificate["subject"].values())
        if not self.files:
            return {}
        from certify.report.exporters import EXPORTERS, exporter

        where = seen(folder)
        made = {name: exporter(name).content(certificate, where, seconds) for name in self.files.values()
                if name in EXPORTERS}
        made |= {TEXT: (certificate_line(certificate) + "\n").encode(), JSON: (plain() + "\n").encode()}
        return {path: made[name] for path, name in self.files.items()}

    @property
    def medium(self) -> Exporter | None:
        """What is printed, where that is a medium of reports."""
        if self.out in PLAIN:
            return None
        from certify.report.exporters import exporter

        return exporter(self.out)


def seen(folder: Path) -> str:
    """A folder as seen from here."""
    return Path(os.path.relpath(folder)).as_posix()


def certificate_line(certificate: Json) -> str:
    """The verdict line."""
    from certify.cli.text import one_line
    from certify.report.messages import verdict_line

    return one_line(verdict_line(certificate))


def formats(asked: Sequence[str], as_json: bool = False) -> Formats:
    """Read the values of `--format`: ``NAME`` goes to standard output, ``NAME=FILE`` into a file.

    Args:
        asked: the values.
        as_json: whether `--json` was given: the same as ``--format json``.

    Raises:
        SpecError: a format that is not known, two for standard output, or two for one file.

    >>> formats(["sarif=a.sarif", "json"])
    Formats(out='json', files={PosixPath('a.sarif'): 'sarif'})
    """
    out, files = [JSON] if as_json else [], dict[Path, str]()
    for value in asked:
        name, separator, place = value.partition("=")
        if name not in PLAIN:
            _medium(name, value).require(printed=not separator)
        if not separator:
            out.append(name)
            continue
        path = Path(place)
        if not place or path.is_dir():
            raise SpecError(f"--format {value}", "no file is named", f"give {name}=FILE")
        if path in files:
            raise SpecError(f"--format {value}", f"{files[path]} is written there too", "name another file")
        files[path] = name
    printed = list(dict.fromkeys(out))
    if len(printed) > 1:
        raise SpecError(f"--format {printed[1]}", f"{printed[0]} is printed already",
                        f"give {printed[1]}=FILE: one format goes to standard output")
    return Formats(printed[0] if printed else TEXT, files)


def _medium(name: str, value: str) -> Exporter:
    """The medium of that name."""
    from certify.report.exporters import EXPORTERS

    if name not in EXPORTERS:
        known = ", ".join((*PLAIN, *EXPORTERS))
        raise SpecError(f"--format {value}", "there is no such format", f"use {known}, or NAME=FILE")
    return EXPORTERS[name]


def as_text(content: Mapping[str, Any]) -> str:
    """One JSON object on one line."""
    return json.dumps(content, allow_nan=False)
