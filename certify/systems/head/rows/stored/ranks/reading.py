"""One rank's part of a task: it reads its own rows, tells what it found, and carries on from what was kept."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from certify.format.errors import InputError
from certify.systems.head.rows.stored.ranks import store as stores
from certify.systems.head.rows.stored.ranks.store import Store, digest
from certify.systems.head.rows.stored.ranks.wire import Message
from certify.systems.head.rows.stored.rows import Source
from certify.systems.head.rows.stored.tally import PerRow, Tally, Task

Made = Callable[..., Task]
Keep = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Share:
    """Which parts of the rows somebody reads for a task.

    Attributes:
        task: with its arrays.
        scale: of the columns.
        step: rows of every part but the last one.
        first, last: numbers of the first part, and of that after the last one.
    """

    task: Task
    scale: NDArray[np.float64]
    step: int
    first: int
    last: int

    def message(self) -> Message:
        """All of it, for another rank."""
        words, arrays = dict[str, Any](), {"scale": self.scale}
        for entry in fields(self.task):  # type: ignore[arg-type]  # every task is a dataclass
            value = getattr(self.task, entry.name)
            if isinstance(value, PerRow):
                assert value.name, "an array of all rows that nobody else has"
                words[f"row {entry.name}"] = value.name
            elif isinstance(value, np.ndarray):
                arrays[f"task {entry.name}"] = value
            else:
                words[f"task {entry.name}"] = value
        words |= {"kind": type(self.task).__name__, "step": self.step, "first": self.first, "last": self.last}
        return Message("read", words, arrays)

    def key(self) -> str:
        """Of what is kept of it."""
        told = self.message()
        return digest([json.dumps(dict(told.words), sort_keys=True).encode(),
                       *(part for name in sorted(told.arrays) for part in (name.encode(), told.arrays[name]))])


def share_of(message: Message, kinds: Mapping[str, Made], per_row: Keep) -> Share:
    """What another rank is asked for.

    Raises:
        InputError: a task that this program has not, which is then another version of it.
    """
    words, given = message.words, dict[str, Any]()
    made = kinds.get(str(words.get("kind")))
    if made is None:
        raise InputError("rank", f"asked for {words.get('kind')!r}, which it does not know", "install the same version")
    for name, value in words.items():
        if name.startswith("row "):
            given[name[4:]] = PerRow(value, per_row[value])
        elif name.startswith("task "):
            given[name[5:]] = value
    for name, array in message.arrays.items():
        if name.startswith("task "):
            given[name[5:]] = array
    return Share(made(**given), message.arrays["scale"], words["step"], words["first"], words["last"])


def read(source: Source, share: Share, tally: Tally, store: Store | None, each: Callable[[], None]) -> None:
    """Fill a new tally with all parts of a share, on one thread, so that no number depends on how many there are.

    Args:
        source: of the rows.
        share: which parts, and the task.
        tally: of the task.
        store: where what was found is kept, and was kept before.
        each: called after every part.
    """
    n, at, key = source.shape[0], share.first, "" if store is None else share.key()
    kept = None if store is None else store.read(key)
    if kept is not None and share.first < int(kept.words["next"]) <= share.last:
        tally.add(kept.arrays)
        at = int(kept.words["next"])
    written = time.monotonic()
    with _pools().limit(limits=1):
        for number in range(at, share.last):
            start = number * share.step
            tally.take(number, start, source.part(start, min(start + share.step, n)) * share.scale)
            each()
            if store is not None and time.monotonic() - written > stores.EVERY:
                store.write(key, {"next": number + 1}, dict(tally.told()))
                written = time.monotonic()
    if store is not None and at < share.last:
        store.write(key, {"next": share.last}, dict(tally.told()))


@cache
def _pools() -> ThreadpoolController:
    """All pools of threads; looking for them took 5 ms of every reading, as long as 400 rows do."""
    from scipy.linalg import lapack  # noqa: F401  a pool that is not loaded yet is not found

    return ThreadpoolController()
