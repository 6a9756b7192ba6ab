"""Groups of rows: all rows of at most m groups are deleted, or the labels of their rows become any."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, product
from typing import ClassVar

import numpy as np

from certify.systems.head.rows.change import DELETED, Choices, RowChange
from certify.systems.head.rows.changes.base import Change, Choice, batches, own, rows_of_label, symmetric, worst
from certify.systems.head.rows.head import Head


@dataclass(frozen=True, eq=False)
class GroupChange(Change):
    """At most `count` groups change. A deleted group goes as a whole; of a relabelled one any rows get other labels.

    Attributes:
        relabels: whether labels change; else groups are deleted.
        count: most groups at once.
        groups: the rows of every group, ascending; no row is in two.
    """

    by_rows: ClassVar[bool] = False

    relabels: bool
    count: int
    groups: tuple[tuple[int, ...], ...]

    @cached_property
    def place(self) -> dict[int, int]:
        """The number of every row's group."""
        return {row: number for number, rows in enumerate(self.groups) for row in rows}

    @property
    def within(self) -> RowChange:
        """Any rows, as many as the largest groups have."""
        sizes = sorted(map(len, self.groups), reverse=True)
        return RowChange(self.relabels, sum(sizes[: self.count]), tuple(sorted(self.place)))

    def alternatives(self, head: Head, rows: tuple[int, ...]) -> list[Choice]:
        """What may happen to a group, by the codes of its rows in lexicographic order; nothing is none of it."""
        if not self.relabels:
            return [(rows, (DELETED,) * len(rows))]
        assert head.codes is not None
        now, found = own(head)[list(rows)].tolist(), []
        for codes in product(range(len(head.codes)), repeat=len(rows)):
            new = [(row, code) for row, code, old in zip(rows, codes, now, strict=True) if code != old]
            if new:
                found.append((tuple(row for row, _ in new), tuple(code for _, code in new)))
        return found

    def leaves(self, head: Head) -> int:
        """Of at most `count` groups."""
        labels = len(head.codes) if head.codes is not None else 0
        sizes = [labels ** len(rows) - 1 if self.relabels else 1 for rows in self.groups]
        return symmetric(sizes, min(self.count, len(sizes)))

    def every(self, head: Head, at_once: int = 4096) -> Iterator[Choices]:
        """By number of groups, then groups in lexicographic order, then what happens to each."""
        return batches(self._every(head), at_once)

    def _every(self, head: Head) -> Iterator[Choice]:
        each = [self.alternatives(head, rows) for rows in self.groups]
        for size in range(min(self.count, len(self.groups)) + 1):
            for some in combinations(each, size):
                for parts in product(*some):
                    yield (tuple(row for rows, _ in parts for row in rows),
                           tuple(code for _, codes in parts for code in codes))

    def permits(self, head: Head, choice: Choice) -> bool:
        """Whether few enough groups are touched, and deleted ones go as a whole."""
        rows, codes = choice
        if len(set(rows)) != len(rows) or not set(rows) <= set(self.place):
            return False
        touched = {self.place[row] for row in rows}
        if len(touched) > self.count:
            return False
        if not self.relabels:
            return all(code == DELETED for code in codes) and len(rows) == sum(len(self.groups[g]) for g in touched)
        assert head.codes is not None
        labels = own(head)
        return all(0 <= code < len(head.codes) and code != labels[row] for row, code in zip(rows, codes, strict=True))

    def emptied(self, head: Head) -> list[int]:
        """Labels whose rows all lie in at most `count` groups."""
        assert head.codes is not None
        found = []
        for c in range(len(head.codes)):
            rows = rows_of_label(head, c)
            if set(rows) <= set(self.place) and len({self.place[row] for row in rows}) <= self.count:
                found.append(c)
        return found

    def gains(self, head: Head, gone: np.ndarray, worth: np.ndarray) -> Choice:
        """The worst groups, of relabelled ones the rows that take something, each at its worst."""
        best = np.maximum(worth.max(axis=1), 0.0) if self.relabels else gone
        chosen = worst(np.array([best[list(rows)].sum() for rows in self.groups]), self.count)
        rows = [row for g in chosen for row in self.groups[g] if not self.relabels or best[row] > 0]
        return tuple(rows), tuple(int(worth[row].argmax()) if self.relabels else DELETED for row in rows)

    @property
    def smaller(self) -> str:
        """Fewer groups, from two on."""
        return "fewer groups at once" if self.count > 1 else ""

    @property
    def words(self) -> str:
        """So many of how many groups."""
        verb = "relabelled" if self.relabels else "deleted"
        return f"any {self.count} of {len(self.groups)} groups of rows {verb}"
