"""What every kind of change of rows says of itself: its choices in their order, and a plain change that has them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

DELETED = -1
"""In the place of a code."""
Choice = tuple[tuple[int, int], ...]
"""Rows and what they become: a code, or `DELETED`."""


@dataclass(frozen=True)
class Labels:
    """What rows may become.

    Attributes:
        own: number of every row's label; empty where targets are no labels.
        codes: how many labels there are.
    """

    own: Sequence[int]
    codes: int

    def others(self, row: int) -> list[int]:
        """All but the row's own."""
        return [c for c in range(self.codes) if c != self.own[row]]

    def rows(self, label: int) -> set[int]:
        """Those that have a label."""
        return {i for i, c in enumerate(self.own) if c == label}


@dataclass(frozen=True)
class Plain:
    """At most `count` of the rows `moving` are relabelled, or else deleted."""

    relabels: bool
    count: int
    moving: tuple[int, ...]


class Rows(ABC):
    """A finite set of choices, one of which happens.

    Attributes:
        labels: of the rows.
    """

    labels: Labels

    @property
    @abstractmethod
    def plain(self) -> Plain | None:
        """A change of any rows that has all the choices; None: there is none."""

    @abstractmethod
    def every(self) -> Iterator[Choice]:
        """Every choice, in the order of certificates."""

    @abstractmethod
    def permits(self, choice: Choice) -> bool:
        """Whether it is one of them, in whatever order its rows stand."""

    @abstractmethod
    def emptied(self) -> list[int]:
        """Labels of which a choice may leave no row."""


def distinct(choice: Choice) -> bool:
    """Whether no row changes twice."""
    return len({row for row, _ in choice}) == len(choice)
