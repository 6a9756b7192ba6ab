"""Files that came from somebody else, read whole, and never more of them than they may have."""

from __future__ import annotations

from pathlib import Path

from certify.format.errors import InputError


def read_bounded(path: Path, most: int, asked: str, remedy: str) -> bytes:
    """The bytes of a plain file.

    Args:
        path: the file.
        most: bytes that it may have.
        asked: what to call it in messages.
        remedy: what to do where there is none.

    Raises:
        InputError: there is none, it cannot be read, or it is longer.
    """
    try:
        if not path.is_file():
            raise InputError(asked, "it is a folder" if path.is_dir() else "there is no such file", remedy)
        with path.open("rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise InputError(asked, f"it cannot be read ({error.strerror})", remedy) from None
    if len(content) > most:
        raise InputError(asked, f"it is longer than {most} bytes", remedy)
    return content
