"""Every rank but 0: it reads what it is asked for, and says what it found, until it is told how it ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from certify.format.errors import CertifyError
from certify.systems.head.rows.stored.ranks.channel import Channel
from certify.systems.head.rows.stored.ranks.reading import Keep, Made, read, share_of
from certify.systems.head.rows.stored.ranks.store import Store
from certify.systems.head.rows.stored.ranks.team import refusal
from certify.systems.head.rows.stored.ranks.wire import Message
from certify.systems.head.rows.stored.rows import Source

Place = tuple[Source, Callable[[], None]]


def serve(channel: Channel, place: Place, kinds: Mapping[str, Made], per_row: Keep, store: Store | None) -> Message:
    """Read for rank 0 until a message of it asks for nothing more, which is returned.

    Args:
        channel: to rank 0.
        place: the rows as this rank sees them, and what refuses them if they are not the same any more.
        kinds: what may be asked, by name.
        per_row: arrays with a line for every row.
        store: where what was found is kept.

    Raises:
        CertifyError: the rows cannot be read, which rank 0 is told, or it is gone.
    """
    source, refuse_changed = place
    while True:
        message = channel.receive()
        if message.about != "read":
            return message
        try:
            share = share_of(message, kinds, per_row)
            tally = share.task.tally()
            read(source, share, tally, store, _nothing)
            refuse_changed()
        except CertifyError as error:
            channel.send(refusal(error))
            raise
        channel.send(Message("told", {}, dict(tally.told())))


def _nothing() -> None:
    """Somebody else looks whether rank 0 is there."""
