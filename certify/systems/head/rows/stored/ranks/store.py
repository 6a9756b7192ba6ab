"""What was found of the rows so far, kept in a folder, for a run that follows one that was ended."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from certify.format.errors import InputError
from certify.systems.head.rows.stored.ranks.wire import LENGTHS, Malformed, Message, decoded, encoded

EVERY: Final = 20.0
"""Seconds after which what was found of an unfinished reading is written again."""

ENDING: Final = ".certify-rows"
DIGEST: Final = 32
"""Bytes of the digest that each file begins with."""


@dataclass(frozen=True)
class Store:
    """Files of a folder that belong to the same file of rows, labels and program.

    A file that is damaged, or of something else, is as if it was not there. Whoever may write to the folder is trusted
    as whoever may write to the program is.

    Attributes:
        folder: that is there, and may be written to.
        inputs: digest of the rows' file and of all that they are asked with.
    """

    folder: Path
    inputs: str

    def __post_init__(self) -> None:
        """Refuse a folder that cannot be used before anything is read."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            next(os.scandir(self.folder), None)
        except OSError as error:
            raise _refused(self.folder, error) from None
        if not os.access(self.folder, os.W_OK | os.X_OK):
            raise InputError("checkpoint", f"{self.folder}, which may not be written to", "name another folder")

    def read(self, key: str) -> Message | None:
        """What was kept under a key."""
        try:
            data = self._path(key).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _refused(self.folder, error) from None
        if len(data) < DIGEST + LENGTHS or hashlib.sha256(data[DIGEST:]).digest() != data[:DIGEST]:
            return None
        try:
            found = decoded(data[DIGEST:])
        except Malformed:
            return None
        return found if found.about == key else None

    def write(self, key: str, words: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
        """Keep something under a key, in one stroke."""
        data = encoded(Message(key, words, arrays))
        path = self._path(key)
        scratch = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.certify-tmp")
        try:
            with open(scratch, "xb") as file:
                file.write(hashlib.sha256(data).digest())
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(scratch, path)
        except OSError as error:
            raise _refused(self.folder, error) from None
        finally:
            scratch.unlink(missing_ok=True)

    def clear(self) -> None:
        """Take away all that was kept, and what a run that was killed left half-written."""
        try:
            for entry in list(os.scandir(self.folder)):
                mine = entry.name.lstrip(".").startswith(f"{self.inputs[:32]}-")
                if mine and (entry.name.endswith(ENDING) or entry.name.endswith(".certify-tmp")):
                    Path(entry.path).unlink(missing_ok=True)
        except OSError:  # it is gone, which is as good
            return

    def _path(self, key: str) -> Path:
        return self.folder / f"{self.inputs[:32]}-{digest([key.encode()])[:32]}{ENDING}"


def digest(parts: Iterable[bytes | NDArray[Any]]) -> str:
    """Of bytes and arrays one after another, each with its kind and length."""
    found = hashlib.sha256()
    for part in parts:
        if isinstance(part, bytes):
            found.update(b"bytes %d " % len(part) + part)
        else:
            found.update(f"{part.dtype.str} {part.shape} ".encode())
            found.update(np.ascontiguousarray(part).view(np.uint8).data if part.size else b"")
    return found.hexdigest()


def _refused(folder: Path, error: OSError) -> InputError:
    return InputError("checkpoint", f"{folder} cannot be used ({error.strerror or error})", "name another folder")
