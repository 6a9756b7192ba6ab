"""Finder: changes of rows that move refits far, one row after another. Nothing is trusted."""

from __future__ import annotations

import numpy as np

from certify.finders.head.changed import Changed
from certify.problem.limits import OutOfTime
from certify.rigor.finder import proposed
from certify.systems.head.rows.change import Choices, RowChange
from certify.systems.head.rows.changes.base import Change
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.refit import enclose_refits
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.moves.counted import Farther

TRIED, BEAM = 160, 4
"""Rows that are tried next, the first by what they alone do; changes that are kept from one row to the next."""


def search(head: Head, change: Change, farther: Farther, budget: Budget) -> None:
    """Extend the changes that move farthest so far by the rows that move most alone, and keep the farthest."""
    if not isinstance(change, RowChange):
        return
    try:
        proposed(lambda: _search(head, change, farther, budget))
    except OutOfTime:
        return


def _search(head: Head, change: RowChange, farther: Farther, budget: Budget) -> bool:
    solver = Changed(head)
    order = _order(head, change, solver)
    kept: list[tuple[tuple[int, int], ...]] = [()]
    for _ in range(min(change.count, len(change.rows))):
        more = sorted({tuple(sorted((*old, new))) for old in kept for new in order
                       if new[0] not in {row for row, _ in old}})
        if not more:
            break
        pairs = np.array(more, dtype=np.int64)
        choices = Choices(np.ascontiguousarray(pairs[..., 0]), np.ascontiguousarray(pairs[..., 1]))
        V = solver.solve(choices, 0.0, budget.check)
        near = enclose_refits(head, choices, V)
        farther.take(choices, V, near)
        low = farther.measure.ends(V, near)[0]
        kept = [more[b] for b in np.argsort(-low, kind="stable")[:BEAM]]
    return True


def _order(head: Head, change: RowChange, solver: Changed) -> list[tuple[int, int]]:
    """Rows and what they become, those first whose change moves the weights most to first order."""
    P, Z = solver.inverse(), head.phi @ solver.V0.T
    g = head.loss.guess_slopes(Z, head.Y)
    found: list[tuple[float, tuple[int, int]]] = []
    for row in change.rows:
        for code in change.alternatives(head, row):
            new = head.loss.guess_slopes(Z[row], head.codes[code]) if code >= 0 and head.codes is not None else 0.0
            step = P @ np.outer(new - g[row], head.phi[row]).ravel()
            found.append((-float(np.linalg.norm(step)), (row, code)))
    return [one for _, one in sorted(found)[:TRIED]]
