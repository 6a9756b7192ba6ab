"""D4d, one tree: at each node every contrast takes the fewest children with which it is proved to stay.

A node: some of the first rows of an order are gone, the others before `start` stay. A contrast is proved there if for
some t ≥ start the sum bound holds without the rows before place t, and each child, in which the row of a place from
start to t − 1 is the next to go, is proved.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from certify.check.theorems.head.rows.squared_tree.root import Root
from certify.check.theorems.head.rows.squared_tree.state import Seen, State, at_first, first, follow, without
from certify.check.theorems.head.rows.squared_tree.sums import Terms, holds, terms

EVERY, APART = 8, 1.3
"""Places up to which every number of rows is tried, and the factor from one to the next beyond them."""

KEPT = 400
"""Sets of terms that are kept for the next tree."""

NODES = 200_000
"""Most nodes of all trees together: beyond them nothing is proved."""

Key = tuple[tuple[int, ...], frozenset[int], int, tuple[int, int]]
Open = dict[int, tuple[Seen, list[int]]]
"""By point what it sees, and the contrasts that are left."""


@dataclass
class Shared:
    """What the trees share: terms by rows gone, rows set apart, number of deletions and contrast; nodes visited."""

    terms: dict[Key, Terms | None] = field(default_factory=dict)
    nodes: int = 0

    def of(self, key: Key, make: Callable[[], Terms | None]) -> Terms | None:
        """Those of a key, made where they are not kept."""
        if key not in self.terms:
            if len(self.terms) >= KEPT:
                del self.terms[next(iter(self.terms))]
            self.terms[key] = make()
        return self.terms[key]


@dataclass
class Walk:
    """One tree; `failed` are points that are not proved."""

    root: Root
    order: Sequence[int]
    shared: Shared
    failed: set[int] = field(default_factory=set)

    def proves(self, points: Sequence[int], k: int) -> set[int]:
        """Which of some points keep their label after at most k deletions."""
        found = self.root.points
        self._visit(first(self.root, self.order), k, {j: (at_first(found[j]), list(range(len(found[j].pairs))))
                                                      for j in points})
        return set(points) - self.failed

    def _visit(self, state: State, k: int, open_: Open) -> None:
        """Points whose contrasts do not all stay after k more deletions are failed."""
        self.shared.nodes += 1
        for j, (seen, pairs) in open_.items():
            if self.shared.nodes > NODES or not all(seen.z[n] > seen.ez[n] for n in pairs):
                self.failed.add(j)
        open_ = self._standing(open_)
        if k == 0 or not open_:
            return
        needed: dict[tuple[int, int], int] = {}
        for t in self._levels(state, k):
            left = [(j, n) for j, (_, pairs) in open_.items() if j not in self.failed for n in pairs
                    if (j, n) not in needed]
            if not left:
                break
            needed.update(dict.fromkeys(self._held(state, t, k, open_, left), t))
        self.failed |= {j for j, (_, pairs) in open_.items() if any((j, n) not in needed for n in pairs)}
        for place in range(state.start, max(needed.values(), default=0)):
            mine = self._standing({j: (seen, [n for n in pairs if needed.get((j, n), 0) > place])
                                   for j, (seen, pairs) in open_.items()})
            mine = {j: (seen, pairs) for j, (seen, pairs) in mine.items() if pairs}
            if not mine:
                continue
            child = without(state, self.order, place)
            if child is None:
                self.failed |= set(mine)
                continue
            points = self.root.points
            self._visit(child, k - 1, {j: (follow(state, child, points[j], seen, pairs), pairs)
                                       for j, (seen, pairs) in mine.items()})

    def _standing(self, open_: Open) -> Open:
        return {j: one for j, one in open_.items() if j not in self.failed}

    def _levels(self, state: State, k: int) -> list[int]:
        """Places up to which rows are set apart: the first at which a comparison is found, and those behind it."""
        if k == 1:
            return [state.start]
        places = levels(state.start, len(self.order))
        low, high = 0, len(places)
        while low < high:
            middle = (low + high) // 2 if low else 0  # most often it is the first
            if self._joint(state, places[middle], k) is None:
                low = middle + 1
            else:
                high = middle
        return places[low:]

    def _held(self, state: State, t: int, k: int, open_: Open, left: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """Which contrasts stay if the rows before place t do: by a comparison for all, or by one of their own."""
        found, good = self._joint(state, t, k), []
        for j, n in left:
            point, seen = self.root.points[j], open_[j][0]
            if found is not None and holds(state, found, point, seen, n, k):
                good.append((j, n))
            elif len(state.R) > 1:
                a, b, _ = point.pairs[n]
                own = self._own(state, t, k, min(a, b), max(a, b))
                if own is not None and holds(state, own, point, seen, n, k):
                    good.append((j, n))
        return good

    def _joint(self, state: State, t: int, k: int) -> Terms | None:
        def sizes() -> list[int]:
            one = len(state.R) == 1
            return [abs(x) for x in state.R[0]] if one else [max(r) - min(r) for r in zip(*state.R, strict=True)]

        return self._terms(state, t, k, (-1, -1), sizes)

    def _own(self, state: State, t: int, k: int, a: int, b: int) -> Terms | None:
        def sizes() -> list[int]:
            return [abs(x - y) for x, y in zip(state.R[a], state.R[b], strict=True)]

        return self._terms(state, t, k, (a, b), sizes)

    def _terms(self, state: State, t: int, k: int, which: tuple[int, int],
               sizes: Callable[[], list[int]]) -> Terms | None:
        out = frozenset(self.order[:t])
        return self.shared.of((state.gone, out, k, which), lambda: terms(state, self.root.hat, out, sizes(), k))


def levels(start: int, end: int) -> list[int]:
    """Places from start to end, sparser and sparser.

    >>> levels(2, 16)
    [2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 16]
    """
    found, t = [], start
    while t < end:
        found.append(t)
        t = max(t + 1, start + int((t - start) * APART)) if t - start >= EVERY else t + 1
    return [*found, end]
