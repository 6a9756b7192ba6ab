"""Rows of features, scaled by powers of two, some at a time: no second copy of all of them is ever made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from certify.rigor.fp import Array
from certify.systems.head.rows.stored.tally import PerRow, Tally, Task

Ints = NDArray[np.int64]
Found = TypeVar("Found", bound=Tally, covariant=True)

BLOCK = 512
"""Rows whose products are added before blocks are added: keeps the error of a sum of n terms near that of BLOCK."""

AT_ONCE = 2**20
"""Numbers that are read at a time, about."""

BESIDE = 2**21
"""Numbers that are held beside the rows of a part, about, or those of a block if they are more."""


class Source(Protocol):
    """Rows somewhere, as exact float64."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and features."""
        ...

    def part(self, start: int, stop: int) -> Array:
        """`(stop − start, p)` rows one after another; nobody writes to them."""
        ...

    def take(self, rows: Ints) -> Array:
        """`(r, p)` rows of these numbers."""
        ...


class Asking(Task, Protocol[Found]):
    """A task with the type of what it finds."""

    def tally(self) -> Found:
        """A new one."""
        ...


class Readers(Protocol):
    """Who reads the rows, if not whoever asks: others beside him, or somebody who keeps what was found."""

    def name_of(self, array: NDArray[Any]) -> str:
        """By which name they have an array that has a line for every row; "" if they do not."""
        ...

    def tallied(self, rows: Rows, task: Task, tally: Tally) -> None:
        """Fill a new tally of a task with all parts."""
        ...


@dataclass(frozen=True, eq=False)
class Held:
    """Rows in memory.

    Attributes:
        phi: `(n, p)`.
    """

    phi: Array

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and features."""
        return int(self.phi.shape[0]), int(self.phi.shape[1])

    def part(self, start: int, stop: int) -> Array:
        """Rows one after another."""
        return self.phi[start:stop]

    def take(self, rows: Ints) -> Array:
        """Rows of these numbers."""
        return np.asarray(self.phi[rows])


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of a source times powers of two, which changes no number but its exponent.

    Attributes:
        source: of the rows as they are.
        scale: `(p,)`.
        readers: of the parts; None: whoever asks, one after another.

    >>> rows = Rows(Held(np.array([[1.0, 2.0], [3.0, 4.0]])), np.array([1.0, 0.5]))
    >>> rows[np.array([1])].tolist(), len(rows), rows.products(np.array([[1.0], [2.0]])).tolist()
    ([[3.0, 2.0]], 2, [[3.0], [7.0]])
    """

    source: Source
    scale: Array
    readers: Readers | None = None

    def __len__(self) -> int:
        return self.source.shape[0]

    def __getitem__(self, rows: Ints) -> Array:
        return np.asarray(self.source.take(rows) * self.scale)

    def whole(self) -> Array:
        """All of them, for few rows."""
        return np.asarray(self.source.part(0, len(self)) * self.scale)

    def parts(self, beside: int = 0) -> Iterator[tuple[int, Array]]:
        """One part after another with the number of its first row: whole blocks, always the same ones.

        Args:
            beside: numbers that are held beside each row of a part.
        """
        for start, stop in self.places(beside):
            yield start, self.source.part(start, stop) * self.scale

    def places(self, beside: int = 0) -> Iterator[tuple[int, int]]:
        """Where the parts begin and end."""
        step = self.step(beside)
        yield from ((start, min(start + step, len(self))) for start in range(0, len(self), step))

    def step(self, beside: int = 0) -> int:
        """Rows of every part but the last one."""
        return min(part_of(self.source.shape[1]), BLOCK * max(1, BESIDE // (BLOCK * max(beside, 1))))

    def tallied(self, task: Asking[Found]) -> Found:
        """What a task finds of all parts, in their order."""
        tally = task.tally()
        if self.readers is not None:
            self.readers.tallied(self, task, tally)
            return tally
        for number, (start, part) in enumerate(self.parts(task.beside)):
            tally.take(number, start, part)
        return tally

    def per_row(self, array: NDArray[Any]) -> PerRow:
        """An array that has a line for every row, for a task."""
        return PerRow("" if self.readers is None else self.readers.name_of(array), array)

    def products(self, vectors: Array) -> Array:
        """`(n, r)` inner products with the columns of a `(p, r)` array: their terms are those of the scaled rows."""
        found, scaled = np.empty((len(self), vectors.shape[1])), self.scale[:, None] * vectors
        for start, stop in self.places():
            np.matmul(self.source.part(start, stop), scaled, out=found[start:stop])
        return found

    def against(self, points: Array) -> Array:
        """`(N, n)` inner products of the rows of an `(N, p)` array with all of these, in turn."""
        found, scaled = np.empty((len(points), len(self))), points * self.scale
        for start, stop in self.places():
            np.matmul(scaled, self.source.part(start, stop).T, out=found[:, start:stop])
        return found


def part_of(p: int) -> int:
    """Rows of a part: a number of whole blocks.

    >>> part_of(785), part_of(10**9)
    (1024, 512)
    """
    return BLOCK * max(1, AT_ONCE // (BLOCK * max(p, 1)))
