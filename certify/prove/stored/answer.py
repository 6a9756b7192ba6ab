"""What is said of every evaluation row about rows that stay on disk."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from certify.rigor.fp import Array
from certify.systems.head.rows.head import Whole
from certify.systems.head.rows.stored.ranks.wire import Message

WITNESS = "witness."
"""What names of arrays of a message begin with that a certificate starts from."""


@dataclass(frozen=True, eq=False)
class StoredPredictions:
    """Which predictions stay under every choice of changed rows, and which do not.

    Attributes:
        words: what may happen to the rows.
        proved, flipped, undecided: numbers of the evaluation rows whose label stays under every choice, of those that
            one choice flips, and of the others. A label that the exact minimum does not have even without a change is
            among the flipped.
        tolerated: of labels `(N, 2)`: how many changes each evaluation row surely survives, and how many at most; −1
            where the exact minimum has another label already. None of deletions.
        rows: of deletions, for flipped evaluation rows the rows whose deletion does it; none where none has to go.
        reason: why some are undecided; "" where none is.
        witness: by name the arrays that a certificate starts from; empty where none was asked for, or none is needed.
    """

    words: str
    proved: Whole
    flipped: Whole
    undecided: Whole
    tolerated: Whole | None = None
    rows: dict[int, tuple[int, ...]] = field(default_factory=dict)
    reason: str = ""
    witness: Mapping[str, Array] = field(default_factory=dict)

    def __repr__(self) -> str:
        return (f"StoredPredictions({self.words}: {len(self.proved)} predictions proved to stay, "
                f"{len(self.flipped)} flipped, {len(self.undecided)} undecided)")

    def json(self) -> str:
        """All of it but the witness on one line: the same bytes for the same question, whoever has read which rows.

        >>> import numpy as np
        >>> none = np.zeros(0, dtype=np.int64)
        >>> StoredPredictions("any 2 rows deleted", np.array([0, 2]), np.array([1]), none, rows={1: (7, 9)}).json()
        '{"words": "any 2 rows deleted", "proved": [0, 2], "flipped": [1], "undecided": [], "tolerated": null,
          "rows": {"1": [7, 9]}, "reason": ""}'
        """
        ends = None if self.tolerated is None else self.tolerated.tolist()
        return json.dumps({"words": self.words, "proved": self.proved.tolist(), "flipped": self.flipped.tolist(),
                           "undecided": self.undecided.tolist(), "tolerated": ends,
                           "rows": {str(j): list(rows) for j, rows in self.rows.items()}, "reason": self.reason})


def as_message(found: StoredPredictions) -> Message:
    """An answer, for other ranks."""
    arrays: dict[str, NDArray[Any]] = {"proved": found.proved, "flipped": found.flipped, "undecided": found.undecided}
    if found.tolerated is not None:
        arrays["tolerated"] = found.tolerated
    arrays |= {WITNESS + name: array for name, array in found.witness.items()}
    rows = [[j, list(rows)] for j, rows in found.rows.items()]
    return Message("answer", {"words": found.words, "reason": found.reason, "rows": rows}, arrays)


def of_message(message: Message) -> StoredPredictions:
    """The answer that such a message says."""
    rows = {int(j): tuple(map(int, rows)) for j, rows in message.words["rows"]}
    proved, flipped, undecided = (message.arrays[name] for name in ("proved", "flipped", "undecided"))
    witness = {name.removeprefix(WITNESS): array for name, array in message.arrays.items() if name.startswith(WITNESS)}
    return StoredPredictions(str(message.words["words"]), proved, flipped, undecided, message.arrays.get("tolerated"),
                             rows, str(message.words["reason"]), witness)
