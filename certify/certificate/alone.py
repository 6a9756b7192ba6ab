"""One process at a time: while files take their places in a folder, and while an audit works in one.

The locks are the system's and go with the process that holds them, however it ends. Where a file system has none, work
goes on without: each file is whole all the same.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Final

from certify.format.errors import InputError

LOCK: Final = ".certify-audit.lock"
LONGEST, STEP = 60.0, 0.02
"""Seconds to wait for another process that puts files into place (it takes milliseconds), and between two tries."""


@contextmanager
def placing(folders: Collection[Path]) -> Iterator[bool]:
    """Let no other process put files of results into these folders during the block.

    Args:
        folders: they exist.

    Yields:
        Whether the file systems have locks, so that what looks like an unfinished write of `certify` is one.

    Raises:
        InputError: another process has been at it for a minute.
    """
    with ExitStack() as held:
        places = {folder.resolve(): folder for folder in folders}  # in one order, so that no two wait for each other
        yield all([held.enter_context(_locked(places[place])) for place in sorted(places)])


@contextmanager
def working(folder: Path) -> Iterator[None]:
    """Let no other audit work in a folder during the block.

    Raises:
        InputError: one does.
    """
    fcntl = _locks()
    if fcntl is None:
        yield
        return
    path = folder / LOCK
    descriptor = _taken(path, fcntl)
    try:
        yield
    finally:
        if descriptor is not None:
            path.unlink(missing_ok=True)  # before the lock goes: who waits for this file sees that it is another
            os.close(descriptor)


def _taken(path: Path, fcntl: ModuleType) -> int | None:
    """The open lock file; None where locks do not work."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is(path, descriptor):
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            raise InputError(f"output folder {path.parent}", "another audit is writing into it",
                             "wait until it is done, or name another folder with -o") from None
        except OSError:
            os.close(descriptor)
            path.unlink(missing_ok=True)
            return None
        os.close(descriptor)  # its owner took the file away in between


def _is(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


@contextmanager
def _locked(folder: Path) -> Iterator[bool]:
    """A folder, locked by its own descriptor: no file is left behind."""
    fcntl = _locks()
    if fcntl is None:
        yield False
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        yield _waited(descriptor, folder, fcntl)
    finally:
        os.close(descriptor)


def _waited(descriptor: int, folder: Path, fcntl: ModuleType) -> bool:
    until = time.monotonic() + LONGEST
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() > until:
                raise InputError(f"output folder {folder}", "another process is writing into it",
                                 "end that process, or name another folder with -o") from None
            time.sleep(STEP)
        except OSError:
            return False


def _locks() -> ModuleType | None:
    try:
        import fcntl
    except ImportError:
        return None
    return fcntl
