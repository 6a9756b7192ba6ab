"""Changes of whole rows: at most m of them are deleted, or get another label."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from math import comb

import numpy as np

from certify.systems.head.rows.head import Head, Whole

DELETED = -1
"""In the place of a code: the row is left out."""
NONE = -1
"""In the place of a row: nothing."""


@dataclass(frozen=True, eq=False)
class RowChange:
    """At most `count` of the rows change, each to one of its alternatives.

    Attributes:
        relabels: whether labels change; else rows are deleted.
        count: most rows at once.
        rows: those that may.
    """

    relabels: bool
    count: int
    rows: tuple[int, ...]

    def alternatives(self, head: Head, row: int) -> tuple[int, ...]:
        """The codes that a row may get, or that it is deleted."""
        if not self.relabels:
            return (DELETED,)
        assert head.codes is not None and head.label is not None
        return tuple(c for c in range(len(head.codes)) if c != head.label[row])

    def choices(self, head: Head, size: int) -> int:
        """How many changes of exactly that many rows there are."""
        each = len(head.codes) - 1 if self.relabels and head.codes is not None else 1
        return int(comb(len(self.rows), size) * each**size)


@dataclass(frozen=True, eq=False)
class Choices:
    """A batch of changes.

    Attributes:
        rows: `(B, r)` numbers of rows, ascending; `NONE` fills up.
        codes: `(B, r)` what they become: a code, or `DELETED`.
    """

    rows: Whole
    codes: Whole

    def __len__(self) -> int:
        return len(self.rows)

    def part(self, at: slice) -> Choices:
        """Some of them."""
        return Choices(self.rows[at], self.codes[at])

    @property
    def deleted(self) -> Whole:
        """`(B,)` how many rows each of them deletes."""
        return np.asarray(((self.rows != NONE) & (self.codes == DELETED)).sum(axis=1))


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
