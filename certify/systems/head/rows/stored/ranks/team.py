"""Rank 0: it asks the others for what they find of their parts, reads its own, and adds all of it up in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from numpy.typing import NDArray

from certify.format.errors import CertifyError, EnclosureError, EnvironmentRefused, InputError
from certify.systems.head.rows.stored.ranks.channel import Channel, RankLost
from certify.systems.head.rows.stored.ranks.reading import Share, read
from certify.systems.head.rows.stored.ranks.store import Store
from certify.systems.head.rows.stored.ranks.wire import Message
from certify.systems.head.rows.stored.rows import Rows
from certify.systems.head.rows.stored.tally import Tally, Task

ERRORS: Final[Mapping[str, type[CertifyError]]] = {
    error.__name__: error for error in (InputError, EnclosureError, EnvironmentRefused, RankLost)}
"""What another rank may refuse with; any other error ends it, which is seen."""


@dataclass(eq=False)
class Team:
    """Who reads the rows: this process, and others by their channels.

    Attributes:
        per_row: arrays with a line for every row, by the names that all ranks know them by.
        channels: to ranks 1, 2, …
        store: where what was found is kept; None: nowhere.
        tell: told how many readings are done, with the share of the one that goes on.
    """

    per_row: Mapping[str, NDArray[Any]]
    channels: Sequence[Channel] = ()
    store: Store | None = None
    tell: Callable[[float], None] = lambda done: None
    readings: int = 0
    _answers: dict[int, Message] = field(default_factory=dict)

    def name_of(self, array: NDArray[Any]) -> str:
        """By which name all ranks have an array."""
        return next(name for name, held in self.per_row.items() if held is array)

    def tallied(self, rows: Rows, task: Task, tally: Tally) -> None:
        """Fill a new tally with all parts: those of rank 0 first, then those of rank 1, and so on."""
        step, size = rows.step(task.beside), len(self.channels) + 1
        parts = -(-len(rows) // step)
        ends = [parts * rank // size for rank in range(size + 1)]
        whole = Share(task, rows.scale, step, 0, parts)
        kept = None if self.store is None or size == 1 else self.store.read(whole.key())
        if kept is not None and kept.words["next"] == parts:
            tally.add(kept.arrays)
            self.readings += 1
            return
        for rank, channel in enumerate(self.channels, 1):
            channel.send(Share(task, rows.scale, step, ends[rank], ends[rank + 1]).message())
        own = 0

        def each() -> None:
            nonlocal own
            own += 1
            self.tell(self.readings + own / max(ends[1], 1))
            self._look()

        read(rows.source, Share(task, rows.scale, step, 0, ends[1]), tally, self.store, each)
        for rank, channel in enumerate(self.channels, 1):
            answer = self._answers.pop(rank, None) or answered(channel)
            tally.add(answer.arrays)
        self.readings += 1
        self.tell(self.readings)
        if self.store is not None and size > 1:
            self.store.write(whole.key(), {"next": parts}, dict(tally.told()))

    def _look(self) -> None:
        """Between two parts: whether another rank has answered, or is gone."""
        for rank, channel in enumerate(self.channels, 1):
            if rank not in self._answers and channel.ready():
                self._answers[rank] = answered(channel)


def answered(channel: Channel) -> Message:
    """The next message of a rank.

    Raises:
        CertifyError: the rank refuses, or is gone.
    """
    found = channel.receive()
    if found.about == "refused":
        raise ERRORS.get(str(found.words.get("error")), RankLost)(
            *(str(found.words.get(part, "")) for part in ("asked", "found", "remedy")))
    return found


def refusal(error: CertifyError) -> Message:
    """An error, for another rank."""
    return Message("refused", {"error": type(error).__name__, "asked": error.asked, "found": error.found,
                               "remedy": error.remedy})
