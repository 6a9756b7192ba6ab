"""Whose each training row is, in the words of whoever gave the rows: changes of groups are told by their names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

LONGEST: Final = 60
"""Characters of a name that are shown in a sentence or on a page."""


@dataclass(frozen=True)
class Owners:
    """Whose each training row is.

    Attributes:
        column: that says so in the data; "" where the groups came without a name.
        numbers: of the group of every row, from 0 on.
        names: of the groups, by number.
    """

    column: str
    numbers: tuple[int, ...]
    names: tuple[str, ...]

    def of(self, rows: Sequence[int]) -> tuple[str, ...]:
        """Names of the groups of some rows, each once, in the order of the rows.

        >>> Owners("user", (0, 1, 0, 2), ("007", "7", "a")).of([2, 0, 1])
        ('007', '7')
        """
        return tuple(self.names[group] for group in dict.fromkeys(self.numbers[row] for row in rows))

    def said(self, rows: Sequence[int], most: int) -> str:
        """The groups of some rows in a sentence.

        Args:
            rows: one or more.
            most: how many groups are named.

        >>> who = Owners("user", (0, 1, 0, 2), ("007", "7", "a"))
        >>> who.said([0, 2], 6), who.said([0, 1, 2], 6), who.said([0, 1, 3], 2)
        ('group 007 of user', 'groups 007 and 7 of user together', 'groups 007, 7 and 1 more of user together')
        """
        names = self.of(rows)
        of = f" of {self.column}" if self.column else ""
        if len(names) == 1:
            return self._called(names[0])
        *first, last = [short(name) for name in names[:most]]
        more = len(names) - most
        told = f"{', '.join((*first, last))} and {more} more" if more > 0 else f"{', '.join(first)} and {last}"
        return f"groups {told}{of} together"

    def called(self, number: int) -> str:
        """A group by its number.

        >>> Owners("user", (0, 1), ("007", "a")).called(1)
        'group a of user'
        """
        return self._called(self.names[number])

    def _called(self, name: str) -> str:
        return f"group {short(name)}{f' of {self.column}' if self.column else ''}"


def owners_of(column: str, numbers: Sequence[int], labels: Sequence[Any]) -> Owners:
    """Owners of rows that have numbers of their groups and, as they were given, the labels of these.

    >>> owners_of("", [0, 1, 0], [3.0, 0.5, 3.0]).names
    ('3', '0.5')
    """
    found: dict[int, Any] = {}
    for number, label in zip(numbers, labels, strict=True):
        found.setdefault(int(number), label)
    return Owners(column, tuple(map(int, numbers)), tuple(_worded(found[at]) for at in range(len(found))))


def grouped(problem: Mapping[str, Any]) -> bool:
    """Whether whole groups of rows change in the problem of a certificate."""
    return problem.get("grouped") is not None


def short(name: str) -> str:
    """A name that is not too long to be shown."""
    return name if len(name) <= LONGEST else f"{name[:LONGEST]}…"


def _worded(label: Any) -> str:
    """A label in words; a whole number of a file of doubles without a point."""
    return str(int(label)) if isinstance(label, float) and label.is_integer() else str(label)
