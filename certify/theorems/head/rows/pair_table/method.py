"""D29: any two changed labels of a logistic head, from numbers of single ones."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.label_triples.method import FAR, own_move, refusal
from certify.theorems.head.rows.method import Budget, Mask, Method, Part
from certify.theorems.head.rows.pair_table.search import Search

LARGEST = 200_000_000
"""Most entries of a table of rows: four bytes each, and there are two."""

ROWS = 4
"""Rows for a column: with fewer, nearly all pairs are far from sums of steps."""

STEPS, ENTRIES, TABLE = 2e-10, 6e-8, 1.7e-11
"""About the seconds of a row and a change: for each weight, beside, and for each change."""

SHARE, LITTLE, MOVED = 0.5, 0.1, 0.1
"""Of the time: what the table may take for it to go first, and what it may where one bound of all choices (D5) may
decide as much: where half of the labels move their own margin by less than `FAR`, but by that at least."""


class PairTable(Method):
    """Two changed labels of a logistic head (D29). No certificate states it: it has no checker."""

    name: ClassVar[str] = "pair_table"

    def able(self, head: Head, change: RowChange) -> str:
        """Whether the theorem applies."""
        if not change.relabels or change.count != 2:
            return "it is for two labels that change"
        if head.n < ROWS * head.m:  # before what inverts a matrix of all columns
            return f"there are {head.n} rows for {head.m} columns, so that a table of all pairs would say nothing"
        if why := refusal(head, change):
            return why
        if len(change.rows) * head.n > LARGEST:
            return f"there are {head.n} rows, too many for a table of all pairs"
        return ""

    def seconds(self, head: Head, change: RowChange) -> float:
        """About how long the table takes; the pairs that it leaves open come on top."""
        f = len(change.rows)
        return f * head.n * (STEPS * head.m + ENTRIES + TABLE * f)

    def sure(self, head: Head, change: RowChange, left: float) -> bool:
        """Where there is time for the table, and one bound decides little; it finds labels that flip points as well."""
        if self.able(head, change) or not (takes := self.seconds(head, change)) <= SHARE * left:
            return False
        return (own := own_move(head)) >= FAR or (own >= MOVED and takes <= LITTLE * left)

    def prove(self, head: Head, change: RowChange, todo: Mask, budget: Budget) -> Part | None:
        """The points whose pairs were all looked at, and labels that flip a point."""
        if (needed := self.seconds(head, change)) > budget.left():
            why = f"a table of all pairs takes about {needed:.0f} s, and {max(budget.left(), 0.0):.0f} are left"
            return Part(self.name, np.zeros_like(todo), why=why, late=True, begun=False)
        search = Search(head, change, todo, budget)
        with np.errstate(all="ignore"):
            search.run()
        return Part(self.name, search.proved & ~search.found.flipped, {}, search.found.flips(), why=search.why,
                    late=search.late)
