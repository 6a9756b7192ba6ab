"""At most m rows, whichever they are, each deleted, or each with another label."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from certify.check.theorems.head.rows.changes.base import DELETED, Choice, Labels, Plain, Rows, distinct


@dataclass(frozen=True)
class AnyRows(Rows):
    """At most `count` of the rows `moving`."""

    labels: Labels
    relabels: bool
    count: int
    moving: tuple[int, ...]

    @property
    def plain(self) -> Plain:
        """Itself."""
        return Plain(self.relabels, self.count, self.moving)

    def may(self, row: int) -> list[int]:
        """What a row may become."""
        return self.labels.others(row) if self.relabels else [DELETED]

    def every(self) -> Iterator[Choice]:
        """By number of rows, then as sequences of rows and what they become in turn."""
        for size in range(min(self.count, len(self.moving)) + 1):
            yield from self._of_size(size, 0)

    def _of_size(self, size: int, first: int) -> Iterator[Choice]:
        if not size:
            yield ()
            return
        for place in range(first, len(self.moving) - size + 1):
            row = self.moving[place]
            for code in self.may(row):
                for more in self._of_size(size - 1, place + 1):
                    yield ((row, code), *more)

    def permits(self, choice: Choice) -> bool:
        """Whether so few rows that may change become what they may."""
        moving = set(self.moving)
        return len(choice) <= self.count and distinct(choice) and all(
            row in moving and code in self.may(row) for row, code in choice)

    def emptied(self) -> list[int]:
        """Labels with few enough rows, all of which may change."""
        moving, rows = set(self.moving), {c: self.labels.rows(c) for c in range(self.labels.codes)}
        return [c for c, some in rows.items() if len(some) <= self.count and some <= moving]
