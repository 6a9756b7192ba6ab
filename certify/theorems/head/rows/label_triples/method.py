"""D28: any two or three changed labels of a logistic head."""

from __future__ import annotations

from typing import ClassVar
from weakref import WeakKeyDictionary

import numpy as np

from certify.finders.head.near.labels import LabelSteps
from certify.finders.head.refits import Refitter
from certify.rigor.finder import proposed
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.enumeration import Enumeration, in_seconds
from certify.theorems.head.rows.label_triples.search import Search
from certify.theorems.head.rows.method import INEXACT, Budget, Mask, Method, Part

HELD, SLOPES, LARGEST = 40_000_000, 80_000_000, 20_000_000
"""Most entries of the weights after two labels each, and of slopes after one less than all; and most choices."""

SLOPE, PRODUCT, HALF = 2.5e-9, 1.43e-10, 2.0
"""About the seconds that a choice takes for a row, and for a row and a weight, where its sum is near. Steps from there
add up to as much again, and half of that where labels move their own margin so far."""

SHARE = 0.9
"""Of the time that may go to it before everything else."""

FAR = 0.3
"""Where half of the labels move their own margin by as much, to first order, boxes and pairs leave many open."""

TIMES, MOST = 1.6, 45.0
"""How many times what its products say a refit takes where half of the labels move their own margin by 1: steps from
the refit before it do less, the farther labels move. And how many times at most."""


class LabelTriples(Method):
    """Two or three changed labels of a logistic head (D28). No certificate states it: it has no checker."""

    name: ClassVar[str] = "label_triples"

    def able(self, head: Head, change: RowChange) -> str:
        """Whether the theorem applies."""
        if not change.relabels or change.count not in (2, 3):
            return "it is for two or three labels that change"
        if why := refusal(head, change):
            return why
        choices = change.choices(head, change.count)
        fewer = change.choices(head, change.count - 1)
        if choices > LARGEST or fewer * head.n > SLOPES or (change.count == 3 and fewer * head.m > HELD):
            return f"there are {choices} choices of {change.count} labels, too many to look at each"
        return ""

    def seconds(self, head: Head, change: RowChange) -> float:
        """About how long it takes to look at every choice; refits of those that are left come on top."""
        far = own_move(head)
        return change.choices(head, change.count) * head.n * (SLOPE + PRODUCT * head.m) * (1.0 + far / (far + HALF))

    def sure(self, head: Head, change: RowChange, left: float) -> bool:
        """Where there is time for all, and other methods decide little; it finds labels that flip points as well."""
        return not self.able(head, change) and self.seconds(head, change) <= SHARE * left and (
            not Enumeration().complete(head, change)) and own_move(head) >= FAR

    def prove(self, head: Head, change: RowChange, todo: Mask, budget: Budget) -> Part | None:
        """The points whose choices were all looked at, and labels that flip a point."""
        if (needed := self.seconds(head, change)) > budget.left():
            left = max(budget.left(), 0.0)
            why = f"all choices of {change.count} labels take about {needed:.0f} s, and {left:.0f} are left"
            return Part(self.name, np.zeros_like(todo), why=why, late=True, begun=False)
        search = Search(head, change, todo, budget)
        with np.errstate(all="ignore"):
            search.run()
        return Part(self.name, search.proved & ~search.found.flipped, {}, search.found.flips(), why=search.why,
                    late=search.late)


def refusal(head: Head, change: RowChange) -> str:
    """Why D28 says nothing of changed labels of a head, or need not; empty where it does."""
    if not head.loss.sigmoid or head.k != 1 or head.codes is None:
        return f"the loss is {head.loss.name}, and it is for the logistic loss of one output"
    if head.phi_rad.any() or head.points_rad.any():
        return INEXACT
    if not np.isfinite(head.threshold):
        return f"the threshold is {head.threshold!r}"
    if not head.read_off:
        return "rows carry weights, and it is for rows that count the same"
    if change.count == 2 and not Enumeration().able(head, change) and _refitted_in_seconds(head, change):
        return "every choice of two labels is refitted in seconds, and certificates state that"
    return ""


def _refitted_in_seconds(head: Head, change: RowChange) -> bool:
    """Whether refits of all choices take seconds, by their products and by how far labels move their own margin.

    A run that writes a certificate refits all wherever products alone say so, as it has nothing better.
    """
    if not in_seconds(head, change) or in_seconds(head, change, MOST):  # however far labels move their margins
        return in_seconds(head, change)
    return in_seconds(head, change, min(max(1.0, TIMES * own_move(head)), MOST))


_OWN_MOVES: WeakKeyDictionary[Head, float] = WeakKeyDictionary()
"""Of heads that are in use elsewhere: none is kept for its sake."""


def own_move(head: Head) -> float:
    """About how far half of the labels move their own margin at least, where they become the other one; a guess."""
    if head not in _OWN_MOVES:  # asked several times of one head
        _OWN_MOVES[head] = _own_move(head)
    return _OWN_MOVES[head]


def _own_move(head: Head) -> float:
    inverse = proposed(lambda: LabelSteps(Refitter(head)).inverse(head.V[0]))
    if inverse is None:
        return 0.0
    return float(np.median(np.einsum("ij,ij->i", head.phi @ inverse, head.phi)))
