"""What every kind of change of rows says of itself: its choices, and the plain change that contains it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import ClassVar, Final

import numpy as np

from certify.systems.head.rows.changes.choices import NONE, Choices
from certify.systems.head.rows.head import Head, Whole

Choice = tuple[tuple[int, ...], tuple[int, ...]]
"""Rows, and what they become: a code, or −1 where they are deleted."""


SMALLER: Final = "a smaller count"
"""What advice names where a count of changes may be smaller."""


class Change(ABC):
    """What may happen to the rows: a finite set of choices, one of which happens.

    Attributes:
        by_rows: whether choices that differ in their last row alone follow one another.
        finite: whether its choices can be counted out; else rows are new.
        apart: why methods for any rows deleted, or any rows relabelled, do not answer; empty where they do.
    """

    by_rows: ClassVar[bool] = True
    apart: ClassVar[str] = ""
    finite: ClassVar[bool] = True

    @property
    @abstractmethod
    def within(self) -> Change | None:
        """A change of any m rows that has all its choices, so that what stays under that stays; None: there is none."""

    @abstractmethod
    def leaves(self, head: Head) -> int:
        """How many choices there are."""

    @abstractmethod
    def every(self, head: Head, at_once: int = 4096) -> Iterator[Choices]:
        """Every choice once, in the order in which certificates have them, in batches."""

    @abstractmethod
    def permits(self, head: Head, choice: Choice) -> bool:
        """Whether it is one of the choices."""

    @abstractmethod
    def emptied(self, head: Head) -> list[int]:
        """Labels of which some choice may leave no row; one more may be named, none less."""

    @abstractmethod
    def gains(self, head: Head, gone: np.ndarray, worth: np.ndarray) -> Choice:
        """The choice that first order holds for the worst, from what every row's changes take from a margin.

        Args:
            head: the head.
            gone: `(n,)` what a row takes when it is deleted.
            worth: `(n, c)` when it becomes a code.
        """

    @property
    def smaller(self) -> str:
        """What asks for fewer changes at once, in words; "" where none are fewer."""
        return ""

    @property
    @abstractmethod
    def words(self) -> str:
        """What happens, for people, e.g. ``"any 2 rows deleted"``."""


def batches(every: Iterable[Choice], at_once: int) -> Iterator[Choices]:
    """Choices in batches, filled up with −1 to the longest of each."""
    every = iter(every)
    while batch := list(islice(every, at_once)):
        width = max(len(rows) for rows, _ in batch)
        both = np.full((2, len(batch), width), NONE, dtype=np.int64)
        for b, choice in enumerate(batch):
            for part, numbers in zip(both, choice, strict=True):
                part[b, : len(numbers)] = numbers
        yield Choices(both[0], both[1])


def symmetric(sizes: Sequence[int], most: int) -> int:
    """The sum over all sets of at most `most` places of the product of their numbers.

    >>> symmetric([1, 1, 1], 2), symmetric([2, 3], 2)
    (7, 12)
    """
    sums = [1, *[0] * most]
    for size in sizes:
        for k in range(most, 0, -1):
            sums[k] += sums[k - 1] * size
    return sum(sums)


def own(head: Head) -> Whole:
    """The code of every row.

    Raises:
        AssertionError: targets are no labels.
    """
    assert head.codes is not None and head.label is not None
    return head.label


def rows_of_label(head: Head, label: int) -> list[int]:
    """Numbers of the rows that have a label."""
    rows: list[int] = np.flatnonzero(own(head) == label).tolist()
    return rows


def worst(values: np.ndarray, most: int) -> list[int]:
    """The places of at most so many largest numbers above 0, ascending."""
    order = np.argsort(-values, kind="stable")[:most]
    return sorted(int(i) for i in order if values[i] > 0)
