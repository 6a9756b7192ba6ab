"""Rows that are new: at most m of them are added, or take the place of as many that are left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from certify.rigor.fp import Array
from certify.systems.head.rows.changes.base import SMALLER, Change, Choice, rows_of_label
from certify.systems.head.rows.changes.choices import Choices
from certify.systems.head.rows.head import Head


@dataclass(frozen=True, eq=False)
class NewRows(Change):
    """At most `deleted` of the rows are left out, and at most `added` new ones join, each with any of the labels.

    Attributes:
        deleted, added: most rows at once of either.
        rows: those that may be left out.
        low, high: `(d,)` ends of the box in which the features of a new row lie.
    """

    apart: ClassVar[str] = "rows are new, and it is for changes that can be counted out"
    by_rows: ClassVar[bool] = False
    finite: ClassVar[bool] = False

    deleted: int
    added: int
    rows: tuple[int, ...]
    low: Array
    high: Array

    @property
    def within(self) -> None:
        """None: no other change has new rows."""
        return

    def leaves(self, head: Head) -> int:
        """More than can be counted."""
        return 10**30

    def every(self, head: Head, at_once: int = 4096) -> Iterator[Choices]:
        """Nothing: they cannot be counted out."""
        return iter(())

    def permits(self, head: Head, choice: Choice) -> bool:
        """Whether these rows may be left out."""
        rows = choice[0]
        return len(set(rows)) == len(rows) <= self.deleted and set(rows) <= set(self.rows)

    def holds(self, X: Array) -> bool:
        """Whether new rows are few enough, and lie in the box."""
        return len(X) <= self.added and bool(((self.low <= X) & (X <= self.high)).all())

    def emptied(self, head: Head) -> list[int]:
        """Labels with few enough rows, all of which may be left out."""
        assert head.codes is not None
        may = set(self.rows)
        counted = {c: rows_of_label(head, c) for c in range(len(head.codes))}
        return [c for c, rows in counted.items() if len(rows) <= self.deleted and may.issuperset(rows)]

    def gains(self, head: Head, gone: np.ndarray, worth: np.ndarray) -> Choice:
        """No row alone: what is new is sought elsewhere."""
        return (), ()

    @property
    def smaller(self) -> str:
        """A smaller count, from two rows on."""
        return SMALLER if max(self.deleted, self.added) > 1 else ""

    @property
    def words(self) -> str:
        """So many rows."""
        verb = "replaced" if self.deleted else "added"
        return f"any {self.added} {'row' if self.added == 1 else 'rows'} {verb}"
