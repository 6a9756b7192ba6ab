"""The record of a proof: what the checker replays (D7).

Three streams: whole numbers, vectors of weights, and single numbers, each read in the order written. A node is a
sequence of steps; `SPLIT` is followed by its child's steps. Floats are kept in half the digits: a proof is built from
the numbers as recorded, so that nothing hangs on the digits lost.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.rigor.fp import Array

FLAT, BOWL, KEEP, SPLIT, REST, LIST, CLOSED, FRESH = range(1, 9)
"""Fixed weights; moving ones; alternatives that stay; a child; what is left; sets one by one; nothing left; new dual
points."""


def short(x: NDArray[Any]) -> Array:
    """Floats of 24 bits."""
    return x.astype(np.float32).astype(np.float64)


@dataclass
class Record:
    """The streams of one or several points."""

    whole: list[int] = field(default_factory=list)
    vectors: list[Array] = field(default_factory=list)
    numbers: list[float] = field(default_factory=list)

    def step(self, kind: int, *whole: int) -> None:
        """A step with its whole numbers."""
        self.whole.append(kind)
        self.whole.extend(int(x) for x in whole)

    def vector(self, lines: Array) -> None:
        """Vectors, one a line."""
        self.vectors.extend(lines.astype(np.float32))

    def arrays(self, points: NDArray[np.int64], p: int) -> dict[str, NDArray[Any]]:
        """The streams as arrays, for the points whose trees they are."""
        vectors: Any = np.array(self.vectors, dtype=np.float32).reshape(-1, p)
        whole, numbers = np.array(self.whole, dtype=np.int32), np.array(self.numbers, dtype=np.float32)
        return {"points": points, "whole": whole, "vectors": vectors, "numbers": numbers}

    def join(self, other: Record) -> None:
        """Append another record."""
        self.whole += other.whole
        self.vectors += other.vectors
        self.numbers += other.numbers


class Shortest:
    """Records of points, the shortest of those that come, as long as they have so many vectors together.

    Which of them stay does not depend on the order in which they come.

    Args:
        most: vectors.
    """

    def __init__(self, most: int) -> None:
        self.records: dict[int, Record] = {}
        self._most, self._held = most, 0

    def add(self, point: int, record: Record) -> None:
        """One more; where all are too long the longest goes."""
        self.records[point], self._held = record, self._held + len(record.vectors)
        while self._held > self._most:
            longest = max(self.records, key=lambda j: (len(self.records[j].vectors), j))
            self._held -= len(self.records.pop(longest).vectors)
