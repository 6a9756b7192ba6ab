"""Another process that is asked something and given so long to answer, whatever it and those that it starts do.

Where pipes can be waited for (not on Windows) nothing that holds one makes a check wait beyond its time; all that the
process started in its own session is ended with it.
"""

from __future__ import annotations

import io
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from threading import Timer
from typing import IO, Any, TypeVar

FLAGS = ("-I", "-c")
WAITS = os.name == "posix"
"""Whether one can wait for a pipe until a time; elsewhere a clock ends the process, but none that it started."""

T = TypeVar("T")


class _Said(io.RawIOBase):
    """The end of a pipe that is read until a time; beyond it `TimeoutError`."""

    def __init__(self, pipe: io.FileIO, until: float) -> None:
        self._pipe, self._until = pipe, until

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, into: Any) -> int | None:
        """As many bytes as there are, at least one unless the pipe is closed."""
        _wait(self._pipe, selectors.EVENT_READ, self._until)
        return self._pipe.readinto(into)


def answered(program: str, told: Iterable[bytes], seconds: float, read: Callable[[IO[bytes]], T | None]) -> T | None:
    """What `read` makes of what another Python says; None where there is none, or its time is up.

    Args:
        program: that it runs; its argument are the places of modules.
        told: is written to it, all of it before anything is read.
        seconds: from its start on.
        read: of its standard output.
    """
    if sys.byteorder != "little" or not sys.executable:
        return None
    command = [sys.executable, *FLAGS, program, json.dumps([path or os.getcwd() for path in sys.path])]
    one = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    until = time.monotonic() + seconds
    try:
        with subprocess.Popen(command, bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, env=os.environ | one, start_new_session=WAITS) as process:
            clock = Timer(seconds, process.kill)
            if not WAITS:
                clock.start()
            try:
                assert process.stdin is not None and isinstance(process.stdout, io.FileIO)
                _write(process.stdin, told, until)
                return read(io.BufferedReader(_Said(process.stdout, until)))
            finally:
                clock.cancel()
                _end(process)
    except OSError:
        return None


def _write(pipe: IO[bytes], told: Iterable[bytes], until: float) -> None:
    """All of it, and the end."""
    if WAITS:
        os.set_blocking(pipe.fileno(), False)
    for part in told:
        view = memoryview(part)
        while view:
            _wait(pipe, selectors.EVENT_WRITE, until)
            with suppress(BlockingIOError):  # there is less room than is taken for some
                view = view[os.write(pipe.fileno(), view):]
    pipe.close()


def _wait(pipe: IO[bytes], event: int, until: float) -> None:
    """Until it can be read or written."""
    if not WAITS:
        return
    left = until - time.monotonic()
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, event)
        if left <= 0 or not selector.select(left):
            raise TimeoutError


def _end(process: subprocess.Popen[bytes]) -> None:
    """It and its session; nobody has waited for it yet, so that its number is still its own."""
    if not WAITS:
        process.kill()
        return
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
