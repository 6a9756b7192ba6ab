"""Groups of rows: all rows of at most m groups are deleted, or the labels of their rows become any."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, combinations, product

from certify.check.theorems.head.rows.changes.base import DELETED, Choice, Labels, Plain, Rows, distinct


@dataclass(frozen=True)
class Groups(Rows):
    """At most `count` of the groups; a deleted one goes as a whole, of a relabelled one any rows change."""

    labels: Labels
    relabels: bool
    count: int
    groups: tuple[tuple[int, ...], ...]

    @cached_property
    def place(self) -> dict[int, int]:
        """The number of every row's group."""
        return {row: g for g, rows in enumerate(self.groups) for row in rows}

    @property
    def plain(self) -> Plain:
        """As many rows as the largest groups have."""
        sizes = sorted(map(len, self.groups))[::-1][: self.count]
        return Plain(self.relabels, sum(sizes), tuple(sorted(chain(*self.groups))))

    def changed(self, group: tuple[int, ...]) -> list[Choice]:
        """What may happen to a group, by codes of its rows in lexicographic order, but for nothing."""
        if not self.relabels:
            return [tuple((row, DELETED) for row in group)]
        found = (tuple((row, c) for row, c in zip(group, codes, strict=True) if c != self.labels.own[row])
                 for codes in product(range(self.labels.codes), repeat=len(group)))
        return [choice for choice in found if choice]

    def every(self) -> Iterator[Choice]:
        """By number of groups, groups in lexicographic order, then what happens to each."""
        each = {group: self.changed(group) for group in self.groups}
        for size in range(min(self.count, len(self.groups)) + 1):
            for some in combinations(self.groups, size):
                for parts in product(*(each[group] for group in some)):
                    yield tuple(chain(*parts))

    def permits(self, choice: Choice) -> bool:
        """Whether few enough groups are touched, deleted ones as a whole."""
        rows = {row for row, _ in choice}
        if not distinct(choice) or not rows <= self.place.keys():
            return False
        touched = {self.place[row] for row in rows}
        if len(touched) > self.count:
            return False
        if self.relabels:
            return all(code in self.labels.others(row) for row, code in choice)
        return all(code == DELETED for _, code in choice) and rows == {r for g in touched for r in self.groups[g]}

    def emptied(self) -> list[int]:
        """Labels whose rows all lie in few enough groups."""
        found = []
        for c in range(self.labels.codes):
            rows = self.labels.rows(c)
            if rows <= self.place.keys() and len({self.place[row] for row in rows}) <= self.count:
                found.append(c)
        return found
