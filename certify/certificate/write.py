"""Write results so that a reader sees the old files or the new ones, never half of one."""

from __future__ import annotations

import os
import re
import secrets
import signal
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

from certify.certificate.alone import placing
from certify.format.errors import InputError

UNFINISHED: Final = re.compile(r"\.(.+)\.[0-9]+\.[0-9a-f]{8}\.certify-tmp")
"""Names of files that are being written, or were when their process was killed."""


def require_folder(folder: Path, names: tuple[str, ...]) -> None:
    """Refuse, before anything is computed, a folder into which the results could not be written.

    Args:
        folder: it may not exist yet; then the nearest folder above it that does must be writable.
        names: the files that will be written.

    Raises:
        InputError: it is a file, it is not writable, or a folder stands where a file would go.
    """
    asked = f"output folder {folder}"
    existing = folder
    while not os.path.lexists(existing) and existing != existing.parent:
        existing = existing.parent
    if not existing.is_dir():
        what = "a file" if existing == folder else f"below the file {existing}"
        raise InputError(asked, what, "name a folder with -o")
    for name in names:
        if (folder / name).is_dir():
            raise InputError(asked, f"a folder stands where {name} would be written", "move it, or use -o")
    probe = _beside(existing / "probe")
    try:
        os.close(_create(probe))
        probe.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(asked, f"not writable ({error.strerror})", "name another folder with -o") from None


def write_together(contents: Mapping[Path, bytes], remove: Collection[Path] = (),
                   before: Collection[Path] = ()) -> None:
    """Write files, each whole or not at all, and all of them or none as far as the system allows.

    Every file is first written under another name in the same folder and flushed to the disk; then all are
    renamed in one go, during which Ctrl-C waits. Another process that writes into the folder waits until all is done,
    so that files of two runs do not mix; what a killed process left half-written in it goes.

    Args:
        contents: the bytes of each file.
        remove: files that go in the same stroke, after the renaming: what named them is then replaced.
        before: files that go before the renaming: they name what is replaced, and would be wrong beside it if the
            process were killed in between.

    Raises:
        InputError: the disk is full or the folder is not writable; the old files are untouched.
    """
    temporary: dict[Path, Path] = {}
    try:
        folders = {path.parent for path in contents}
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
        with placing(folders) as locked:
            for folder in folders if locked else ():
                _sweep(folder)
            for path, content in contents.items():
                temporary[path] = _beside(path)
                with open(_create(temporary[path]), "wb") as handle:
                    handle.write(content)
                    handle.flush()
                    os.fsync(handle.fileno())
            with _interrupts_wait():
                for path in before:
                    path.unlink(missing_ok=True)
                for path, written in temporary.items():
                    os.replace(written, path)
                for path in remove:
                    path.unlink(missing_ok=True)
            for folder in folders:
                _flush_folder(folder)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(
            f"output folder {next(iter(contents)).parent}", f"cannot be written ({reason})",
            "free space or name another folder with -o",
        ) from None
    finally:
        for written in temporary.values():
            written.unlink(missing_ok=True)


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.certify-tmp")


def _sweep(folder: Path) -> None:
    """Take away what a killed process left: nobody else writes, as the folder is locked."""
    for entry in os.scandir(folder):
        if UNFINISHED.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
            Path(entry.path).unlink(missing_ok=True)


def _create(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)


def _flush_folder(folder: Path) -> None:
    """Make the renaming durable, where folders can be flushed."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _interrupts_wait() -> Iterator[None]:
    """Hold Ctrl-C back during the block and raise it after. Threads other than the main one never get it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    waiting: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        waiting.append(number)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if waiting:
        raise KeyboardInterrupt
