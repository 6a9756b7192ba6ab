"""Some rows deleted and others relabelled at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, product
from math import comb
from typing import ClassVar

import numpy as np

from certify.systems.head.rows.change import DELETED, Choices, RowChange
from certify.systems.head.rows.changes.base import SMALLER, Change, Choice, batches, rows_of_label, worst
from certify.systems.head.rows.head import Head


@dataclass(frozen=True, eq=False)
class BothChange(Change):
    """At most `deleted` rows are deleted, and at most `relabelled` others get another label.

    Attributes:
        deleted, relabelled: most rows at once of either.
        rows: those that may change, ascending.
    """

    apart: ClassVar[str] = "rows are deleted and relabelled at once, and it is for one of the two"

    deleted: int
    relabelled: int
    rows: tuple[int, ...]

    @property
    def within(self) -> None:
        """None: no method takes both."""
        return

    def leaves(self, head: Head) -> int:
        """Over all numbers of both."""
        n, each = len(self.rows), len(head.codes) - 1 if head.codes is not None else 0
        return sum(comb(n, d) * comb(n - d, r) * each**r for d, r in self._sizes())

    def _sizes(self) -> list[tuple[int, int]]:
        n = len(self.rows)
        return [(d, r) for d in range(min(self.deleted, n) + 1) for r in range(min(self.relabelled, n - d) + 1)]

    def every(self, head: Head, at_once: int = 4096) -> Iterator[Choices]:
        """By number deleted, number relabelled, rows deleted, rows relabelled (both lexicographic), then codes."""
        for deleted, relabelled in self._sizes():
            yield from batches(self._every(head, deleted, relabelled), at_once)

    def _every(self, head: Head, deleted: int, relabelled: int) -> Iterator[Choice]:
        plain = RowChange(True, relabelled, self.rows)
        each = {row: plain.alternatives(head, row) for row in self.rows}
        for gone in combinations(self.rows, deleted):
            left = [row for row in self.rows if row not in gone]
            for rows in combinations(left, relabelled):
                for codes in product(*(each[row] for row in rows)):
                    yield (*gone, *rows), (*(DELETED,) * deleted, *codes)

    def permits(self, head: Head, choice: Choice) -> bool:
        """Whether few enough rows go, and few enough others get another label."""
        parts = [(row, code) for row, code in zip(*choice, strict=True)]
        gone, new = [p for p in parts if p[1] == DELETED], [p for p in parts if p[1] != DELETED]
        if len({row for row, _ in parts}) != len(parts):
            return False
        return all(plain.permits(head, (tuple(r for r, _ in some), tuple(c for _, c in some))) for plain, some in (
            (RowChange(False, self.deleted, self.rows), gone), (RowChange(True, self.relabelled, self.rows), new)))

    def emptied(self, head: Head) -> list[int]:
        """Labels with few enough rows, all of which may change."""
        assert head.codes is not None
        may, most = set(self.rows), self.deleted + self.relabelled
        counted = {c: rows_of_label(head, c) for c in range(len(head.codes))}
        return [c for c, rows in counted.items() if len(rows) <= most and may.issuperset(rows)]

    def gains(self, head: Head, gone: np.ndarray, worth: np.ndarray) -> Choice:
        """The worst to be relabelled first, then the worst of the others to be deleted."""
        new, codes = RowChange(True, self.relabelled, self.rows).gains(head, gone, worth)
        left = np.array([row for row in self.rows if row not in new], dtype=np.int64)
        out = left[worst(gone[left], self.deleted)].tolist()
        return (*out, *new), (*(DELETED,) * len(out), *codes)

    @property
    def smaller(self) -> str:
        """A smaller count of either; of one row each one of the two alone."""
        return SMALLER if max(self.deleted, self.relabelled) > 1 else "one of the two changes alone"

    @property
    def words(self) -> str:
        """So many of either."""
        rows, others = ("row", "rows")[self.deleted > 1], ("other", "others")[self.relabelled > 1]
        return f"any {self.deleted} {rows} deleted and any {self.relabelled} {others} relabelled"
