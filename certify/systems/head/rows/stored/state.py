"""Whether a file of rows is still the one that was asked about, whatever its kind."""

from __future__ import annotations

import os
from io import FileIO

from certify.format.errors import InputError

State = tuple[int, ...]
"""Which file it is, its length, and when it and what is noted of it were changed."""


def state_of(file: str | int) -> State:
    """Device, number, length and both times of a file, by its path or as it is open."""
    found = os.stat(file)
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def reopened(path: str, state: State) -> FileIO:
    """The file, which is the one that it was; it is opened anew, so one that was put in its place is seen.

    Raises:
        InputError: it is gone, was replaced, or was written to.
    """
    try:
        file = open(path, "rb", buffering=0)  # noqa: SIM115
    except OSError as error:
        raise InputError("X", f"{path}, which is gone ({error})", "ask again") from None
    if state_of(file.fileno()) != state:
        file.close()
        raise InputError("X", f"{path}, which was written to while it was read", "ask again")
    return file


def require_same(path: str, state: State) -> None:
    """Refuse a file that is another one than it was.

    Raises:
        InputError: it is gone, was replaced, or was written to.
    """
    reopened(path, state).close()
