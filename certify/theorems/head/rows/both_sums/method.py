"""D33: rows deleted and others relabelled at once in a logistic head, by sums of the refits after one change each."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from certify.systems.head.rows.changes.base import Change
from certify.systems.head.rows.changes.both import BothChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.both_refits.method import BothRefits
from certify.theorems.head.rows.both_sums.tree import Tree
from certify.theorems.head.rows.method import INEXACT, Budget, Mask, Method, Part
from certify.theorems.head.rows.searches.ended import ended

LARGEST, MOST = 30_000_000, 64
"""Most margins that are followed under steps, rows times changes; and most rows that change."""

TOGETHER = "rows are not deleted and relabelled at once, and other methods are for one of the two"


class BothSums(Method):
    """Any m₁ rows deleted and any m₂ others relabelled, of a logistic head with one output (D33).

    Attributes:
        quick: seconds in which all choices are looked at one by one, so that no tree is grown.
    """

    quick: ClassVar[float] = 20.0
    name: ClassVar[str] = "both_sums"
    weighs: ClassVar[bool] = True

    def takes(self, change: Change) -> Change | str:
        """Both at once alone."""
        return change if isinstance(change, BothChange) else TOGETHER

    def able(self, head: Head, change: BothChange) -> str:
        """Whether the theorem applies."""
        if not head.loss.sigmoid:
            return f"the loss is {head.loss.name}, and sums of steps are for the logistic loss of one output"
        if head.phi_rad.any() or head.points_rad.any():
            return INEXACT
        if head.weights is not None and head.weights.balanced:
            return "weights are balanced, and then every change of rows changes all of them"
        if head.remaining and change.deleted:
            return "the weight decay changes with every row that is deleted"
        most = change.deleted + change.relabelled
        if 2 * head.n * len(change.rows) > LARGEST or not 1 <= most <= MOST or not change.rows:
            return f"{most} of {len(change.rows)} rows change among {head.n}, too many for sums of steps"
        return ""

    def complete(self, head: Head, change: BothChange) -> bool:
        """The choice that takes most of a point is refitted, which finds most that flip."""
        return not self.able(head, change)

    def prove(self, head: Head, change: BothChange, todo: Mask, budget: Budget) -> Part | None:
        """The points that stay, and choices that flip."""
        tree, proved = Tree(head, budget), np.zeros_like(todo)
        with ended(tree), np.errstate(all="ignore"):
            tree.run(change, np.flatnonzero(todo & (head.today >= 0)), not self._soon(head, change, budget))
        proved[tree.proved] = True
        return Part(self.name, proved & ~tree.found.flipped, {}, tree.found.flips(), why=tree.why, late=tree.late)

    def _soon(self, head: Head, change: BothChange, budget: Budget) -> bool:
        """Whether refits of all choices are a matter of seconds, and go next."""
        one_by_one = BothRefits()
        return head.weights is None and not one_by_one.able(head, change) and (
            one_by_one.seconds(head, change) < min(self.quick, 0.5 * budget.left()))
