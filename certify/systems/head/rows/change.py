"""Changes of whole rows: at most m of them are deleted, or get another label."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from math import comb

import numpy as np
from numpy.typing import NDArray

from certify.systems.head.rows.changes.base import SMALLER, Change, Choice, rows_of_label, worst
from certify.systems.head.rows.changes.choices import DELETED, NONE, Choices
from certify.systems.head.rows.head import Head

__all__ = ["DELETED", "NONE", "Choices", "RowChange", "choices_of"]

@dataclass(frozen=True, eq=False)
class RowChange(Change):
    """At most `count` of the rows change, each to one of its alternatives.

    Attributes:
        relabels: whether labels change; else rows are deleted.
        count: most rows at once.
        rows: those that may.
    """

    relabels: bool
    count: int
    rows: tuple[int, ...]

    @property
    def within(self) -> RowChange:
        """Itself."""
        return self

    def alternatives(self, head: Head, row: int) -> tuple[int, ...]:
        """The codes that a row may get, or that it is deleted."""
        if not self.relabels:
            return (DELETED,)
        assert head.codes is not None and head.label is not None
        return tuple(c for c in range(len(head.codes)) if c != head.label[row])

    def open_codes(self, head: Head) -> NDArray[np.bool_]:
        """`(n, c)` which codes a row may get."""
        assert head.codes is not None and head.label is not None
        found = np.zeros((head.n, len(head.codes)), dtype=bool)
        rows = np.array(self.rows, dtype=np.int64)
        found[rows] = head.label[rows, None] != np.arange(len(head.codes))
        return found

    def choices(self, head: Head, size: int) -> int:
        """How many changes of exactly that many rows there are."""
        each = len(head.codes) - 1 if self.relabels and head.codes is not None else 1
        return int(comb(len(self.rows), size) * each**size)

    def leaves(self, head: Head) -> int:
        """Of at most `count` rows."""
        return sum(self.choices(head, size) for size in range(self.count + 1))

    def every(self, head: Head, at_once: int = 4096) -> Iterator[Choices]:
        """By number of rows, then as sequences of rows and what they become in turn."""
        for size in range(self.count + 1):
            yield from choices_of(head, self, size, at_once)

    def permits(self, head: Head, choice: Choice) -> bool:
        """Whether so few rows, each of which may change, become what they may."""
        rows, codes = choice
        return len(rows) <= self.count and len(set(rows)) == len(rows) and set(rows) <= set(self.rows) and all(
            code in self.alternatives(head, row) for row, code in zip(rows, codes, strict=True))

    def emptied(self, head: Head) -> list[int]:
        """Labels of which at most `count` rows are there, all of which may change."""
        may = set(self.rows)
        counted = {c: rows_of_label(head, c) for c in range(len(head.codes if head.codes is not None else ()))}
        return [c for c, rows in counted.items() if len(rows) <= self.count and may.issuperset(rows)]

    def gains(self, head: Head, gone: np.ndarray, worth: np.ndarray) -> Choice:
        """The worst rows, each at its worst."""
        rows = np.array(self.rows, dtype=np.int64)
        if not self.relabels:
            chosen = rows[worst(gone[rows], self.count)].tolist()
            return tuple(chosen), (DELETED,) * len(chosen)
        best = worst(worth.max(axis=1)[rows], self.count)
        chosen = rows[best].tolist()
        return tuple(chosen), tuple(int(c) for c in worth[chosen].argmax(axis=1)) if chosen else ()

    @property
    def smaller(self) -> str:
        """A smaller count, from two rows on."""
        return SMALLER if self.count > 1 else ""

    @property
    def words(self) -> str:
        """So many rows."""
        verb = "relabelled" if self.relabels else "deleted"
        return f"any {self.count} {'row' if self.count == 1 else 'rows'} {verb}"


def choices_of(head: Head, change: RowChange, size: int, at_once: int = 4096) -> Iterator[Choices]:
    """Every change of exactly `size` rows, as sequences of rows and what they become in turn, in batches."""
    each = {row: change.alternatives(head, row) for row in change.rows}

    def of(left: int, first: int) -> Iterator[tuple[tuple[int, int], ...]]:
        if not left:
            yield ()
            return
        for place in range(first, len(change.rows) - left + 1):
            row = change.rows[place]
            for code in each[row]:
                for more in of(left - 1, place + 1):
                    yield ((row, code), *more)

    every = of(size, 0)
    while batch := list(islice(every, at_once)):
        pairs = np.array(batch, dtype=np.int64).reshape(len(batch), size, 2)
        yield Choices(np.ascontiguousarray(pairs[..., 0]), np.ascontiguousarray(pairs[..., 1]))
