"""Ranges of weights, or of stated combinations, where the choices cannot be counted out: trees of boxes (D6)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.finders.head.changed import Changed
from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.change import NONE, Choices, RowChange
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.refit import enclose_refits
from certify.theorems.head.rows.method import Budget, Mask
from certify.theorems.head.rows.moves.both_ends import BothEnds
from certify.theorems.head.rows.moves.boxed import Level, able, level_of, proved, with_levels

GROWTH, TURNS, FIRST = 1.25, 12, 1.001
"""How fast bounds grow that are not proved, how often, and the first, in what is reached."""


@dataclass(frozen=True, eq=False)
class Kept:
    """What trees prove of directions e, each combination and then its negative: `e·w > e·w_0 − bound`.

    Attributes:
        E: `(2q, m)` directions; today `e·w_0` about, and `off` how far from it.
        bounds: `(2q,)`; proved which of them are.
        reached: `(2q,)` `e·w` falls to it or below after `choices`, and V are weights near their refits.
        level, near: of the trees; V0 weights near today's refit, which is within `near` of them.
    """

    E: Array
    today: Array
    off: Array
    bounds: Array
    proved: Mask
    reached: Array
    choices: Choices
    V: Array
    V0: Array
    near: float
    level: Level

    @property
    def low(self) -> Array:
        """`(2q,)` no change takes `e·w` below it; infinite where nothing is proved."""
        least = np.where(self.proved, self.today - self.bounds - self.off, -np.inf)
        return np.asarray(least - 4 * U * (np.abs(self.today) + self.bounds))


def boxed_ranges(head: Head, change: RowChange, A: Array, budget: Budget) -> BothEnds | None:
    """The ranges of `A·w`; None where the trees are about another head.

    Args:
        head, change: any rows of a logistic head.
        A: `(q, m)` combinations.
        budget: the time; with less of it fewer are bounded.
    """
    kept = kept_of(head, change, A, budget)
    if kept is None:
        return None
    q, low, reached = len(A), kept.low, kept.reached
    rows = [tuple(row) for row in kept.choices.rows.tolist()]
    return BothEnds(low[:q], -low[q:], reached[:q], -reached[q:], tuple(rows[:q]), tuple(rows[q:]))


def kept_of(head: Head, change: RowChange, A: Array, budget: Budget) -> Kept | None:
    """The same direction by direction, with what trees need to prove it once more."""
    level = level_of(head) if able(head, change) else None
    if level is None:
        return None
    solver, nothing = Changed(head), Choices(np.full((1, 0), NONE), np.full((1, 0), NONE))
    V0 = solver.V0
    near = float(enclose_refits(head, nothing, V0[None])[0])
    if not np.isfinite(near):
        return None
    E = np.concatenate([A, -A])
    size = np.asarray(fp.row_norms(E) * RAISE)
    reached, choices, V = _reached(head, change, solver, E, size)
    today = E @ V0[0]
    off = (fp.dot_unit(head.m) * float(np.linalg.norm(V0)) + near) * size * RAISE + 4 * U * np.abs(today)
    bounds, done = np.maximum(today - reached, 1e-6 * (size + np.abs(today))) * FIRST, np.zeros(len(E), dtype=bool)
    for _ in range(TURNS):
        if budget.left() <= 0 or done.all():
            break
        more = with_levels(head, level, V0, near, E[~done], bounds[~done])
        found = proved(head, change, more, budget.share(0.5))
        now = np.zeros(int((~done).sum()), dtype=bool) if found is None else found[1]
        at = np.flatnonzero(~done)
        done[at[now]] = True
        bounds[at[~now]] *= GROWTH
    return Kept(E, today, off, bounds, done, reached, choices, V[:, 0], V0, near, level)


def _reached(head: Head, change: RowChange, solver: Changed, E: Array, size: Array,
             ) -> tuple[Array, Choices, Array]:
    """For each direction a value that `e·w` surely reaches or falls below, the worst rows together, and their refit."""
    # each row has one alternative, as there are two labels
    pairs = [(row, code) for row in change.rows for code in change.alternatives(head, row)]
    every = Choices(np.array([[row] for row, _ in pairs]), np.array([[code] for _, code in pairs]))
    moves = ((solver.solve(every) - solver.V0)[:, 0]) @ E.T
    picked = np.argsort(moves, axis=0, kind="stable")[: change.count].T  # `(2q, count)`: as many rows as may change
    choices = Choices(np.sort(every.rows[:, 0][picked], axis=1), np.empty_like(picked))
    order = np.argsort(every.rows[:, 0][picked], axis=1, kind="stable")
    choices = Choices(choices.rows, np.take_along_axis(every.codes[:, 0][picked], order, axis=1))
    V = solver.settled(choices, solver.solve(choices))
    radius = enclose_refits(head, choices, V)
    value = np.einsum("qm,qm->q", E, V[:, 0])
    length = np.linalg.norm(V[:, 0], axis=1)
    with np.errstate(invalid="ignore"):
        found = value + (size * (fp.dot_unit(head.m) * length + radius) * RAISE + 4 * U * np.abs(value))
    return np.where(np.isfinite(found), found, np.inf), choices, V
