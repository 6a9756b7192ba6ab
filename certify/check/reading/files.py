"""The files a certificate is about: where they lie, whether the spec names them, and whether it binds their bytes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path, PurePosixPath

from certify.check.reading.certificate import FileRecord
from certify.check.reading.spec import Spec
from certify.format.canonical import show
from certify.format.refusal import Invalid

DIGITS, LARGEST, LONGEST = 12, 2**32, 2**28
"""Hexadecimal digits of a digest that are printed; bytes of a file at most, whose numbers need eight times the memory;
and of a certificate."""


@dataclass(frozen=True)
class Places:
    """Where the files of a certificate are looked for.

    Attributes:
        subject: the files by role, as the certificate records them.
        folder: the certificate's folder, which recorded paths are relative to.
        given: paths from the command line by role; None where none was given.
    """

    subject: Mapping[str, FileRecord]
    folder: Path
    given: Mapping[str, Path | None]

    @cached_property
    def found(self) -> dict[str, Path]:
        """The file the caller names, else the recorded path, else a file of the same name beside the certificate."""
        return {role: self.given.get(role) or (self._beside(role) if self._elsewhere(role) else self._recorded(role))
                for role in self.subject}

    def named(self, role: str, file: str) -> bool:
        """Whether a file is the one the spec names, relative to the spec, or the caller's.

        Of files that were brought together beside the certificate, and are neither at the recorded nor at the named
        place, the name has to be the same.
        """
        if self.given.get(role):
            return True
        if "\0" in file:  # no file has such a name
            return False
        meant, read = self.found["spec"].parent / file, self.found[role]
        if os.path.realpath(meant) == os.path.realpath(read):
            return True
        return self._elsewhere(role) and not os.path.lexists(meant) and PurePosixPath(file).name == read.name

    def _recorded(self, role: str) -> Path:
        return self.folder / self.subject[role].path

    def _beside(self, role: str) -> Path:
        return self.folder / PurePosixPath(self.subject[role].path).name

    def _elsewhere(self, role: str) -> bool:
        return not os.path.exists(self._recorded(role)) and os.path.exists(self._beside(role))


def read_bytes(path: Path, name: str, remedy: str = "", size: int | None = None) -> bytes:
    """All bytes of a regular file; `remedy` is what to do if there is none.

    A `size` that it has to have is looked at before it is read. Messages call it by its `name`.
    """
    try:
        if not path.is_file():
            found = "it is a folder" if path.is_dir() else "there is no such file"
            raise Invalid(name, f"{show(str(path))} is named", found + remedy)
        with path.open("rb") as file:
            there = os.fstat(file.fileno()).st_size
            if size is None and there > LONGEST:
                raise Invalid(f"{name} {show(str(path))}", f"it has {there} bytes", f"at most {LONGEST} are read")
            data = file.read() if size is None else file.read(size + 1) if there == size else b""
        if size is not None and (there != size or len(data) != size):  # it may change in between
            raise Invalid(f"{name} {show(str(path))}", f"the certificate binds {size} bytes",
                          "it has another number of them")
        return data
    except OSError as error:
        raise Invalid(name, f"{show(str(path))} is named", f"it cannot be read ({error.strerror})") from None


def read_file(places: Places, role: str) -> bytes:
    """The bytes of one file, read once and proved to be the bytes the certificate binds.

    Nothing of a file that is another is said: a certificate may name any file of the machine that checks it.
    """
    record, path = places.subject[role], places.found[role]
    if record.bytes > LARGEST:
        raise Invalid(f"subject.{role}.bytes", f"{record.bytes} is stated", f"at most {LARGEST} bytes are read")
    gone = " --".join([role, *(r for r, file in places.found.items() if r != role and not os.path.lexists(file))])
    data = read_bytes(path, f"{role} file", f"; say with --{gone} where it is", record.bytes)
    where = f"{role} file {show(str(path))}"
    if hashlib.sha256(data).hexdigest() != record.sha256:
        raise Invalid(where, f"the certificate binds sha256 {record.sha256}", "its bytes have another")
    return data


def check_named(places: Places, spec: Spec) -> None:
    """V61: every file is the one the spec names, or the caller; the side file lies beside the certificate or below."""
    names = {"model": spec.model, "graph": spec.graph, "data": spec.data, "reference": spec.reference,
             "change": spec.change, "evaluation": spec.evaluation}
    apart = {r: f for r, f in names.items() if r in places.subject and f is not None and not places.named(r, f)}
    if apart:
        raise import_module("certify.check.reading.optional.apart").other(places, apart)
    witness = places.subject.get("witness")
    if witness is not None and not places.given.get("witness") and ".." in PurePosixPath(witness.path).parts:
        raise Invalid("subject.witness.path", f"{show(witness.path)} is recorded",
                      "the side file lies in the certificate's folder or below; say with --witness where it is")
