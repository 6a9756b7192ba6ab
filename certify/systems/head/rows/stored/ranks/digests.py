"""Whether all ranks see the same rows, where they do not share a file: each reads the next one's part too."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from certify.rigor.fp import Array
from certify.systems.head.rows.stored.tally import Told


@dataclass(frozen=True, eq=False)
class Digests:
    """A digest of all numbers of some parts."""

    beside: int = 0

    def tally(self) -> DigestsFound:
        """Nothing yet."""
        return DigestsFound()


class DigestsFound:
    """Of the parts so far; those of two ranks are not put together, only compared."""

    def __init__(self) -> None:
        self._found = hashlib.sha256()

    def take(self, number: int, start: int, part: Array) -> None:
        """Another part."""
        self._found.update(np.ascontiguousarray(part + 0.0).view(np.uint8).data)  # −0 is 0

    def told(self) -> Told:
        """Its bytes, one number each."""
        return {"digest": np.frombuffer(self._found.digest(), dtype=np.uint8).astype(np.float64)}

    def add(self, told: Told) -> None:
        """There is nothing that could be added."""
        raise TypeError("digests are compared, not added")
