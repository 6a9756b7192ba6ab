"""Ranges of combinations of weights of a squared-loss head, however many choices of changed rows there are.

Deleted rows by trees of deletions (D23), which are asked about each combination as about a row to predict; changed
labels by one sort (D3), as weights are linear in the targets.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from certify.finders.head.changed import Changed
from certify.format.errors import EnclosureError
from certify.rigor import fp
from certify.rigor.finder import proposed
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.change import DELETED, NONE, Choices, RowChange
from certify.systems.head.rows.head import Head, Whole
from certify.systems.head.rows.refit import enclose_refits
from certify.systems.head.rows.ridge import Ridge, ridge, solve
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.moves import deleted
from certify.theorems.head.rows.moves.both_ends import BothEnds
from certify.theorems.head.rows.moves.counted_ranges import Ranges
from certify.theorems.head.rows.squared_labels import SquaredLabels

NOTHING = Choices(np.full((1, 0), NONE), np.full((1, 0), NONE))

AT_ONCE = 64
"""Choices that are refitted at a time, for the ends that are met."""


def deleted_ranges(head: Head, change: RowChange, A: Array, budget: Budget) -> BothEnds | None:
    """Any rows deleted (D23); None where that is about another head.

    A combination of several outputs falls, and rises, by no more than its parts do together.

    Args:
        head, change: the head, and which rows may go.
        A: `(q, km)` combinations.
        budget: the time; what is proved by then counts.
    """
    if deleted.able(head, change):
        return None
    reached = _Reached(head, A)
    falls, rises = np.zeros(len(A)), np.zeros(len(A))
    for c, E in enumerate(A.reshape(len(A), head.k, head.m).transpose(1, 0, 2)):
        some = np.flatnonzero(E.any(axis=1))
        if not len(some):
            continue
        one = replace(head, Y=head.Y[:, [c]], V=head.V[[c]], codes=None, label=None, points=E[some],
                      points_rad=np.zeros(len(some)))
        try:
            found = deleted.ends_of(one, change, budget.share(1 / (head.k - c)))
        except EnclosureError:  # an overflow: nothing is known
            found = "an overflow"
        if isinstance(found, str):
            falls[some], rises[some] = np.inf, np.inf
            continue
        falls[some] += found.falls[:, 0]
        rises[some] += found.rises[:, 0]
        ways = found.ways.reshape(-1, found.ways.shape[-1])
        reached.take(ways, np.full_like(ways, DELETED))
    return reached.within(falls * fp.sum_up(head.k + 2), rises * fp.sum_up(head.k + 2))


def label_ranges(head: Head, change: RowChange, A: Array, budget: Budget) -> BothEnds | None:
    """Any labels changed (D3); None where that is about another head.

    Args:
        head, change: the head, and which rows may get other labels.
        A: `(q, km)` combinations.
        budget: the time; combinations that are not reached by then stay unbounded.
    """
    if head.weights is not None or SquaredLabels().able(head, change):
        return None
    try:
        system = ridge(head.phi, head.mu(), head.decayed, head.phi_rad)
        if isinstance(system, str):
            return None
        gains = _Gains(head, change, system)
        reached = _Reached(head, A)
        falls, rises = np.full(len(A), np.inf), np.full(len(A), np.inf)
        for j, a in enumerate(A):
            if budget.left() <= 0:
                break
            most, rows, codes = gains.of(a)
            falls[j], rises[j] = most
            reached.take(rows, codes)
    except EnclosureError:  # an overflow
        return None
    return reached.within(falls, rises)


class _Gains:
    """What changed labels take from, and give to, a combination of weights.

    Args:
        head: its targets are labels.
        change: which rows may get other ones.
        system: its normal matrix.
    """

    def __init__(self, head: Head, change: RowChange, system: Ridge) -> None:
        assert head.codes is not None
        self.head, self.system = head, system
        self.open_ = change.open_codes(head)
        self.rows = np.flatnonzero(self.open_.any(axis=1))
        self.count = min(change.count, len(self.rows))
        self.moved = head.codes[None, :, :] - head.Y[self.rows][:, None, :]
        """`(r, c, k)` by how much targets move, each rounded once."""

    def of(self, a: Array) -> tuple[tuple[float, float], Whole, Whole]:
        """How far it falls and rises at most, and `(2, count)` the rows and codes that do that."""
        head, s, m = self.head, self.system, self.count
        solved = solve(s, a.reshape(head.k, head.m))
        q = fp.require_finite(s.rows.against(solved.u)[:, self.rows], "influences")
        gains = np.einsum("kr,rck->rc", q, self.moved)
        size = np.abs(self.moved).max(axis=(0, 1), initial=0.0) * RAISE
        each = fp.dot_unit(s.p) * s.longest * solved.size + (head.k + 4) * U * np.abs(q).max(axis=1, initial=0.0)
        slack = float(size @ (m * each + np.sqrt(m) * solved.off)) * fp.sum_up(head.k + 4) * RAISE
        most, chosen, codes = [], [], []
        for sign in (-1.0, 1.0):
            some = np.where(self.open_[self.rows], sign * gains, -np.inf)
            best = some.max(axis=1)
            order = np.argsort(-best, kind="stable")[:m]
            most.append((float(np.maximum(best[order], 0.0).sum()) * fp.sum_up(m + 2) + slack) * RAISE + fp.FLOOR)
            rows, new = self.rows[order], some.argmax(axis=1)[order]
            there, place = best[order] > 0, np.argsort(rows)
            chosen.append(np.where(there, rows, NONE)[place])
            codes.append(np.where(there, new, NONE)[place])
        return (most[0], most[1]), np.array(chosen), np.array(codes)


class _Reached:
    """Today's values, and what refits of some choices reach.

    Args:
        head: the head.
        A: `(q, km)` combinations.
    """

    def __init__(self, head: Head, A: Array) -> None:
        self.head, self.solver, self.ranges = head, Changed(head), Ranges(A, head)
        V = self.solver.V0[None]
        self.ranges.take(NOTHING.rows, V, enclose_refits(head, NOTHING, V))
        self.low, self.high = self.ranges.low, self.ranges.high

    def take(self, rows: Whole, codes: Whole) -> None:
        """Refit some choices, `(B, r)` rows and what they become, each of which is looked at once."""
        if not rows.size:
            return
        both, r = np.unique(np.hstack([rows, codes]), axis=0), rows.shape[1]
        for start in range(0, len(both), AT_ONCE):
            part = both[start : start + AT_ONCE]
            choices = Choices(np.ascontiguousarray(part[:, :r]), np.ascontiguousarray(part[:, r:]))
            V = proposed(lambda some=choices: self.solver.settled(some, self.solver.solve(some)))  # type: ignore[misc]
            if V is not None:
                self.ranges.take(choices.rows, V, enclose_refits(self.head, choices, V))

    def within(self, falls: Array, rises: Array) -> BothEnds:
        """Today's values less and with what no choice exceeds, and what is reached."""
        with np.errstate(invalid="ignore"):
            low, high = self.low - falls, self.high + rises
            low = low - (4 * U * (np.abs(low) + falls) + fp.FLOOR)
            high = high + (4 * U * (np.abs(high) + rises) + fp.FLOOR)
        return self.ranges.ends(np.where(np.isnan(low), -np.inf, low), np.where(np.isnan(high), np.inf, high))
