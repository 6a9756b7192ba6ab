"""Stated pairs of labels: at most m rows with label a become b, for the pairs (a, b) that are stated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray

from certify.systems.head.rows.change import Choices, RowChange
from certify.systems.head.rows.changes.base import SMALLER, Change, Choice, batches, own, rows_of_label, symmetric
from certify.systems.head.rows.head import Head


@dataclass(frozen=True, eq=False)
class PairChange(Change):
    """At most `count` of the rows get a label that a pair lets them have.

    Attributes:
        count: most rows at once.
        rows: those that may change and have a label that may become another, ascending.
        pairs: codes (a, b): a may become b.
    """

    count: int
    rows: tuple[int, ...]
    pairs: frozenset[tuple[int, int]]

    @property
    def within(self) -> RowChange:
        """The same rows with any other label."""
        return RowChange(True, min(self.count, len(self.rows)), self.rows)

    def alternatives(self, head: Head, row: int) -> tuple[int, ...]:
        """The codes that a row may get."""
        return tuple(sorted(b for a, b in self.pairs if a == own(head)[row]))

    @property
    def relabels(self) -> bool:
        """Always."""
        return True

    def open_codes(self, head: Head) -> NDArray[np.bool_]:
        """`(n, c)` which codes a row may get."""
        assert head.codes is not None
        found = np.zeros((head.n, len(head.codes)), dtype=bool)
        rows = np.array(self.rows, dtype=np.int64)
        for a, b in self.pairs:
            found[rows[own(head)[rows] == a], b] = True
        return found

    def leaves(self, head: Head) -> int:
        """Of at most `count` rows."""
        return symmetric([len(self.alternatives(head, row)) for row in self.rows], min(self.count, len(self.rows)))

    def every(self, head: Head, at_once: int = 4096) -> Iterator[Choices]:
        """By number of rows, then rows in lexicographic order, then codes."""
        each = {row: self.alternatives(head, row) for row in self.rows}
        for size in range(min(self.count, len(self.rows)) + 1):
            yield from batches(((rows, codes) for rows in combinations(self.rows, size)
                                for codes in product(*(each[row] for row in rows))), at_once)

    def permits(self, head: Head, choice: Choice) -> bool:
        """Whether few enough rows change, each along a pair."""
        rows, codes = choice
        return len(rows) <= self.count and len(set(rows)) == len(rows) and set(rows) <= set(self.rows) and all(
            code in self.alternatives(head, row) for row, code in zip(rows, codes, strict=True))

    def emptied(self, head: Head) -> list[int]:
        """Labels that may become others with few enough rows, all of which may change."""
        may = set(self.rows)
        counted = {a: rows_of_label(head, a) for a in sorted({a for a, _ in self.pairs})}
        return [a for a, rows in counted.items() if len(rows) <= self.count and may.issuperset(rows)]

    def gains(self, head: Head, gone: np.ndarray, worth: np.ndarray) -> Choice:
        """The worst rows, each at its worst."""
        open_ = np.full(worth.shape, -np.inf)
        for row in self.rows:
            some = list(self.alternatives(head, row))
            open_[row, some] = worth[row, some]
        return RowChange(True, self.count, self.rows).gains(head, gone, open_)

    @property
    def smaller(self) -> str:
        """A smaller count, from two rows on."""
        return SMALLER if self.count > 1 else ""

    @property
    def words(self) -> str:
        """So many rows, along how many pairs."""
        rows, pairs = "row" if self.count == 1 else "rows", "pair" if len(self.pairs) == 1 else "pairs"
        return f"any {self.count} {rows} relabelled along {len(self.pairs)} stated {pairs}"
