"""A file that is written once: one that is there is not replaced."""

from __future__ import annotations

from pathlib import Path

from certify.format.errors import InputError


def write_new(path: Path, content: bytes, what: str) -> None:
    """Write a file.

    Args:
        path: the file.
        content: its bytes.
        what: how to call it in messages, e.g. "graph file".

    Raises:
        InputError: there is one already, or it cannot be written.
    """
    try:
        with open(path, "xb") as handle:
            handle.write(content)
    except FileExistsError:
        raise InputError(f"{what} {path}", "there is one already", "move it away, or name another file") from None
    except OSError as error:
        raise InputError(f"{what} {path}", f"cannot be written ({error.strerror})", "name another folder") from None
