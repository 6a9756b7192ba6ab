"""D16, the two levels: rows that move others far are deleted one by one, and the rest is bounded pair by pair.

The root holds every pair without a hot row; the child of a hot row every other row beside it. What a bound leaves open
is refitted, or its row is hot.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from certify.finders.head.refits import Refitter
from certify.problem.limits import OutOfTime
from certify.rigor.fp import Array
from certify.systems.head.rows.change import DELETED, Choices, RowChange
from certify.systems.head.rows.head import Head, Whole
from certify.systems.head.rows.refit import enclose_refits
from certify.theorems.head.rows.boxes.stated import Codes, decoded
from certify.theorems.head.rows.flips import Found
from certify.theorems.head.rows.method import Flips, Mask
from certify.theorems.head.rows.searches.ended import ended
from certify.theorems.head.rows.softmax.centre import centre
from certify.theorems.head.rows.softmax_by_choice.candidates import deletions, lines_of
from certify.theorems.head.rows.softmax_by_choice.metric import Metric, as_it_is, root_metric
from certify.theorems.head.rows.softmax_by_choice.singles import near_refits, singles
from certify.theorems.head.rows.softmax_by_choice.slab import Slab
from certify.theorems.head.rows.softmax_pairs.bound import FIRST, Bound, Formed, bound
from certify.theorems.head.rows.softmax_pairs.judge import Open, judge
from certify.theorems.head.rows.softmax_pairs.steps import Near, Steps, near, settled, steps
from certify.theorems.jobs import AHEAD, Crew

STEPS, SHORT = 640, 1e-3
"""Rows with a step of their own at the root at most, and how far a row pulls at least that has one."""

TURNS, NEAREST = 40, 1e-9
"""Corrections of the refits without a hot row, and how short their gradients are to be."""

HOT = (0, 4, 12, 24, 40, 60, 80, 100, 130, 160, 200, 250)
"""Numbers of hot rows that are tried."""

FEW_SIGNED, SIGNED = 1500, 8000
"""Pairs that are formed with their signs while hot rows are chosen, and at last."""

SAMPLE, WORSE, MOST_LOST = 100, 0.8, 0.25
"""Evaluation rows that are looked at for that; with what part of the lost ones more hot rows are worth it, and what
part may be lost where no more are tried."""

WARM = 0.9
"""Times the ranges of the last bound: with what the search for ranges begins."""

LEAVES, AT_ONCE = 8, 256
"""Open pairs of a row from which on it is hot, which is less work than refits; and refits at a time."""

MOST_LEAVES, LEAF_TURNS = 20_000, 16
"""Refits at most, and corrections of one."""

Refits = dict[tuple[int, int], Array]
"""By two rows weights near the refit without them."""


@dataclass(eq=False)
class Tree:
    """The search.

    Attributes:
        head, change: the problem: one or two rows deleted.
        left: seconds left.
        hot, weights, codes: what the certificate holds of the nodes, the root first; `leaf`, `leaf_weights` of refits.
        why, late: what kept it from proving more, and whether that was the time.
    """

    head: Head
    change: RowChange
    left: Callable[[], float]
    hot: list[int] = field(default_factory=list)
    weights: list[Array] = field(default_factory=list)
    codes: list[Codes] = field(default_factory=list)
    leaf: list[tuple[int, int]] = field(default_factory=list)
    leaf_weights: list[Array] = field(default_factory=list)
    why: str = ""
    late: bool = False
    warm: dict[int, Array | float] = field(default_factory=dict)

    def run(self, todo: Mask) -> Mask:
        """Which points are proved to stay."""
        self.found, self.refitter = Found(self.head), Refitter(self.head)
        self.open, proved = todo & (self.head.today >= 0), np.zeros_like(todo)
        with ended(self):
            self._search()
            proved = self.open
        self.open = proved  # none where it did not come to its end
        return proved

    def _check(self) -> None:
        if self.left() <= 0.0:
            raise OutOfTime

    def _search(self) -> None:
        head, free = self.head, np.array(self.change.rows, dtype=np.int64)
        V = self.refitter.V0
        b = near(centre(head, V)) if np.isfinite(V).all() else None
        rows = self._long(b, free, STEPS) if b is not None else free[:0]
        st = steps(b, rows) if b is not None else None
        got = self._root(st, free) if st is not None else None
        if got is None:
            self.why, self.open = "no bound of pairs was found", np.zeros_like(self.open)
            return
        hot, found, left = got
        assert st is not None and b is not None
        self.st, self.near = st, b
        self.hot, self.weights, self.codes = hot, [V], [found.codes]
        self._pairs(left)
        if hot and (self.open & ~self.found.flipped).any():
            self._children(free)

    def _long(self, b: Near, free: Whole, most: int) -> Whole:
        """The rows that pull most."""
        order = free[np.argsort(-b.pull[free], kind="stable")]
        return np.asarray(order[: min(most, int((b.pull[free] > SHORT).sum()))])

    def _root(self, st: Steps, free: Whole) -> tuple[list[int], Bound, Open] | None:
        """Hot rows, the bound of the others, and what it leaves open."""
        ranges = st.ranges.copy()
        ranges[np.arange(len(st.rows)), st.rows] = 0.0
        order = st.rows[np.argsort(-ranges.max(axis=1, initial=0.0), kind="stable")]
        known, best, points = Formed(st), None, np.flatnonzero(self.open)
        some = points[:: max(1, len(points) // SAMPLE)]
        for h in HOT:
            if h > len(order):
                break
            self._check()
            found = self._bound(st, np.setdiff1d(free, order[:h]), self.change.count, FEW_SIGNED, known)
            if found is None:
                continue
            left = judge(found, some)
            lost = len(left.lost)
            if best is not None and WORSE * best[1] < lost < MOST_LOST * len(some):
                break
            best = h, lost
            if not lost and not len(left.point):
                break
        if best is None:
            return None
        hot: list[int] = order[: best[0]].tolist()
        while found := self._bound(st, np.setdiff1d(free, np.array(hot, np.int64)), self.change.count, SIGNED, known):
            left = judge(found, points)
            if not (more := _cover(left)):
                return hot, found, left
            hot += more
        return None

    def _bound(self, st: Steps, free: Whole, count: int, signed: int = 0, known: Formed | None = None) -> Bound | None:
        """A bound; the search for ranges begins where the last one of as many rows ended."""
        found = bound(st, free, count, signed, known, WARM * self.warm.get(count, FIRST))
        if found is not None:
            self.warm[count] = decoded(found.codes)[0]
        return found

    def _children(self, free: Whole) -> None:
        """The hot rows one by one, by several processes: each with every row that is no hot one before it (D18)."""
        assert self.change.count == 2  # a slab deletes one row more, whatever the change is
        self._check()
        root, live = root_metric(as_it_is(self.near.c)), np.flatnonzero(self.open & ~self.found.flipped)
        if root is None:
            self.why, self.open = "the curvature of the unchanged head could not be bounded below", self.open & False
            return
        hot = np.array(self.hot, dtype=np.int64)
        order = np.concatenate([hot, np.setdiff1d(free, hot)])
        W = near_refits(root, self.refitter, order, self._check)
        W[: len(hot)] = self._nearest(root, hot, W[: len(hot)])
        lines, lengths = lines_of(self.head, live), np.full((len(self.open), self.head.k - 1), np.inf)
        lengths[live] = lines.lengths(root)
        s = singles(root, self.refitter, order, W, lines, lengths)
        self.weights += list(W[: len(hot)])
        self.codes += [np.zeros((1, self.head.n), dtype=np.int64)] * len(hot)
        begun = deque[Whole]()

        def asked() -> Iterator[tuple[int, Whole, Mask]]:
            for a in range(len(hot)):
                self._check()
                if not len(live := np.flatnonzero(self.open & ~self.found.flipped)):
                    return
                begun.append(live)
                yield a, live, self.found.flipped

        def looked_at(question: tuple[int, Whole, Mask]) -> tuple[Mask, Flips, Refits]:
            a, live, flipped = question
            slab = Slab(s, a, lines_of(self.head, live), self.found.beside(flipped), self._check)
            return slab.open(), slab.found.flips(), slab.refits

        with Crew(looked_at) as crew:
            for open_, flips, refits in crew.all(asked(), AHEAD):
                self.open[begun.popleft()[open_]] = False
                self.found.merge(flips)
                self.leaf += list(refits)
                self.leaf_weights += list(refits.values())
                if len(self.leaf) > MOST_LEAVES:
                    self._too_many()
                    return
        self.open &= ~self.found.flipped

    def _too_many(self) -> None:
        self.open[:] = False
        self.why = f"more than {MOST_LEAVES} pairs would be refitted one by one"

    def _nearest(self, root: Metric, hot: Whole, W: Array) -> Array:
        """Nearer to the refits without hot rows: what a child's weights leave of the gradient counts in every pair."""
        found, rows = settled(root.c, root.blocks, hot[:, None], W, TURNS, NEAREST), deletions(hot[:, None])
        old, new = (np.linalg.norm(self.refitter.gradients(rows, V).reshape(len(hot), -1), axis=1) for V in (W, found))
        return np.where((new < old)[:, None, None], found, W)

    def _pairs(self, left: Open) -> None:
        """Refits of the pairs that the root leaves open."""
        self.open[left.lost] = False
        live = self.open[left.point]
        pairs = np.stack([left.first, left.other], axis=1)[live]
        sets, at = np.unique(pairs, axis=0, return_inverse=True)
        wanted = np.zeros((len(sets), len(self.open)), dtype=bool)
        wanted[at.ravel(), left.point[live]] = True
        place = {int(row): a for a, row in enumerate(self.st.rows)}
        guess = np.array([self.refitter.V0 + sum(self.st.delta[place[l]] for l in pair if l in place)
                          for pair in sets.tolist()]).reshape(-1, self.head.k, self.head.m)
        for start in range(0, len(sets), AT_ONCE):
            part = slice(start, start + AT_ONCE)
            guess[part] = settled(self.near.c, self.near.X, sets[part], guess[part], LEAF_TURNS)
        self._refit(sets, wanted, guess)

    def _refit(self, sets: Whole, wanted: Mask, guess: Array) -> None:
        """Refits of pairs; points that they do not keep, of those for which they are wanted, are given up.

        Args:
            sets: `(B, 2)` pairs.
            wanted: `(B, N)` the points.
            guess: `(B, k, m)` weights near the refits.
        """
        use = np.flatnonzero((wanted & self.open).any(axis=1))
        if len(use) + len(self.leaf) > MOST_LEAVES:
            self._too_many()
            return
        for start in range(0, len(use), AT_ONCE):
            at = use[start : start + AT_ONCE]
            part = np.sort(sets[at], axis=1)
            choices = Choices(np.ascontiguousarray(part), np.full_like(part, DELETED))
            W = guess[at].copy()
            sides, _ = self.head.sides(W, enclose_refits(self.head, choices, W))
            bad = np.flatnonzero((wanted[at] & self.open & (sides != self.head.today)).any(axis=1))
            if len(bad):
                again = Choices(choices.rows[bad], choices.codes[bad])
                W[bad] = self.refitter.solve(again, check=self._check)
                sides[bad], _ = self.head.sides(W[bad], enclose_refits(self.head, again, W[bad]))
            self.found.take(choices, W, sides)
            self.open &= ~(wanted[at] & (sides != self.head.today)).any(axis=0)
            self.leaf += [(int(i), int(l)) for i, l in part]
            self.leaf_weights += list(W)

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """What a checker needs."""
        k, m = self.head.k, self.head.m
        return {
            "weights": self.weights[0].ravel(), "hot": np.array(self.hot, dtype=np.int32),
            "child_weights": np.array(self.weights[1:]).reshape(-1),
            "codes": np.array(self.codes).reshape(-1).astype(np.int16),
            "leaf": np.array(self.leaf, dtype=np.int32).reshape(-1),
            "leaf_weights": np.array(self.leaf_weights).reshape(-1, k * m).reshape(-1),
        }


def _cover(left: Open) -> list[int]:
    """Rows that are hot because so many pairs with them are open; single rows that are open are among them."""
    pairs = np.unique(np.stack([left.first, left.other], axis=1), axis=0)
    hot = np.unique(pairs[pairs[:, 0] == pairs[:, 1], 0]).tolist()
    pairs = pairs[~np.isin(pairs, hot).any(axis=1)]
    while len(pairs):
        rows, counts = np.unique(pairs, return_counts=True)
        if counts.max() < LEAVES:
            break
        worst = int(rows[counts.argmax()])
        hot.append(worst)
        pairs = pairs[(pairs != worst).all(axis=1)]
    return [int(i) for i in hot]
