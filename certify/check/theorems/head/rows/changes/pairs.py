"""Stated pairs of labels: at most m rows with label a become b, for the pairs (a, b) that are stated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, product

from certify.check.theorems.head.rows.changes.base import Choice, Labels, Plain, Rows, distinct


@dataclass(frozen=True)
class Pairs(Rows):
    """At most `count` of the rows, each along a pair; `moving` are those that have one."""

    labels: Labels
    count: int
    moving: tuple[int, ...]
    pairs: frozenset[tuple[int, int]]

    @property
    def plain(self) -> Plain:
        """The same rows with any other label."""
        return Plain(True, min(self.count, len(self.moving)), self.moving)

    def may(self, row: int) -> list[int]:
        """What a row may become."""
        return sorted(b for a, b in self.pairs if a == self.labels.own[row])

    def every(self) -> Iterator[Choice]:
        """By number of rows, rows in lexicographic order, then codes."""
        for size in range(min(self.count, len(self.moving)) + 1):
            for rows in combinations(self.moving, size):
                for codes in product(*map(self.may, rows)):
                    yield tuple(zip(rows, codes, strict=True))

    def permits(self, choice: Choice) -> bool:
        """Whether few enough rows change, each along a pair."""
        moving = set(self.moving)
        return len(choice) <= self.count and distinct(choice) and all(
            row in moving and code in self.may(row) for row, code in choice)

    def emptied(self) -> list[int]:
        """Labels that may become others, with few enough rows, all of which may change."""
        moving, rows = set(self.moving), {a: self.labels.rows(a) for a, _ in sorted(self.pairs)}
        return [a for a, some in rows.items() if len(some) <= self.count and some <= moving]
