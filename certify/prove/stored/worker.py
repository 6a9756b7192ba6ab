"""A process that reads rows for another one on this machine, and ends with it."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading

from certify.format.errors import CertifyError
from certify.prove.stored.site import site_of
from certify.prove.stored.tasks import TASKS
from certify.rigor.environment import require_sound
from certify.systems.head.rows.stored.ranks.channel import RankLost, SocketChannel
from certify.systems.head.rows.stored.ranks.serving import serve
from certify.systems.head.rows.stored.ranks.team import refusal
from certify.systems.head.rows.stored.ranks.wire import Message


def main(link: int) -> None:
    """Serve the process at the other end of a socket until it closes it.

    Args:
        link: number of the open file.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever asks, who then closes the socket
    channel = SocketChannel(0, socket.socket(fileno=link))
    threading.Thread(target=_end_with, args=(channel,), daemon=True).start()
    try:
        site = site_of(channel.receive())
        require_sound(site.Y)
        store = site.store()
    except RankLost:
        sys.exit(0)
    except CertifyError as error:
        channel.send(refusal(error))
        sys.exit(2)
    channel.send(Message("ready"))
    try:
        serve(channel, (site.source, site.source.require_unchanged), TASKS, site.per_row(), store)
    except RankLost:
        sys.exit(0)
    except CertifyError:
        sys.exit(2)


def _end_with(channel: SocketChannel) -> None:
    """End this process, whatever it is at, once the other end is closed."""
    while not channel.gone(60.0):
        pass
    os._exit(0)
