"""D2 for changes of every kind: each choice refitted, and its labels read off; exact at both ends."""

from __future__ import annotations

import time
from decimal import Decimal
from itertools import islice
from typing import ClassVar

import numpy as np

from certify.finders.head.changed import Changed
from certify.problem.limits import OutOfTime
from certify.rigor.fp import Array
from certify.systems.head.rows.change import Choices, RowChange
from certify.systems.head.rows.changes.base import Change
from certify.systems.head.rows.changes.groups import GroupChange
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.refit import enclose_refits
from certify.theorems.head.rows.flips import Found
from certify.theorems.head.rows.method import Budget, Flips, Mask, Method, Part
from certify.theorems.jobs import AHEAD, Crew

LEAVES = 1_000_000
"""Most refits."""

STORED = 16_000_000
"""Most numbers that a certificate holds of them."""

FEW = 3 * 10**7
"""Products of rows, choices and weights up to which no search for flips goes first."""

SHARE = 0.01
"""Of a typical margin: how near a first refit has to be; only those that decide nothing are solved to the end."""

SURE = 0.2
"""Share of the time that all refits may take as measured, where they go before other methods."""

TIMED, FIRST = 128, 3
"""Refits that are timed, of the last of the first batches."""


class EveryChoice(Method):
    """All choices of a change that is not one of any m rows, each refitted (D1)."""

    name: ClassVar[str] = "every_choice"
    weighs: ClassVar[bool] = True

    def takes(self, change: Change) -> Change | str:
        """Every kind as it is."""
        return change

    def able(self, head: Head, change: Change) -> str:
        """Whether the choices can be counted out, and `enumeration` does not do it."""
        if isinstance(change, RowChange) and head.read_off:
            return "any rows change, which enumeration counts out"
        leaves = change.leaves(head)
        if leaves > LEAVES:
            return f"there are {Decimal(leaves):.1e} choices, and {LEAVES:.0e} can be refitted one by one"
        if leaves * head.k * head.m > STORED:
            return f"the weights of {Decimal(leaves):.1e} refits are more than a certificate holds"
        return ""

    def complete(self, head: Head, change: Change) -> bool:
        """Where every choice is refitted in seconds; of balanced labels single rows, as trees are soon checked."""
        balanced = head.weights is not None and head.weights.balanced and head.loss.sigmoid
        leaves = 0 if self.able(head, change) else change.leaves(head)
        return 0 < leaves * head.n * head.k * head.m <= FEW and not (balanced and leaves > head.n + 1)

    def sure(self, head: Head, change: Change, left: float) -> bool:
        """Groups with the squared loss: a refit is one solution, and sums stand for any as many rows as groups have."""
        return (head.loss.quadratic and isinstance(change, GroupChange) and not self.able(head, change)
                and self.seconds(head, change) <= SURE * left)

    def seconds(self, head: Head, change: Change) -> float:
        """The time of all refits, from that of some that lie apart."""
        leaves, refitter = change.leaves(head), Changed(head, change.by_rows)
        batch = list(islice(change.every(head, min(leaves, 64 * TIMED)), FIRST))[-1]  # that of no row is no measure
        some = Choices(*(part[:: max(1, len(batch) // TIMED)] for part in (batch.rows, batch.codes)))
        started = time.monotonic()
        decide(head, refitter, some, head.today >= 0, goal_of(head, refitter.V0), Found(head))
        return (time.monotonic() - started) / len(some) * leaves

    def prove(self, head: Head, change: Change, todo: Mask, budget: Budget) -> Part | None:
        """Both ends of every point, or nothing when the time is too short; flips that were met count."""
        refitter, found, clear = Changed(head, change.by_rows), Found(head), todo.copy()
        stored: list[Array] = []
        goal = goal_of(head, refitter.V0)

        def decided(question: tuple[Choices, Mask, Mask]) -> tuple[Array, Mask, Flips]:
            choices, known, flipped = question
            own = found.beside(flipped)
            V = decide(head, refitter, choices, known, goal, own, budget)
            return V.reshape(len(V), -1), known, own.flips()

        try:
            with Crew(decided) as crew:
                for V, still, flips in crew.all(
                        ((choices, clear.copy(), found.flipped) for choices in change.every(head)), AHEAD):
                    budget.check()
                    stored.append(V)
                    clear &= still
                    found.merge(flips)
        except OutOfTime:
            return Part(self.name, np.zeros_like(todo), flips=found.flips())
        flips = found.flips()
        return Part(self.name, clear & (flips.point < 0), {"weights": np.concatenate(stored)}, flips)


def decide(
    head: Head, refitter: Changed, choices: Choices, clear: Mask, goal: float, found: Found,
    budget: Budget | None = None,
) -> Array:
    """Weights near the refits of a batch; points that one of them leaves open are no longer clear, in place."""
    check = (budget or Budget()).check
    V = refitter.solve(choices, goal, check)
    sides, _ = head.sides(V, enclose_refits(head, choices, V))
    open_ = np.flatnonzero(((sides < 0) & (clear & ~found.flipped)).any(axis=1))
    if len(open_):
        part = Choices(choices.rows[open_], choices.codes[open_])
        V[open_] = refitter.settled(part, V[open_], check)
        sides[open_], _ = head.sides(V[open_], enclose_refits(head, part, V[open_]))
    found.take(choices, V, sides)
    clear &= ~((sides < 0) & ~found.flipped).any(axis=0)
    return V


def goal_of(head: Head, V: Array) -> float:
    """A gradient that moves weights by a small part of what a point with one of the smaller margins needs."""
    F = head.points @ V.T
    if head.k == 1:
        gap = np.abs(F[:, 0] - head.threshold)
    else:
        ordered = np.sort(F, axis=1)
        gap = (ordered[:, -1] - ordered[:, -2]) / np.sqrt(2.0)
    typical = float(np.quantile(gap / head.points_norm, 0.1)) if len(gap) else 1.0
    return SHARE * typical * head.mu()[0]
