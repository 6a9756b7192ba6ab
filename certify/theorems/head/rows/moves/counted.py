"""Every choice of changed rows refitted, as near as its motion matters: both ends of the largest motion meet (D2)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from certify.finders.head.changed import Changed
from certify.problem.limits import OutOfTime
from certify.rigor.fp import RAISE, Array
from certify.systems.head.rows.change import Choices, RowChange
from certify.systems.head.rows.changes.base import Change
from certify.systems.head.rows.head import Head, Whole
from certify.systems.head.rows.refit import enclose_refits
from certify.theorems.head.rows.enumeration import STORED
from certify.theorems.head.rows.method import Budget, Mask
from certify.theorems.head.rows.moves.measures import Measure
from certify.theorems.head.rows.refitted.walk import Walk

LEAVES, ONE_BY_ONE = 1_000_000, 20_000
"""Most refits; and where a checker has to refit in balls, one after another."""

MET = 1.0 + 2.0**-20
"""How near both ends come: choices that cannot exceed the lower one by more are not refined."""

NOTHING = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Farthest:
    """The choice found to move the refit most.

    Attributes:
        low: it moves it at least that far.
        rows, codes: the choice.
        V: `(k, m)` weights near its refit.
    """

    low: float
    rows: Whole
    codes: Whole
    V: Array


class Farther:
    """Keeps the choice that moves most, and what no other exceeds.

    Args:
        measure: of the motion.
    """

    def __init__(self, measure: Measure) -> None:
        self.measure, self.best, self.high = measure, Farthest(0.0, NOTHING, NOTHING, measure.today), 0.0

    def take(self, choices: Choices, V: Array, near: Array) -> Mask:
        """`(B,)` which choices may move farther than the best so far, by more than rounding."""
        low, high = self.measure.ends(V, near)
        at = int(np.argmax(low))
        if low[at] > self.best.low:
            self.best = Farthest(float(low[at]), choices.rows[at], choices.codes[at], V[at].copy())
        return np.asarray(~(high <= self.best.low * MET))

    def settle(self, V: Array, near: Array, open_: Mask) -> None:
        """Take those that stay open as they are."""
        self.high = max(self.high, float(self.measure.ends(V, near)[1][open_].max(initial=0.0)))

    @property
    def upper(self) -> float:
        """No choice that was taken moves farther."""
        return max(self.high, self.best.low * MET) * RAISE


class _Walk(Walk):
    """The tree of all changes of any m rows, refitted until no other one can move farther than the farthest."""

    def __init__(self, head: Head, change: RowChange, budget: Budget, farther: Farther) -> None:
        super().__init__(head, change, np.zeros(len(head.points), dtype=bool), budget)
        self.farther = farther

    def judge(self, choices: Choices, V: Array, near: Array, final: bool = False) -> Mask:
        """Which changes may move farther; at the end those that may count with what they may move."""
        open_ = self.farther.take(choices, V, near)
        if final:
            self.farther.settle(V, near, open_)
        return open_


def able(head: Head, change: Change) -> str:
    """Why the choices cannot be counted out; empty where they can."""
    walks = isinstance(change, RowChange) and head.read_off and head.k == 1 and head.loss.sigmoid
    leaves = change.leaves(head)
    most = LEAVES if walks else ONE_BY_ONE
    if leaves > most:
        return f"there are {Decimal(leaves):.1e} choices of rows, and {most:.0e} can be refitted one by one"
    return "their weights are more than a certificate holds" if leaves * head.k * head.m > STORED else ""


def counted(head: Head, change: Change, measure: Measure, budget: Budget) -> tuple[Farther, dict[str, Array]] | None:
    """The farthest choice and the weights of all refits, by name; None where the time is up before the last one."""
    farther = Farther(measure)
    try:
        if isinstance(change, RowChange) and head.read_off and change.leaves(head) > ONE_BY_ONE:
            return farther, _Walk(head, change, budget, farther).all()
        return farther, {"weights": _each(head, change, farther, budget)}
    except OutOfTime:
        return None


def _each(head: Head, change: Change, farther: Farther, budget: Budget) -> Array:
    """The weights of all refits of few choices, each as near as rounding lets it be."""
    solver, stored = Changed(head, change.by_rows), []
    for choices in change.every(head):
        budget.check()
        V = solver.settled(choices, solver.solve(choices, 0.0, budget.check), budget.check)
        near = enclose_refits(head, choices, V)
        farther.settle(V, near, farther.take(choices, V, near))
        stored.append(V.reshape(len(V), -1))
    return np.concatenate(stored)
