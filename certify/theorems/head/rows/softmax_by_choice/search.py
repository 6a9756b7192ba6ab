"""D18: slabs of choices, those of rows that pull most first; an evaluation row needs as many as its margins are small.

All choices among the rows after the first h are proved at once, without a step for any of them; h depends on the
evaluation row. So what was looked at is enough for some of them whenever the time is up.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from certify.finders.head.refits import Refitter
from certify.problem.limits import OutOfTime
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head, Whole
from certify.theorems.head.rows.flips import Found
from certify.theorems.head.rows.method import Flips, Mask
from certify.theorems.head.rows.searches.ended import ended
from certify.theorems.head.rows.softmax.below import block_lengths
from certify.theorems.head.rows.softmax.centre import Centre, centre
from certify.theorems.head.rows.softmax_by_choice.candidates import Lines, lines_of
from certify.theorems.head.rows.softmax_by_choice.metric import (
    LEAST,
    Metric,
    as_it_is,
    kept,
    left_at,
    metric,
    root_metric,
)
from certify.theorems.head.rows.softmax_by_choice.pairs import pairs_of
from certify.theorems.head.rows.softmax_by_choice.singles import Singles, near_refits, singles
from certify.theorems.head.rows.softmax_by_choice.slab import Slab
from certify.theorems.jobs import AHEAD, JOBS, Crew

LATER, RECENT, EARLY, BEGUN = 3.0, 0.7, 8, 0.25
"""Later slabs in the time of one of the last ones; how long the last ones are remembered; how many, which find what
flips, tell nothing of the others; and what part of the evaluation rows is never put off for want of time."""

FAR = 2.0 ** np.arange(-9.0, 2.0)
"""How far is looked around the centre for rows without steps."""

LESS = (0.5, 0.2, 0.1, 0.05, 0.02)
"""Parts of the curvature in matrices for rows without steps: where two rows have most of some curvature, little of it
is left in a matrix with all, and nothing is said of the rows from there on."""

HALF, SLIGHT = 0.5, 0.02
"""Rows are the later the less they pull, and the less of the curvature they have: two of them leave a part of it."""


@dataclass(eq=False)
class Search:
    """The search.

    Attributes:
        head, change: the problem: one or two rows deleted.
        left: seconds left.
        why, late: what kept it from proving more, in words, and whether that was the time.
        found: rows whose deletion flips evaluation rows.
    """

    head: Head
    change: RowChange
    left: Callable[[], float]
    why: str = ""
    late: bool = False
    found: Found = field(init=False)

    def run(self, todo: Mask) -> Mask:
        """Which points are proved to stay."""
        self.found = Found(self.head)
        self.open, self.proved = todo & (self.head.today >= 0), np.zeros_like(todo)
        with ended(self):
            self._search()
        return np.asarray(self.proved & ~self.found.flipped)

    def _check(self) -> None:
        if self.left() <= 0.0:
            raise OutOfTime

    def _search(self) -> None:
        head, refitter = self.head, Refitter(self.head)
        c = centre(head, refitter.V0)
        root = root_metric(as_it_is(c))
        pull = pulls(root, c) if root is not None else np.full(head.n, np.inf)
        if root is None or not np.isfinite(pull).all():
            self.why = "the curvature of the unchanged head could not be bounded below"
            return
        free = np.array(self.change.rows, dtype=np.int64)
        order = free[np.argsort(-pull[free] / np.maximum(HALF - root.lever[free], SLIGHT), kind="stable")]
        at = np.flatnonzero(self.open)
        lines, lengths = lines_of(head, at), np.full((len(self.open), head.k - 1), np.inf)
        lengths[at] = lines.lengths(root)
        bear, need = bears(root, lines, lengths[at]), np.full(len(self.open), len(order) + 1)
        need[at] = needed(tail(root, c, order, pull), bear)
        self.proved |= self.open & (need == 0)  # whatever time there is for more
        need[at] = np.minimum(need[at], self._by_less(root, c, order, lines))
        self.open &= need <= len(order)
        self.proved |= self.open & (need == 0)
        self._check()
        W = near_refits(root, refitter, order, self._check)
        pairs = pairs_of(root, c, order, W, self._check)
        s = singles(root, refitter, order, W, lines, lengths, pairs)
        points = at[np.argsort(bear, kind="stable")]
        while len(points := points[(self.open & ~self.proved & ~self.found.flipped)[points]]):
            self._slabs(s, need, points)

    def _by_less(self, root: Metric, c: Centre, order: Whole, lines: Lines) -> Whole:
        """`(L,)` the same by matrices with less of all curvature, of which two rows take less; lengths are longer."""
        found = np.full(len(lines.at), len(order) + 1)
        for part in LESS:
            self._check()
            if (m := metric(root.c, part * root.h)) is not None:
                bear = bears(m, lines, lines.lengths(m))
                found = np.minimum(found, needed(tail(m, c, order, pulls(m, c)), bear))
        return np.asarray(found)

    def _slabs(self, s: Singles, need: Whole, points: Whole) -> None:
        """The slabs for some points; those that need more of them than there is time for are put off."""
        each, jobs, least = 0.0, min(JOBS.get(), AHEAD), float(np.quantile(need[points], BEGUN))
        begun = deque[tuple[int, Whole]]()

        def asked() -> Iterator[tuple[int, Whole, Mask]]:
            for a in range(int(need[points].max())):
                live = points[(self.open & ~self.found.flipped & (need > a))[points]]
                if not len(live):
                    return
                begun.append((a, live))
                yield a, live, self.found.flipped

        def looked_at(question: tuple[int, Whole, Mask]) -> tuple[Mask, Flips, float]:
            a, live, flipped = question
            before, found = self.left(), self.found.beside(flipped)
            open_ = Slab(s, a, lines_of(self.head, live), found, self._check).open()
            return open_, found.flips(), before - self.left()

        with Crew(looked_at) as crew:
            for open_, flips, spent in crew.all(asked(), AHEAD):
                a, live = begun.popleft()
                self.found.merge(flips)
                self.open[live[open_]] = False
                done = points[self.open[points] & (need[points] == a + 1)]
                self.proved[done] = True
                each = spent if a == 0 else RECENT * each + (1.0 - RECENT) * spent
                if a >= EARLY and each > 0.0:
                    points = points[need[points] <= max(a + LATER * self.left() * jobs / each, least)]


def pulls(m: Metric, c: Centre) -> Array:
    """`(n,)` at least the gradients that rows leave that are deleted without a step, beside that at the centre.

    Args:
        m: the matrix.
        c: its centre, with the errors of its outputs.
    """
    norms, k = c.head.phi_norm, c.head.k
    found = block_lengths(m.own, m.off, norms, c.S - c.head.Y) + norms * m.root * (np.sqrt(k) * c.s_off + 4.0 * U)
    return np.asarray(found * RAISE)


def tail(m: Metric, c: Centre, order: Whole, pull: Array) -> Array:
    """`(f + 1,)` at least the distances from the centre to refits without any two of the rows after the first h."""
    f = len(order)
    still = c.gradient * m.root * RAISE
    e = np.repeat(left_at(2.0 * c.off * RAISE)[:, None], len(FAR), axis=1)
    parts = kept(m, e, FAR, np.zeros((len(FAR), 0), np.int64))
    left, lever = (top_two(x[order]) for x in (pull, m.lever))
    found = np.full(f + 1, np.inf)
    for a, keeps in zip(FAR, parts, strict=True):
        own = keeps - lever * RAISE
        r = np.where(own > LEAST, (left + still) / np.maximum(own, LEAST) * (RAISE * RAISE), np.inf)
        found = np.where(r * RAISE < a, np.minimum(found, r), found)
    return found


def top_two(x: Array) -> Array:
    """`(f + 1,)` sums of the two largest entries from a place on.

    >>> top_two(np.array([1.0, 3.0, 2.0]))
    array([5., 5., 2., 0.])
    """
    found = np.zeros(len(x) + 1)
    one = two = 0.0
    for i in range(len(x) - 1, -1, -1):
        one, two = max(one, float(x[i])), max(two, min(one, float(x[i])))
        found[i] = one + two
    return found


def bears(m: Metric, lines: Lines, lengths: Array) -> Array:
    """`(L,)` distances from the centre that evaluation rows bear, or less."""
    return np.asarray((lines.gaps(m.c.V[None])[0] / lengths).min(axis=-1) * (1.0 - 8.0 * U))


def needed(tails: Array, bear: Array) -> Whole:
    """`(L,)` from which row on all pairs are proved at once for evaluation rows; one too many where none are."""
    return np.asarray((~(tails[None, :] * RAISE < bear[:, None])).sum(axis=1), dtype=np.int64)
