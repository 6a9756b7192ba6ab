"""The files a certificate is about: where they lie, and whether their bytes are the ones it binds."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from certify.check.reading.canonical import show
from certify.check.reading.certificate import FileRecord
from certify.check.reading.refusal import Invalid


def read_bytes(path: Path, name: str, remedy: str = "", size: int | None = None) -> bytes:
    """All bytes of a regular file; `remedy` is what to do if there is none.

    Args:
        path: the file.
        name: how to call it in messages.
        remedy: what to do if there is none.
        size: how long it has to be, which is looked at before it is read; None: any length.

    Raises:
        Invalid: it is missing, not a regular file, unreadable, or of another length.
    """
    try:
        if not path.is_file():
            found = "it is a folder" if path.is_dir() else "there is no such file"
            raise Invalid(name, f"{show(str(path))} is named", found + remedy)
        with path.open("rb") as file:
            there = os.fstat(file.fileno()).st_size
            data = file.read() if size is None else file.read(size + 1) if there == size else b""
        if size is not None and (there != size or len(data) != size):  # it may change in between
            other = there if there != size else len(data)
            raise Invalid(f"{name} {show(str(path))}", f"the certificate binds {size} bytes", f"it has {other}")
        return data
    except OSError as error:
        raise Invalid(name, f"{show(str(path))} is named", f"it cannot be read ({error.strerror})") from None


def read_subject(
    subject: Mapping[str, FileRecord], folder: Path, given: Mapping[str, Path | None],
) -> dict[str, bytes]:
    """The bytes of spec, model, data and side file, each read once and proved to be the bytes the certificate binds.

    Args:
        subject: the files by role, as the certificate records them.
        folder: the certificate's folder, which recorded paths are relative to.
        given: paths from the command line by role; None where none was given.

    Raises:
        Invalid: a file is missing, or its size or SHA-256 is another; names the file.
    """
    contents = {}
    for role, record in subject.items():
        path = given.get(role) or _find(record, folder)
        data = read_bytes(path, f"{role} file", f"; say with --{role} where it is", record.bytes)
        where = f"{role} file {show(str(path))}"
        found = hashlib.sha256(data).hexdigest()
        if found != record.sha256:
            raise Invalid(where, f"the certificate binds sha256 {record.sha256}", f"its bytes have {found}")
        contents[role] = data
    return contents


def _find(record: FileRecord, folder: Path) -> Path:
    """The recorded path, else a file of the same name beside the certificate."""
    recorded = folder / record.path
    beside = folder / PurePosixPath(record.path).name
    return beside if not os.path.exists(recorded) and os.path.exists(beside) else recorded
