"""Files, read once: the bytes that are parsed are the bytes that are hashed."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path

from certify.format.errors import InputError


@dataclass(frozen=True)
class Source:
    """A file's content, with the digest of exactly that content.

    Attributes:
        path: where it was read.
        content: its bytes.
        sha256: their SHA-256, in hexadecimal.
    """

    path: Path
    content: bytes = field(repr=False)
    sha256: str

    @property
    def size(self) -> int:
        """Number of bytes."""
        return len(self.content)


@dataclass(frozen=True)
class Digest:
    """What a certificate keeps of a source: path, SHA-256 and size."""

    path: Path
    sha256: str
    size: int


_record: ContextVar[dict[str, Digest] | None] = ContextVar("_record", default=None)


@contextmanager
def recording() -> Iterator[dict[str, Digest]]:
    """Collect the digest of every file read inside the block, by its role (`spec`, `model`, `data`).

    A certificate needs the digests of the very bytes a problem was built from; hashing the files again later
    would leave a moment in which they could change.

    >>> with recording() as digests:
    ...     _ = read_source(Path(__file__), "data")
    >>> list(digests)
    ['data']
    """
    digests: dict[str, Digest] = {}
    token = _record.set(digests)
    try:
        yield digests
    finally:
        _record.reset(token)


def read_source(path: Path, role: str) -> Source:
    """Read a regular file in one go and hash what was read.

    Args:
        path: the file.
        role: what it is for (`spec`, `model`, `data`), for messages and for :func:`recording`.

    Raises:
        InputError: it is missing, not a regular file, not readable or larger than memory.
    """
    with _opened(path, role) as handle:
        content = handle.read()
    source = Source(path, content, hashlib.sha256(content).hexdigest())
    digests = _record.get()
    if digests is not None:
        digests[role] = Digest(path, source.sha256, source.size)
    return source


def sha256_file(path: str | Path, role: str = "input") -> str:
    """SHA-256 of a file's bytes, in hexadecimal, read in pieces.

    Raises:
        InputError: as :func:`read_source`.
    """
    with _opened(Path(path), role) as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


@contextmanager
def _opened(path: Path, role: str) -> Iterator[BufferedReader]:
    """A regular file, open; what goes wrong with it inside the block is said as of that file."""
    asked = f"{role} file {path}"
    try:
        with open(path, "rb", opener=_open_without_waiting) as handle:
            if not stat.S_ISREG(os.fstat(handle.fileno()).st_mode):
                raise InputError(asked, "not a regular file", "name a file")
            yield handle
    except FileNotFoundError:
        raise InputError(asked, "no such file", f"correct the path{_similar_file(path)}") from None
    except IsADirectoryError:
        raise InputError(asked, "a folder", "name a file") from None
    except MemoryError:
        raise InputError(asked, "larger than the memory", "use a smaller file or a larger machine") from None
    except InputError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(asked, f"cannot be read ({reason})", "check the path and its permissions") from None


def _open_without_waiting(path: str, flags: int) -> int:
    """Open without blocking on a pipe that nobody writes to."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))


def _similar_file(path: Path) -> str:
    """Name a file with nearly the same name in the same folder, if there is one."""
    import difflib

    try:
        names = [entry.name for entry in path.parent.iterdir()]
    except (OSError, ValueError):
        return ""
    match = difflib.get_close_matches(path.name, names, n=1, cutoff=0.7)
    return f" (there is a '{match[0]}')" if match else ""
