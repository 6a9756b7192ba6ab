"""D2: every choice refitted, and its labels read off: exact at both ends where the choices can be counted out."""

from __future__ import annotations

import time
from typing import ClassVar

import numpy as np

from certify.finders.head.refits import Refitter
from certify.problem.limits import OutOfTime
from certify.rigor.fp import Array
from certify.systems.head.rows.change import Choices, RowChange, choices_of
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.refit import enclose_refits
from certify.theorems.head.rows.flips import Found
from certify.theorems.head.rows.method import Budget, Mask, Method, Part

LEAVES = 2_000_000
"""Most refits of an enumeration."""

STORED = 6_000_000
"""Most numbers that a certificate holds of them."""

FEW = 3 * 10**7
"""Products of rows, choices and weights up to which no search for flips goes first."""

SHARE = 0.1
"""Of a typical margin: how near a first refit has to be; only those that decide nothing are solved to the end."""

TIMED = 256
"""Refits that are timed."""


class Enumeration(Method):
    """All changes of 0, 1, … m rows, each refitted (D1)."""

    name: ClassVar[str] = "enumeration"
    weighs: ClassVar[bool] = True

    def able(self, head: Head, change: RowChange) -> str:
        """Whether the choices can be counted out."""
        leaves = sum(change.choices(head, size) for size in range(change.count + 1))
        if leaves > LEAVES:
            return f"there are {leaves:.1e} choices, and {LEAVES:.0e} can be refitted one by one"
        if leaves * head.k * head.m > STORED:
            return f"the weights of {leaves:.1e} refits are more than a certificate holds"
        return ""

    def complete(self, head: Head, change: RowChange) -> bool:
        """Where every choice is refitted in seconds."""
        leaves = sum(change.choices(head, size) for size in range(change.count + 1))
        return leaves * head.n * head.k * head.m <= FEW

    def seconds(self, head: Head, change: RowChange) -> float:
        """The time of all refits, from that of a few with most rows changed."""
        few = next(choices_of(head, change, change.count, TIMED), None)
        if few is None:
            return 0.0
        refitter = Refitter(head)
        goal = SHARE * typical(head, refitter.V0) * head.mu()[0]
        started = time.monotonic()
        decide(head, refitter, few, head.today >= 0, goal, Found(head), Budget())
        each = (time.monotonic() - started) / len(few)
        return each * sum(change.choices(head, size) for size in range(change.count + 1))

    def prove(self, head: Head, change: RowChange, todo: Mask, budget: Budget) -> Part | None:
        """Both ends of every point, or nothing when the time is too short; flips that were met count."""
        refitter, found = Refitter(head), Found(head)
        clear = todo.copy()
        stored: list[Array] = []
        goal = SHARE * typical(head, refitter.V0) * head.mu()[0]
        try:
            for size in range(change.count + 1):
                for choices in choices_of(head, change, size):
                    budget.check()
                    V = decide(head, refitter, choices, clear, goal, found, budget)
                    stored.append(V.reshape(len(V), -1))
        except OutOfTime:
            return Part(self.name, np.zeros_like(todo), flips=found.flips())
        flips = found.flips()
        return Part(self.name, clear & (flips.point < 0), {"weights": np.concatenate(stored)}, flips)


def decide(
    head: Head, refitter: Refitter, choices: Choices, clear: Mask, goal: float, found: Found, budget: Budget,
) -> Array:
    """Weights near the refits of a batch; points that one of them leaves open are no longer clear, in place."""
    V = refitter.solve(choices, goal, budget.check)
    sides, _ = head.sides(V, enclose_refits(head, choices, V))
    open_ = np.flatnonzero(((sides < 0) & (clear & (found.point < 0))).any(axis=1))
    if len(open_):
        part = Choices(choices.rows[open_], choices.codes[open_])
        V[open_] = refitter.newton(part, V[open_], 0.0, budget.check)
        sides[open_], _ = head.sides(V[open_], enclose_refits(head, part, V[open_]))
    found.take(choices, V, sides)
    clear &= ~((sides < 0) & (found.point < 0)).any(axis=0)
    return V


def typical(head: Head, V: Array) -> float:
    """How far weights have to move for a point with one of the smaller margins."""
    F = head.points @ V.T
    if head.k == 1:
        gap = np.abs(F[:, 0] - head.threshold)
    else:
        ordered = np.sort(F, axis=1)
        gap = (ordered[:, -1] - ordered[:, -2]) / np.sqrt(2.0)
    return float(np.quantile(gap / head.points_norm, 0.1)) if len(gap) else 1.0
