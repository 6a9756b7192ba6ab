"""D2: every choice refitted, and its labels read off: exact at both ends where the choices can be counted out."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import ClassVar

import numpy as np

from certify.problem.limits import OutOfTime
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.changes.base import Change
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.method import Budget, Mask, Method, Part
from certify.theorems.head.rows.refitted.curved import curved, seconds_of_labels
from certify.theorems.head.rows.refitted.far import far
from certify.theorems.head.rows.refitted.sums_time import seconds_of_sums
from certify.theorems.head.rows.refitted.walk import Walk, by_sums

LEAVES, SUMMED = 10_000_000, 30_000_000
"""Most refits of an enumeration; where the weights of the largest changes are sums."""

STORED = 60_000_000
"""Most numbers that a certificate holds of them, four bytes each; of sums those of the smaller changes."""

WHOLE = 3
"""Times as many where each is held in eight bytes as well."""

PRODUCT, ENTRY, LEAF = 1e-10, 4e-8, 2e-5
"""About the seconds of a product, of a slope, and of everything else of a refit."""

QUICK = 5.0
"""Seconds up to which no search for flips goes first."""

AT_ONCE = 0.5
"""The same with the squared loss."""

SURE = 1.1
"""Share of the time that a large softmax head's refits may take by that measure to go before everything else: where it
is too short in the end, the flips among those made are about as many as a search finds."""

ONE = 0.8
"""The same for one label of a large logistic head, whose time is known by its products and not by trial."""

SUMS = 0.75
"""The same for sums of a small softmax head."""

FAMILIES = 4
"""Changes of one row less whose refits with one more are timed."""


class Enumeration(Method):
    """All changes of 0, 1, … m rows, each refitted (D1)."""

    name: ClassVar[str] = "enumeration"

    def takes(self, change: Change) -> Change | str:
        """Any rows alone: what it would count out of a change that contains another is more than that has."""
        return change if isinstance(change, RowChange) else "every_choice counts out what is asked"

    def able(self, head: Head, change: RowChange) -> str:
        """Whether the choices can be counted out."""
        if not head.read_off:
            return "rows carry weights, or the loss is one of heads alone, and every_choice counts these out"
        leaves, summed = change.leaves(head), by_sums(head, change)
        most = SUMMED if summed else LEAVES
        if leaves > most:
            return f"there are {Decimal(leaves):.1e} choices, and {most:.0e} can be refitted one by one"
        stored = leaves - change.choices(head, change.count) if summed else leaves
        each = WHOLE if curved(head, change) else 1
        if stored * head.k * head.m * each > STORED:
            return f"the weights of {Decimal(stored):.1e} refits are more than a certificate holds"
        return ""

    def complete(self, head: Head, change: RowChange) -> bool:
        """Where every choice is refitted in seconds, as far as products tell."""
        return in_seconds(head, change)

    def sure(self, head: Head, change: RowChange, left: float) -> bool:
        """Labels about which trees and boxes prove little: one of a large head, many of a small softmax head."""
        share = ONE if change.count == 1 and curved(head, change) else SURE if far(head, change) else 0.0
        share = SUMS if not share and head.loss.shifted and by_sums(head, change) else share
        return bool(share) and not self.able(head, change) and self.seconds(head, change) <= share * left

    def seconds(self, head: Head, change: RowChange) -> float:
        """The time of all refits, from that of a few with most rows changed, or by their products."""
        if change.count == 1 and curved(head, change):
            return seconds_of_labels(head, change)
        if by_sums(head, change):
            return seconds_of_sums(head, change) + self.seconds(head, replace(change, count=change.count - 1))
        few, took = Walk(head, change, head.today >= 0, Budget()).sample(FAMILIES)
        return took / few * change.leaves(head) if few else 0.0

    def prove(self, head: Head, change: RowChange, todo: Mask, budget: Budget) -> Part | None:
        """Both ends of every point, or nothing when the time is too short; flips that were met count."""
        walk = Walk(head, change, todo, budget)
        try:
            arrays = walk.all()
        except OutOfTime:
            return Part(self.name, np.zeros_like(todo), flips=walk.found.flips())
        flips = walk.found.flips()
        return Part(self.name, walk.clear & (flips.point < 0), arrays, flips)


def in_seconds(head: Head, change: RowChange, times: float = 1.0) -> bool:
    """Whether every choice is refitted in seconds, where a refit takes so many times what its products say."""
    each = (head.n * head.k * (head.m * PRODUCT + ENTRY) + LEAF) * times
    # with the squared loss other methods decide as much, without a refit of every choice
    return change.leaves(head) <= (AT_ONCE if head.loss.quadratic else QUICK) / each  # of any size
