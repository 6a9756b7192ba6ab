"""Ranges of combinations of weights by refits: of every choice of changed rows, or of some that reach an end."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from certify.finders.head.refits import Refitter
from certify.problem.limits import OutOfTime
from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.change import NONE, RowChange, choices_of
from certify.systems.head.rows.head import Head, Whole
from certify.systems.head.rows.refit import enclose_refits
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.moves.both_ends import BothEnds, Rows

AT_ONCE = 1 << 21
"""Numbers of the weights of a batch."""

LOOKED = 0.25
"""Seconds of refits from which is told how long all take."""


class Ranges:
    """Smallest and largest values so far, each between what is proved and what is reached.

    Args:
        A: `(q, km)` combinations.
        head: the head.
    """

    def __init__(self, A: Array, head: Head) -> None:
        self.A, self.centred = A, head.free_intercept and head.loss.shifted
        q = len(A)
        self.norm = np.asarray(fp.row_norms(A) * RAISE)
        self.low, self.high = np.full(q, np.inf), np.full(q, -np.inf)
        self.reached_low, self.reached_high = np.full(q, np.inf), np.full(q, -np.inf)
        self.low_rows: list[Rows] = [()] * q
        self.high_rows: list[Rows] = [()] * q

    def at(self, V: Array) -> tuple[Array, Array]:
        """`(B, q)` the combinations of a batch of weights, and bounds of their rounding."""
        B, k, m = V.shape
        W, slack = V, np.zeros(B)
        if self.centred:  # the sum of the intercepts is free: those whose sum is 0
            mean = V[..., -1].mean(axis=1)
            W = V.copy()
            W[..., -1] -= mean[:, None]
            slack = (np.abs(V[..., -1]).sum(axis=1) + np.abs(W[..., -1]).sum(axis=1)) * (k + 8) * U * np.sqrt(k)
        flat = W.reshape(B, k * m)
        size = np.sqrt(np.einsum("bx,bx->b", flat, flat)) * fp.sum_up(k * m) + fp.FLOOR
        off = self.norm[None, :] * (fp.dot_unit(k * m) * size + slack)[:, None] * RAISE + fp.FLOOR
        return np.asarray(flat @ self.A.T), off

    def take(self, rows: Whole, V: Array, radius: Array) -> None:
        """Widen the ranges by the refits of a batch of changes, each within its radius."""
        mid, off = self.at(V)
        with np.errstate(all="ignore"):
            off = (off + self.norm[None, :] * radius[:, None]) * RAISE + 4 * U * np.abs(mid) + fp.FLOOR
            off = np.where(np.isfinite(off) & np.isfinite(mid), off, np.inf)
            mid = np.where(np.isfinite(mid), mid, 0.0)
            low, high = mid - off, mid + off
        self.low, self.high = np.minimum(self.low, low.min(axis=0)), np.maximum(self.high, high.max(axis=0))
        for j, (a, b) in enumerate(zip(high.argmin(axis=0), low.argmax(axis=0), strict=True)):
            if high[a, j] < self.reached_low[j]:
                self.reached_low[j], self.low_rows[j] = high[a, j], _rows(rows[a])
            if low[b, j] > self.reached_high[j]:
                self.reached_high[j], self.high_rows[j] = low[b, j], _rows(rows[b])

    def ends(self, lower: Array | None = None, upper: Array | None = None, needs: float = 0.0) -> BothEnds:
        """What is reached, between ends that are proved otherwise; without any by those of the changes taken."""
        lower, upper = self.low if lower is None else lower, self.high if upper is None else upper
        return BothEnds(lower, upper, self.reached_low, self.reached_high, tuple(self.low_rows), tuple(self.high_rows),
                        needs)


def counted_ranges(head: Head, change: RowChange, A: Array, budget: Budget,
                   tell: Callable[[str, float], None] = lambda stage, done: None) -> BothEnds:
    """Every choice refitted and enclosed; both ends infinite where the time is too short for all of them.

    It ends as soon as those that were refitted say that all of them take longer than there is.

    Args:
        head: the head.
        change: any rows of it.
        A: `(q, km)` combinations.
        budget: the time.
        tell: told the stage and the fraction done.
    """
    ranges, q, done, needs = Ranges(A, head), len(A), 0, 0.0
    leaves = sum(change.choices(head, size) for size in range(change.count + 1))
    try:
        refitter = Refitter(head)
        for size in range(change.count + 1):
            for choices in choices_of(head, change, size, at_once=max(1, AT_ONCE // (head.k * max(head.m, head.n)))):
                tell("refitting", done / leaves)
                spent = budget.seconds - budget.left()
                needs = spent * leaves / max(done, 1)
                if spent > LOOKED and needs > budget.seconds:
                    raise OutOfTime
                V = refitter.solve(choices, 0.0, budget.check)
                ranges.take(choices.rows, V, enclose_refits(head, choices, V))
                done += len(choices)
    except OutOfTime:
        return ranges.ends(np.full(q, -np.inf), np.full(q, np.inf), max(needs, budget.seconds))
    return ranges.ends()


def _rows(rows: Whole) -> Rows:
    return tuple(int(row) for row in rows if row != NONE)
