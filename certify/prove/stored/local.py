"""Other processes on this machine that read rows: started, and ended whatever happens."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from certify.format.errors import InputError
from certify.prove.stored.site import Site
from certify.systems.head.rows.stored.ranks.channel import ENDED, SocketChannel
from certify.systems.head.rows.stored.ranks.team import answered

BOOT: Final = """\
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from certify.prove.stored.worker import main
main(int(sys.argv[2]))
"""
"""What such a process runs: where this one finds its modules, that one does; nothing of the caller's is run again."""

ONE_THREAD: Final = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")

SECONDS: Final = 5.0
"""How long a process may take to end once its socket is closed."""


@contextmanager
def started(count: int, site: Site) -> Iterator[list[SocketChannel]]:
    """Channels to so many new processes, which are ready to read.

    Raises:
        InputError: they cannot be started, or the file was written to.
        RankLost: one has ended at once.
    """
    processes: list[subprocess.Popen[bytes]] = []
    channels: list[SocketChannel] = []
    try:
        for rank in range(1, count + 1):
            process, channel = _start(rank)
            processes.append(process)
            channels.append(channel)
        for channel in channels:
            channel.send(site.message())
        for channel in channels:
            answered(channel)
        yield channels
    finally:
        for channel in channels:
            channel.link.close()
        for process in processes:
            _end(process)


def _start(rank: int) -> tuple[subprocess.Popen[bytes], SocketChannel]:
    mine, theirs = socket.socketpair()
    path = json.dumps([os.path.abspath(entry) for entry in sys.path])
    try:
        process = subprocess.Popen([sys.executable, "-c", BOOT, path, str(theirs.fileno())],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pass_fds=(theirs.fileno(),),
                                   env={**os.environ, **ONE_THREAD})
    except OSError as error:
        mine.close()
        raise InputError("ranks", f"no process could be started ({error.strerror})", "give ranks=1") from None
    finally:
        theirs.close()
    return process, SocketChannel(rank, mine, lambda: _how(process))


def _how(process: subprocess.Popen[bytes]) -> str:
    try:
        status = process.wait(1.0)
    except subprocess.TimeoutExpired:
        return ENDED
    return f"its process was killed by signal {-status}" if status < 0 else f"{ENDED} with status {status}"


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
