"""D18 for changed labels: one wrong label of a softmax head with many weights."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.method import Budget, Mask, Method, Part
from certify.theorems.head.rows.refitted.far import far
from certify.theorems.head.rows.softmax_box import MOST_WEIGHTS, PASSES, inexact, unmet
from certify.theorems.head.rows.softmax_labels.search import Search

SHARE = 0.97
"""Of the time that is left: what comes after decides next to nothing of such heads."""

STORED, HELD = 60_000_000, 100_000_000
"""Most weights of all refits; and most choices times evaluation rows."""


class SoftmaxLabels(Method):
    """One changed label of a softmax head (D18)."""

    name: ClassVar[str] = "softmax_labels"

    def able(self, head: Head, change: RowChange) -> str:
        """Whether the theorem applies."""
        if not change.relabels or change.count != 1:
            return "it is for one label that changes"
        if why := unmet(head, change):
            return why
        if not far(head, change):
            return "of a head with so few weights every choice is refitted in less time"
        if why := inexact(head):
            return why
        choices, size = change.choices(head, 1), head.k * head.m
        if choices * size > STORED or choices * len(head.points) > HELD:
            return f"there are {choices} choices, too many to hold the refits of all"
        if size > MOST_WEIGHTS or (head.n + len(head.points)) * size**2 > PASSES:
            return f"there are {size} weights, too many for so many rows"
        return ""

    def sure(self, head: Head, change: RowChange, left: float) -> bool:
        """Always: it finds both ends, and with less time some of them."""
        return not self.able(head, change)

    def prove(self, head: Head, change: RowChange, todo: Mask, budget: Budget) -> Part | None:
        """The points that no wrong label moves, and labels that flip a point."""
        search = Search(head, change, budget.share(SHARE).left)
        with np.errstate(all="ignore"):
            proved = search.run(todo)
        return Part(self.name, proved, search.arrays() if proved.any() else {}, search.found.flips(), why=search.why,
                    late=search.late)
