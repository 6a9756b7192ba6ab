"""D4e: any m rows deleted from a squared-loss head, where rows that share rare features are set aside together.

Absolute values add up to too much among such rows, and their signs are lost. What they can do together is bounded by
squares instead; only the other rows are compared.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np

from certify.format.errors import EnclosureError
from certify.rigor.fp import Array
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.method import Budget, Mask, Method, Part
from certify.theorems.head.rows.squared.contrasts import Bools, Ints
from certify.theorems.head.rows.squared.majorant import SQUARE
from certify.theorems.head.rows.squared.rooted import rooted, system_of
from certify.theorems.head.rows.squared_aside.both import Both, Whole, whole_of, without
from certify.theorems.head.rows.squared_aside.sums import comparison_of, coupling, kept
from certify.theorems.head.rows.squared_deletions import SquaredDeletions
from certify.theorems.head.rows.squared_tree.method import Tree, witness

PART, ROUNDS, SETS = 200, 24, 3
"""One in so many rows is set aside at a time, so often at most; and how many of these sets a certificate names."""

LITTLE = 0.01
"""A further set has to prove more than this share of what those before it do: it costs a checker as much."""

WORSE, PATIENT = 0.8, 6
"""It ends where so many sets one after another prove less than this share of what the best one does."""

SHARE = 0.5
"""Share of the time."""

MOST = 128
"""Weight decays for which sets are found, as a checker refuses more."""


class SquaredAside(Method):
    """Deleted rows of a squared-loss head, many rows set aside together (D4e)."""

    name: ClassVar[str] = "squared_aside"
    weighs: ClassVar[bool] = True

    def able(self, head: Head, change: RowChange) -> str:
        """Whether rows are deleted, the loss is squared, features are exact, and all of the hat matrix is looked at."""
        if why := SquaredDeletions().able(head, change):
            return why
        if head.n > SQUARE:
            return f"every set of rows asks for the hat matrix of the others; {head.n} rows are more than {SQUARE}"
        if head.remaining and change.count > MOST:
            return f"every number of deletions has a weight decay of its own; {change.count} are more than {MOST}"
        return ""

    def prove(self, head: Head, change: RowChange, todo: Mask, budget: Budget) -> Part | None:
        """The points that stay; nothing where a bound overflows."""
        try:
            return self._proved(rooted(head), change, todo, budget.share(SHARE))
        except EnclosureError:
            return None

    def _proved(self, head: Head, change: RowChange, todo: Mask, budget: Budget) -> Part:
        """With `remaining` every number of deletions has a weight decay and sets of its own."""
        rows = np.array(sorted(change.rows), dtype=np.int64)
        count = min(change.count, len(rows))
        proved, grown, why = todo.copy(), [], ""
        for size in range(count + 1) if head.remaining else (count,):
            sets = _of_decay(head, rows, size, np.flatnonzero(proved), budget)
            if isinstance(sets, str):
                why, sets = sets, []
            stays = np.zeros_like(proved)
            for tree in sets:
                stays[tree.points] = True
            proved &= stays
            grown.append(sets)
        return Part(self.name, proved, witness(grown, proved, rows) if proved.any() else {}, None, why=why)


def _of_decay(head: Head, rows: Ints, count: int, points: Ints, budget: Budget) -> list[Tree] | str:
    """Sets of rows, and the points that each proves, for one weight decay; why there are none, in words."""
    def late() -> bool:
        return budget.left() <= 0

    system = system_of(head, count)
    if isinstance(system, str):
        return "the refit is not proved unique"
    whole = whole_of(head, system, rows, points, late, count) if len(points) else None
    if whole is None:
        return []
    if count == 0:
        stands = np.ones(len(points), dtype=bool)
        stands[whole.root.pairs.point[~(whole.root.z - whole.root.ez > 0)]] = False
        return [Tree(rows[:0], points[stands])]
    return [Tree(rows[aside], points[good]) for aside, good in _fewest(_tried(whole, late), len(points))]


def _tried(whole: Whole, late: Callable[[], bool]) -> list[tuple[Ints, Bools]]:
    """Larger and larger sets of rows, each with the points that it proves."""
    n, state = len(whole.rows), whole.root.state(np.zeros(0, dtype=np.int64))
    rank, left = coupling(state, whole.root.hat, whole.count).rank, np.arange(n)
    aside, best, worse = np.zeros(0, dtype=np.int64), 0, 0
    tried: list[tuple[Ints, Bools]] = []
    for _ in range(ROUNDS):
        batch = max(1, n // PART)
        if len(left) <= batch or late():
            break
        aside = np.concatenate([aside, left[np.argsort(-rank, kind="stable")[:batch]]])
        both = without(whole, aside, late)
        if both is None:
            break
        kappa = coupling(both.state, both.rest.hat, whole.count)
        good = _stay(both, kappa.value, late) if kappa.value < 1 else np.zeros(len(whole.root.points), dtype=bool)
        tried.append((np.sort(aside), good))
        worse = worse + 1 if good.sum() < WORSE * best else 0
        if worse == PATIENT:
            break
        best, rank, left = max(best, int(good.sum())), kappa.rank, both.left
    return tried


def _stay(both: Both, kappa: float, late: Callable[[], bool]) -> Bools:
    """Which points keep every contrast: by a comparison for all contrasts, then by one of their own."""
    pairs, m, R = both.rest.pairs, both.whole.count, both.state.R
    C, good = both.influences(), np.zeros(len(both.rest.z), dtype=bool)

    def prove(size: Array, at: Ints) -> None:
        found = comparison_of(both, size, m) if len(at) and not late() else None
        if found is not None:
            good[at] = kept(both, found, kappa, C, at, m)

    prove(np.abs(R[:, 0]) if R.shape[1] == 1 else R.max(axis=1) - R.min(axis=1), np.arange(len(good)))
    if R.shape[1] > 1:
        low, high = np.minimum(pairs.a, pairs.b), np.maximum(pairs.a, pairs.b)
        for a, b in sorted(set(zip(low[~good].tolist(), high[~good].tolist(), strict=True))):
            prove(np.abs(R[:, a] - R[:, b]), np.flatnonzero(~good & (low == a) & (high == b)))
    failed = np.zeros(len(both.rest.points), dtype=bool)
    failed[pairs.point[~good]] = True
    return ~failed


def _fewest(tried: list[tuple[Ints, Bools]], points: int) -> list[tuple[Ints, Bools]]:
    """Few sets that prove nearly all that any proves: the best one, then what adds most to it."""
    open_, found = np.ones(points, dtype=bool), []
    for _ in range(SETS):
        aside, good = max(tried, key=lambda one: int((one[1] & open_).sum()), default=(None, np.zeros(0, dtype=bool)))
        new = good & open_ if aside is not None else good
        if aside is None or not new.sum() > LITTLE * (~open_).sum():
            break
        found.append((aside, new))
        open_ &= ~new
    return found
