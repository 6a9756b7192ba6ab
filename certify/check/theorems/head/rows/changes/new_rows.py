"""Rows that are new: at most m of them are added, or take the place of as many that are left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from certify.check.theorems.head.rows.changes.base import DELETED, Choice, Labels, Rows, distinct
from certify.format.refusal import Invalid


@dataclass(frozen=True)
class NewRows(Rows):
    """At most `deleted` of the rows are left out, and at most `added` new ones in a box join, with any labels."""

    labels: Labels
    deleted: int
    added: int
    moving: tuple[int, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    @property
    def plain(self) -> None:
        """None: no other change has new rows."""
        return

    def every(self) -> Iterator[Choice]:
        """They cannot be counted out; raises `Invalid`."""
        raise Invalid("status", "every choice is stated to be refitted", "new rows cannot be counted out")

    def permits(self, choice: Choice) -> bool:
        """Whether so few rows that may be left out are."""
        may = set(self.moving)
        return len(choice) <= self.deleted and distinct(choice) and all(
            row in may and code == DELETED for row, code in choice)

    def holds(self, rows: Sequence[Sequence[float]], codes: Sequence[int]) -> bool:
        """Whether new rows are few enough, lie in the box, and have labels."""
        return len(rows) <= self.added and all(0 <= c < self.labels.codes for c in codes) and all(
            low <= x <= high for row in rows for low, x, high in zip(self.low, row, self.high, strict=True))

    def emptied(self) -> list[int]:
        """Labels with few enough rows, all of which may be left out."""
        moving, rows = set(self.moving), {c: self.labels.rows(c) for c in range(self.labels.codes)}
        return [c for c, some in rows.items() if len(some) <= self.deleted and some <= moving]
