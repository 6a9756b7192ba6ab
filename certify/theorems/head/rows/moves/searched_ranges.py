"""What some changes do to combinations of weights, where all are too many: the worst single rows, together refitted."""

from __future__ import annotations

import numpy as np

from certify.finders.head.refits import Refitter
from certify.problem.limits import OutOfTime
from certify.rigor.fp import Array
from certify.systems.head.rows.change import NONE, Choices, RowChange
from certify.systems.head.rows.head import Head, Whole
from certify.systems.head.rows.refit import enclose_refits
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.moves.both_ends import BothEnds
from certify.theorems.head.rows.moves.counted_ranges import AT_ONCE, Ranges

MOST = 1 << 25
"""Single changes times combinations at most, of which each is kept."""


def searched_ranges(head: Head, change: RowChange, A: Array, budget: Budget) -> BothEnds | None:
    """Values that changes of at most `count` rows surely reach, each by its refit (D1); no end of what others do.

    For each direction the rows that move it most by themselves are changed together.

    Args:
        head, change: any rows of it.
        A: `(q, km)` combinations.
        budget: the time; None where it does not suffice for every single row.
    """
    pairs = [(row, code) for row in change.rows for code in change.alternatives(head, row)]
    if len(pairs) * len(A) > MOST:
        return None
    ranges, rows, codes = Ranges(A, head), *(np.array(column, dtype=np.int64) for column in zip(*pairs, strict=True))
    try:
        refitter = Refitter(head)
        nothing = Choices(np.full((1, 0), NONE), np.full((1, 0), NONE))
        V0 = refitter.V0[None]
        ranges.take(nothing.rows, V0, enclose_refits(head, nothing, V0))
        today = ranges.at(V0)[0][0]
        moves, step = np.empty((len(pairs), len(A))), max(1, AT_ONCE // (head.k * max(head.m, head.n)))
        for start in range(0, len(pairs), step):
            some = Choices(rows[start : start + step, None], codes[start : start + step, None])
            V = refitter.solve(some, 0.0, budget.check)
            ranges.take(some.rows, V, enclose_refits(head, some, V))
            moves[start : start + step] = ranges.at(V)[0] - today
        if change.count > 1:
            together = _worst(rows, codes, np.where(np.isfinite(moves), moves, 0.0), change.count)
            for start in range(0, len(together), step):
                some = together.part(slice(start, start + step))
                V = refitter.from_root(some, budget.check)
                ranges.take(some.rows, V, enclose_refits(head, some, V))
    except OutOfTime:
        return None
    q = len(A)
    return ranges.ends(np.full(q, -np.inf), np.full(q, np.inf))


def _worst(rows: Whole, codes: Whole, moves: Array, count: int) -> Choices:
    """For each combination, upwards and downwards, the rows that move it most, each to one of its alternatives."""
    chosen: list[list[int]] = []
    for each in (*moves.T, *-moves.T):
        best: dict[int, int] = {}
        for place in np.argsort(-each, kind="stable").tolist():
            if len(best) == count or each[place] <= 0:
                break
            best.setdefault(int(rows[place]), place)
        chosen.append(sorted(best.values()))
    found, new = (np.full((len(chosen), count), NONE, dtype=np.int64) for _ in range(2))
    for b, places in enumerate(chosen):
        found[b, :len(places)], new[b, :len(places)] = rows[places], codes[places]
    return Choices(found, new)
