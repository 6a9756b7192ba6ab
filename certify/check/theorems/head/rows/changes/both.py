"""Some rows deleted and others relabelled at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, product

from certify.check.theorems.head.rows.changes.base import DELETED, Choice, Labels, Rows, distinct


@dataclass(frozen=True)
class Both(Rows):
    """At most `deleted` of the rows are deleted, and at most `relabelled` others get another label."""

    labels: Labels
    deleted: int
    relabelled: int
    moving: tuple[int, ...]

    @property
    def plain(self) -> None:
        """None: no method takes both."""
        return

    def every(self) -> Iterator[Choice]:
        """By number deleted, number relabelled, rows deleted, rows relabelled (both lexicographic), then codes."""
        n = len(self.moving)
        for deleted in range(min(self.deleted, n) + 1):
            for relabelled in range(min(self.relabelled, n - deleted) + 1):
                yield from self._of(deleted, relabelled)

    def _of(self, deleted: int, relabelled: int) -> Iterator[Choice]:
        for gone in combinations(self.moving, deleted):
            first, out = tuple((row, DELETED) for row in gone), set(gone)
            for rows in combinations([row for row in self.moving if row not in out], relabelled):
                for codes in product(*map(self.labels.others, rows)):
                    yield (*first, *zip(rows, codes, strict=True))

    def permits(self, choice: Choice) -> bool:
        """Whether few enough rows go, and few enough others get another label."""
        gone = [row for row, code in choice if code == DELETED]
        new = [(row, code) for row, code in choice if code != DELETED]
        return (distinct(choice) and {row for row, _ in choice} <= set(self.moving) and len(gone) <= self.deleted
                and len(new) <= self.relabelled and all(code in self.labels.others(row) for row, code in new))

    def emptied(self) -> list[int]:
        """Labels with few enough rows, all of which may change."""
        moving, rows = set(self.moving), {c: self.labels.rows(c) for c in range(self.labels.codes)}
        return [c for c, some in rows.items() if len(some) <= self.deleted + self.relabelled and some <= moving]
