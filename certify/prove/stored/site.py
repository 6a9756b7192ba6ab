"""The rows as one rank has them: the file, and what stands beside every row."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.format.errors import InputError
from certify.systems.head.rows.stored.on_disk import OnDisk, on_disk
from certify.systems.head.rows.stored.parquet import Parquet
from certify.systems.head.rows.stored.ranks.store import Store, digest
from certify.systems.head.rows.stored.ranks.wire import Message

Stored = OnDisk | Parquet


def opened(X: Any, ones: bool) -> Stored:
    """The rows of a file of either kind."""
    if isinstance(X, str | os.PathLike) and os.fspath(X).endswith(".parquet"):
        return Parquet(os.fspath(X), ones)
    return on_disk(X, ones)


@dataclass(frozen=True, eq=False)
class Site:
    """What a rank reads from.

    Attributes:
        source: the file.
        Y: `(n, k)` targets.
        label: `(n,)` numbers of codes.
        codes: how many codes there are.
        checkpoint: folder where what was found is kept; "": nowhere.
        inputs: digest of the question and all that it is asked with.
    """

    source: Stored
    Y: NDArray[np.float64]
    label: NDArray[np.int64]
    codes: int
    checkpoint: str
    inputs: str

    def per_row(self) -> dict[str, NDArray[Any]]:
        """Arrays with a line for every row: targets, which code a row has, and which it may be given."""
        return {"Y": self.Y, "label": self.label, "open": self.label[:, None] != np.arange(self.codes)}

    def store(self) -> Store | None:
        """Where what was found of these rows is kept."""
        if not self.checkpoint:
            return None
        return Store(Path(self.checkpoint), digest([self.inputs.encode(), repr(self.source.state).encode()]))

    def message(self) -> Message:
        """For another process on this machine."""
        words = {"path": os.path.abspath(self.source.path), "ones": self.source.ones, "state": list(self.source.state),
                 "codes": self.codes, "checkpoint": self.checkpoint, "inputs": self.inputs}
        return Message("site", words, {"Y": self.Y, "label": self.label})


def site_of(message: Message) -> Site:
    """What such a message says; the file has to be the one that it was.

    Raises:
        InputError: it is another one.
    """
    words = message.words
    source = opened(words["path"], words["ones"])
    if list(source.state) != words["state"]:
        raise InputError("X", f"{source.path}, which was written to while it was read", "ask again")
    return Site(source, message.arrays["Y"], message.arrays["label"], words["codes"], words["checkpoint"],
                words["inputs"])
