"""D4d: one tree of deletions for many points: at each node every point takes the fewest children that do.

Rows stand in one order. A node: some of the first rows of the order are gone, the others before `start` stay. A point
is proved there if for some t ≥ start the sum bound holds without the rows before place t, and each child, in which the
row of a place from start to t − 1 is the next to go, is proved.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from certify.rigor.fp import RAISE, Array, U
from certify.theorems.head.rows.squared.contrasts import Bools, Ints
from certify.theorems.head.rows.squared.majorant import SQUARE, Majorant
from certify.theorems.head.rows.squared_tree.root import Influences
from certify.theorems.head.rows.squared_tree.state import Pairs, State, without
from certify.theorems.head.rows.squared_tree.sums import Terms, holds, terms

CACHED = 2**27
"""Bytes of terms that are kept for the next points."""

EVERY, APART = 8, 1.3
"""Places up to which every number of rows is tried, and the factor from one to the next beyond them."""


@dataclass(eq=False)
class Kept:
    """Terms by rows gone, rows set apart, number of deletions and contrast: what no evaluation row has a part in."""

    found: OrderedDict[tuple[object, ...], Terms | None] = field(default_factory=OrderedDict)

    def terms(self, key: tuple[object, ...], make: Callable[[], Terms | None], size: int) -> Terms | None:
        """Those of a key, made where they are not kept; `size` numbers each."""
        if key not in self.found:
            self.found[key] = make()
            if len(self.found) * 24 * size > CACHED:
                self.found.popitem(last=False)
        return self.found[key]


@dataclass(eq=False)
class Walk:
    """A tree on its way.

    Attributes:
        hat: bounds of the hat matrix.
        C: influences.
        pairs: all contrasts.
        order: rows.
        late: asked at each node; once true nothing more is proved.
        failed: `(N,)` points that are not proved.
        kept: terms of nodes.
    """

    hat: Majorant
    C: Influences
    pairs: Pairs
    order: Ints
    late: Callable[[], bool]
    failed: Bools
    kept: Kept

    def visit(self, state: State, k: int, at: Ints) -> None:
        """Points whose contrasts `at` do not all stay after at most k more deletions are failed."""
        at = self._standing(at)
        lost = ~(state.least[at] > 0)
        if self.late():
            lost[:] = True
        self._fail(at[lost])
        at = self._standing(at)
        if k == 0 or not len(at):
            return
        needed = np.full(len(at), -1)
        for t in self.levels_of(state, k):
            left = np.flatnonzero(needed < 0)
            if not len(left) or self.late():
                break
            needed[left[self._held(state, t, k, at[left])]] = t
        self._fail(at[needed < 0])
        for place in range(state.start, int(needed.max(initial=-1))):
            mine = self._standing(at[needed > place])
            if not len(mine):
                continue
            child = without(state, self.order, place, self.pairs)
            if child is None:
                self._fail(mine)
            else:
                self.visit(child, k - 1, mine)

    def _standing(self, at: Ints) -> Ints:
        return at[~self.failed[self.pairs.point[at]]]

    def _fail(self, at: Ints) -> None:
        self.failed[self.pairs.point[at]] = True

    def _held(self, state: State, t: int, k: int, at: Ints) -> Bools:
        """Which contrasts stay if the rows before place t do: by a comparison for all, then by one of their own."""
        R, found = state.R, self.joint(state, t, k)
        good = np.zeros(len(at), dtype=bool) if found is None else holds(state, found, self.C, self.pairs, at, k)
        if R.shape[1] == 1:
            return good
        low, high = np.minimum(self.pairs.a[at], self.pairs.b[at]), np.maximum(self.pairs.a[at], self.pairs.b[at])
        left = np.flatnonzero(~good)
        for a, b in sorted(set(zip(low[left].tolist(), high[left].tolist(), strict=True))):
            mine = left[(low[left] == a) & (high[left] == b)]
            own = self._terms(state, t, k, (a, b), np.abs(R[:, a] - R[:, b]), found)
            if own is not None:
                good[mine] = holds(state, own, self.C, self.pairs, at[mine], k)
            elif found is None and k == 1:
                break
        return good

    def levels_of(self, state: State, k: int) -> Iterator[int]:
        """Places up to which rows are set apart: the first at which a comparison is found, and some behind it."""
        first = state.start if k == 1 else self.compared(state, k)
        yield from () if first is None else (t for t in levels(state.start, len(self.order)) if t >= first and (
            k > 1 or t == first))

    def compared(self, state: State, k: int) -> int | None:
        """The first level at which a comparison for all contrasts is found, which stays so behind it; None if none."""
        places = levels(state.start, len(self.order))
        low, high = 0, len(places)
        while low < high:
            middle = (low + high) // 2 if low else min(low, high - 1)  # most often it is the first
            if self.joint(state, places[middle], k) is None:
                low = middle + 1
            else:
                high = middle
        return places[low] if low < len(places) else None

    def joint(self, state: State, t: int, k: int) -> Terms | None:
        """Terms that serve every contrast, if the rows before place t stay."""
        R = state.R
        spread = R.max(axis=1) - R.min(axis=1) if R.shape[1] > 1 else np.abs(R[:, 0])
        return self._terms(state, t, k, (-1, -1), spread)

    def _terms(self, state: State, t: int, k: int, which: tuple[int, int], size: Array, joint: Terms | None = None,
               ) -> Terms | None:
        def make() -> Terms | None:
            alive = ~state.dead
            alive[self.order[state.start : t]] = False
            start = None if joint is None or len(alive) <= SQUARE else joint.xi
            return terms(state, self.hat, alive, (size + state.pair_error) * (RAISE * (1 + 4 * U)), k, start)

        gone = tuple(self.order[list(state.gone)].tolist())
        return self.kept.terms((gone, self.order[:t].tobytes(), k, which), make, len(state.d))


def levels(start: int, end: int) -> list[int]:
    """Places from start to end, sparser and sparser.

    >>> levels(2, 16)
    [2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 16]
    """
    found, t = [], start
    while t < end:
        found.append(t)
        t = t + 1 if t - start < EVERY else start + int((t - start) * APART)
    return [*found, end]
