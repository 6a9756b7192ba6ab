"""D18 for two changed labels of a softmax head, pair by pair."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.enumeration import Enumeration
from certify.theorems.head.rows.method import Budget, Mask, Method, Part
from certify.theorems.head.rows.softmax_box import MOST_WEIGHTS, inexact, unmet
from certify.theorems.head.rows.softmax_two_labels.search import Search

HELD, PASSES = 20_000_000, 2e10
"""Most moves of rows by steps, and margins of points; and most products for what pairs of steps do."""


class SoftmaxTwoLabels(Method):
    """Two changed labels of a softmax head (D18). No certificate states it: it has no checker."""

    name: ClassVar[str] = "softmax_two_labels"

    def able(self, head: Head, change: RowChange) -> str:
        """Whether the theorem applies."""
        if not change.relabels or change.count != 2:
            return "it is for two labels that change"
        if why := unmet(head, change) or inexact(head):
            return why
        changes, size = change.choices(head, 1), head.k * head.m
        if changes * max(head.n, len(head.points) * head.k) > HELD or float(changes) ** 2 * head.n > PASSES:
            return f"there are {changes} changes of one label among {head.n} rows, too many to look at all pairs"
        return f"there are {size} weights, too many for so many pairs" if size > MOST_WEIGHTS else ""

    def sure(self, head: Head, change: RowChange, left: float) -> bool:
        """Where there is no time to refit all pairs; those that take most of a point are refitted first."""
        return not self.able(head, change) and not Enumeration().sure(head, change, left)

    def prove(self, head: Head, change: RowChange, todo: Mask, budget: Budget) -> Part | None:
        """The points whose pairs were all looked at, and labels that flip a point."""
        search = Search(head, change, todo, budget.check)
        with np.errstate(all="ignore"):
            search.run()
        return Part(self.name, search.proved & ~search.found.flipped, {}, search.found.flips(), why=search.why,
                    late=search.late)
