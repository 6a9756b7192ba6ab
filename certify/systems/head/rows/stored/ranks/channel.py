"""A way to another rank: messages go in order, and a rank that is gone is an error in words, never a silence."""

from __future__ import annotations

import select
import socket
from collections.abc import Callable
from typing import Final, Protocol

from certify.format.errors import CertifyError
from certify.systems.head.rows.stored.ranks.wire import LENGTHS, Malformed, Message, decoded, encoded, lengths_of

GONE: Final = select.POLLHUP | select.POLLERR | getattr(select, "POLLRDHUP", 0)
"""What the poll says of a socket whose other end was closed."""

ENDED: Final = "its process has ended"

AT_ONCE: Final = 2**20
"""Bytes that are received at a time."""


class RankLost(CertifyError):
    """Another process that reads rows has ended, or was never there."""


class Channel(Protocol):
    """To one other rank."""

    def send(self, message: Message) -> None:
        """Hand over a message.

        Raises:
            RankLost: the other end is gone.
        """
        ...

    def receive(self) -> Message:
        """The next message.

        Raises:
            RankLost: the other end is gone, or what it sent is no message.
        """
        ...

    def ready(self) -> bool:
        """Whether there is a message, or the end of all messages, to be received without waiting for long."""
        ...


class SocketChannel:
    """To a process on this machine.

    Args:
        rank: the number of the other end.
        link: a connected socket.
        ended: says how its process has ended, once it has.
    """

    def __init__(self, rank: int, link: socket.socket, ended: Callable[[], str] = lambda: ENDED) -> None:
        self.rank, self.link, self._ended = rank, link, ended

    def send(self, message: Message) -> None:
        """Hand over a message."""
        try:
            self.link.sendall(encoded(message))
        except OSError:
            raise lost(self.rank, self._ended()) from None

    def receive(self) -> Message:
        """The next message."""
        try:
            start = self._bytes(LENGTHS)
            return decoded(start + self._bytes(sum(lengths_of(bytes(start)))))
        except OSError:
            raise lost(self.rank, self._ended()) from None
        except Malformed as error:
            raise RankLost(f"rank {self.rank}", f"a message that is none ({error})", "ask again") from None

    def ready(self) -> bool:
        """Whether there is something to receive."""
        return _polled(self.link, select.POLLIN | GONE, 0)

    def gone(self, seconds: float) -> bool:
        """Wait so long at most for the other end to close."""
        return _polled(self.link, GONE, int(seconds * 1000))

    def _bytes(self, count: int) -> bytearray:
        found = bytearray()
        while len(found) < count:
            part = self.link.recv(min(count - len(found), AT_ONCE))
            if not part:
                raise lost(self.rank, self._ended())
            found += part
        return found


def lost(rank: int, how: str = ENDED) -> RankLost:
    """The error for a rank that is gone."""
    return RankLost(f"rank {rank}", how, "ask again; with checkpoint= what was finished is not read again")


def _polled(link: socket.socket, events: int, milliseconds: int) -> bool:
    poll = select.poll()
    poll.register(link, events)
    return bool(poll.poll(milliseconds))
