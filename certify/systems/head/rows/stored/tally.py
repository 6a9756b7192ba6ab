"""What is asked of all rows by one reading: a task, made of numbers and arrays, and what it has found so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from certify.rigor.fp import Array

Told = Mapping[str, Array]
"""What a tally has found, as arrays of float64."""


@dataclass(frozen=True, eq=False)
class PerRow:
    """An array with a line for every row, which whoever reads the rows has by its name.

    Attributes:
        name: "" where nobody else has it.
        array: `(n, …)`.
    """

    name: str
    array: NDArray[Any]

    def at(self, start: int, count: int) -> NDArray[Any]:
        """The lines of consecutive rows."""
        return self.array[start : start + count]


class Tally(Protocol):
    """What is found of parts that come one after another.

    Told to another one of the same task that has taken all parts before them, it is as if that one had taken these:
    to the last bit, wherever the parts were divided.
    """

    def take(self, number: int, start: int, part: Array) -> None:
        """The next part: its number, that of its first row, and its rows."""
        ...

    def told(self) -> Told:
        """What was found."""
        ...

    def add(self, told: Told) -> None:
        """What was found of the parts that follow."""
        ...


class Task(Protocol):
    """A frozen dataclass of numbers, arrays and :class:`PerRow`."""

    @property
    def beside(self) -> int:
        """Numbers that are held beside each row of a part."""
        ...

    def tally(self) -> Tally:
        """A new one, which has taken nothing."""
        ...


def most(one: Array, other: Array) -> Array:
    """The larger of two arrays, entry by entry."""
    return np.maximum(one, other)
