"""D30, the search: bounds of all choices of two or three rows, and closer looks at those that leave a point open.

Rows that are in very many of these are set apart: nodes of their own follow. proofs/heads-deleted-triples.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from certify.problem.limits import OutOfTime
from certify.rigor.fp import RAISE, Array
from certify.systems.head.rows.boxes.slabs import Rows
from certify.systems.head.rows.boxes.trap import Centre
from certify.theorems.head.rows.boxes.leaves import base
from certify.theorems.head.rows.boxes.nodes import Node
from certify.theorems.head.rows.boxes.turns import Task
from certify.theorems.head.rows.by_choice.metric import metric
from certify.theorems.head.rows.deleted_triples.closer import Closer
from certify.theorems.head.rows.deleted_triples.costs import LOOKED, Costs, costs
from certify.theorems.head.rows.deleted_triples.curvature import FEW, MANY
from certify.theorems.head.rows.deleted_triples.nearer import Nearer
from certify.theorems.head.rows.deleted_triples.numbers import Numbers, numbers
from certify.theorems.head.rows.deleted_triples.points import Points, points_of
from certify.theorems.head.rows.deleted_triples.thirds import Thirds
from certify.theorems.head.rows.method import Mask
from certify.theorems.head.rows.pair_tree.steps import Steps, in_order, steps
from certify.theorems.head.rows.pair_tree.tree import PairTree

REACH = 2.2
"""How far around a sum of steps is looked."""

STRONG, LATER, ENTRIES, LISTED = 2e-3, 60_000, 100_000_000, 10_000_000
"""What a pair may do by its crude bound without being formed with its signs; most pairs that are formed of choices that
are listed; most entries of all that are held; and most choices that are listed, of some 100 bytes."""

NODE, SPARE = 0.9, 0.85
"""A node below takes about that part of what the root takes before choices are looked at: where the nodes and the
choices that are listed need more than that part of the time, more points are given up; and where in the end there is no
time for all nodes, none is begun, and others have what is left."""

SHARES = (0.001, 0.004, 0.01, 0.02, 0.03, 0.045, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
DRAWN, FIT = 1 << 15, 0.6
"""Of the points so many, those that bear least, are given up, as nearly all choices would be looked at for them: the
first share with which that part of the time is enough for all that are listed, as choices that are drawn say; or the
last."""

PIECE, SMALLER = 4096, 512
"""Choices that are looked at before the time is asked for, and that are looked at nearer to their refits."""


@dataclass(frozen=True, eq=False)
class Listed:
    """Choices.

    Attributes:
        columns: `(C, 3)`, of two rows the last is none.
        third: `(C,)` what three steps do to slopes.
        r, more: `(C,)` distances, and `1/(1 − o)`.
        kept: `(C,)` what is left of the curvature.
    """

    columns: Rows
    third: Array
    r: Array
    more: Array
    kept: Array

    def some(self, at: Rows | Mask) -> Listed:
        """Some of them."""
        return Listed(*(getattr(self, name)[at] for name in Listed.__dataclass_fields__))

    def again(self, x: Numbers) -> Listed:
        """With distances by other numbers."""
        i, j, l = self.columns.T
        r, more = x.choices(i, j, l, self.third)
        return replace(self, r=r, more=more, kept=x.kept(i, j, l)[1])


Look = Callable[[Listed], tuple[Mask, Mask]]


@dataclass(eq=False)
class Triples(PairTree):
    """The search; of last rows it is that of trees of boxes."""

    def _order(self, c: Centre, free: Rows) -> tuple[Rows, Array]:
        b = self.inverse = base(c)
        self.now = None
        after = np.tile(c.w, (len(free), 1))
        return (free, after) if b is None else (in_order(b, free), after)

    def _branch(self, node: Node, c: Centre, order: Rows, live: Rows, task: Task, after: Array) -> list[Task]:
        k = task.k
        cost = costs(k, self.sums.S.size, self.left())
        st = None if self.inverse is None else steps(self.inverse, order, k, cost.own, settled=True)
        try:
            found = None if st is None or len(order) <= k else self._open(st, k, live, cost)
        except (OutOfTime, OverflowError):
            found = None
        if st is None or found is None:
            self.failed[live] = True
            return []
        open_, hot = found
        self.failed[live[open_]] = True
        live = live[~open_]
        node.h[live], node.hot = len(hot), st.rows[hot]
        if not len(live):
            return []
        rest = np.concatenate([st.rows, st.far])
        return [Task(len(self.nodes), a, (*task.out, int(st.rows[i])), rest[~np.isin(rest, st.rows[hot[: a + 1]])],
                     k - 1, live, c.w + st.delta[i], 0) for a, i in enumerate(hot)]

    def _check(self) -> None:
        if not self.left() > 0.0:
            raise OutOfTime

    def _open(self, st: Steps, k: int, live: Rows, cost: Costs) -> tuple[Mask, Rows] | None:
        """Which of the points are left open, and columns of the rows that are set apart for the others."""
        began = self.left()
        self._check()
        a = metric(st, REACH)
        if a is None or not np.isfinite(st.reach) or (x := numbers(st, a, k)) is None:
            return None
        self._check()
        each = NODE * (began - self.left()) if np.isfinite(began) else 0.0
        if k > 2:
            x = x.forming(*_strongest(x, STRONG, cost.formed), self._check)
        all_ = points_of(x, self.points[live])
        at = self._share(x, all_, cost) if k > 2 else len(SHARES)
        while True:
            some = _bearing(all_, SHARES[at]) if k > 2 else np.flatnonzero(all_.room > 0.0)
            p, hot = all_.some(some), list[int]()
            last, listed = at >= len(SHARES) - 1, self._far(x, p)
            self._say("listed", len(listed.r))
            if len(listed.r) <= LISTED:
                listed = listed.some(_apart(x, listed, hot, cost.child / cost.listed, cost.apart))
                if last or each * len(hot) + cost.rest * len(listed.r) <= SPARE * self.left():
                    break
            elif last:
                raise OutOfTime
            at += 1
        open_ = np.ones(len(live), bool)
        open_[some], rows = self._left(x, p, listed, hot, cost)
        if k > 2 and len(rows) and each * len(rows) > self.left():
            raise OutOfTime
        return open_, rows

    def _left(self, x: Numbers, p: Points, listed: Listed, hot: list[int], cost: Costs) -> tuple[Mask, Rows]:
        """Which of the points are left open by a choice that no look closes, and which rows are set apart."""
        for look in (self._pairs, self._thirds) if x.k > 2 else (self._pairs,):
            x, listed = look(x, listed)
            listed = listed.some(self._by_distance(p, listed))
            self._say("listed still", len(listed.r))
        x = x.forming(*_among(x, listed, LATER), self._check)
        listed, closer = listed.again(x), Closer(x, p)

        def close(one: Listed) -> tuple[Mask, Mask]:
            return closer.open_by(one.columns, one.third, one.kept)

        listed = listed.some(self._by_pieces(listed, PIECE, close)[0])
        listed = listed.some(_apart(x, listed, hot, cost.child / cost.nearer, cost.apart))
        self._say("listed closer", len(listed.r))
        # those that take most points come first: what there is no time for leaves those open alone that bear least
        listed = listed.some(np.argsort(-listed.r, kind="stable"))
        nearer, point = Nearer(x, p), np.zeros(len(p.margin), bool)

        def look_at(few: int) -> Look:
            return lambda one: nearer.open_by(one.columns, few)

        for few in (FEW, MANY):
            open_, point = self._by_pieces(listed, SMALLER, look_at(few), close)
            listed = listed.some(open_)
            self._say("listed nearer", len(listed.r))
        if self.left() > 0.0:
            listed = listed.some(_apart(x, listed, hot, 0.0, cost.apart))
            if len(listed.r) < len(open_):
                _, point = self._by_pieces(listed, SMALLER, look_at(MANY), close)
        return point, np.array(hot, np.int64)

    def _by_pieces(self, listed: Listed, size: int, look: Look, late: Look | None = None) -> tuple[Mask, Mask]:
        """Which choices leave a point open, and which points they leave open; asked for the time in between.

        Args:
            listed: the choices.
            size: of a piece.
            look: what says it of a piece.
            late: what says it of all that are left once the time is up; None: nothing does, and `OutOfTime` is raised.
        """
        open_, point, at, end = np.zeros(len(listed.r), bool), np.zeros(1, bool), 0, 0
        while end < len(listed.r):
            at, end = end, min(end + size, len(listed.r))
            if late is None:
                self._check()
            elif not self.left() > 0.0:
                look, end = late, len(listed.r)
            some = np.arange(at, end)
            open_[some], here = look(listed.some(some))
            point = point | here
        return open_, point

    def _by_distance(self, p: Points, listed: Listed) -> Mask:
        """Which choices leave a point open by their distances."""
        self._check()
        return p.open_by(listed.columns, listed.r, listed.more)[0]

    def _share(self, x: Numbers, p: Points, cost: Costs) -> int:
        """The first share with which there is time for all choices, as those that are drawn say, or the last."""
        drawn, room = self._drawn(x), FIT * (self.left() - LOOKED * x.f**3 / 6.0)
        low, high = -1, len(SHARES) - 1
        while high - low > 1:  # with fewer points there is less to do
            self._check()
            middle = (low + high) // 2
            fits = self._seconds(x, p.some(_bearing(p, SHARES[middle])), drawn, cost) <= room
            low, high = (low, middle) if fits else (middle, high)
        return high

    def _seconds(self, x: Numbers, p: Points, drawn: Listed, cost: Costs) -> float:
        """About the seconds that all choices take, as those that are drawn say."""
        f, listed = x.f, drawn.some(self._by_distance(p, drawn))
        found = cost.all * len(listed.r)
        if cost.last:
            listed = self._thirds(x, listed)[1]
            listed = listed.some(self._by_distance(p, listed))
            found += cost.last * float(Closer(x, p).open_by(listed.columns, listed.third, listed.kept)[0].sum())
        return found * f * (f - 1) * (f - 2) / 6.0 / max(len(drawn.r), 1)

    def _drawn(self, x: Numbers) -> Listed:
        """Choices of rows with steps of their own, drawn."""
        f = x.f
        T = np.sort(np.random.default_rng(f).integers(0, f, (DRAWN, 3)), axis=1)
        T = T[(T[:, 0] < T[:, 1]) & (T[:, 1] < T[:, 2])]
        T = T[np.argsort(T[:, 0], kind="stable")]
        third, starts = np.zeros(len(T)), np.searchsorted(T[:, 0], np.arange(f + 1))
        for i in range(f):
            at = slice(starts[i], starts[i + 1])
            third[at] = x.triples(i)[T[at, 1], T[at, 2]]
        return Listed(T, third, third, third, third).again(x)

    def _far(self, x: Numbers, p: Points) -> Listed:
        """All choices that leave a point open by what is known of rows and pairs; or some, if more than `LISTED` do."""
        f, found, held = x.f, list[Listed](), 0
        least, wide = float(p.room.min(initial=np.inf)), float(p.along.max(initial=0.0))
        for i in range(f + 1):
            self._check()
            later = np.arange(min(i + 1, f), f + 1)
            if x.k == 2:
                j, l, some = later, np.full(len(later), f + 2), np.zeros(len(later))
            else:
                third = x.triples(i)
                r, more = x.choices(i, later, f + 1, third[later, f + 1])
                later = later[~(r * np.sqrt(1.0 + more * wide) * RAISE < least)]  # with the worst third row
                many = f + 1 - np.minimum(later + 1, f)
                j = np.repeat(later, many)
                l = np.arange(len(j)) - np.repeat(np.cumsum(many) - many, many) + np.minimum(j + 1, f)
                some = third[j, l]
            r, more = x.choices(i, j, l, some)
            at = np.flatnonzero(~(r * np.sqrt(1.0 + more * wide) * RAISE < least))
            one = Listed(np.stack([np.full(len(at), i), j[at], l[at]], axis=1), some[at], r[at], more[at], r[at])
            found.append(one.some(p.open_by(one.columns, one.r, one.more)[0]))
            held += len(found[-1].r)
            if held > LISTED:
                break
        return Listed(*(np.concatenate([getattr(one, name) for one in found]) for name in Listed.__dataclass_fields__))

    def _pairs(self, x: Numbers, listed: Listed) -> tuple[Numbers, Listed]:
        """The same with the pairs of these formed."""
        x = x.forming(*_among(x, listed, LATER), self._check)
        return x, listed.again(x)

    def _thirds(self, x: Numbers, listed: Listed) -> tuple[Numbers, Listed]:
        """The same with what three steps do as it is."""
        all_, third, f = Thirds(x), listed.third.copy(), x.f
        own = np.flatnonzero((listed.columns < f).all(axis=1))
        keys = listed.columns[own, 0] * (f + 1) + listed.columns[own, 1]
        order, first = own[np.argsort(keys, kind="stable")], None
        starts = np.flatnonzero(np.diff(np.sort(keys), prepend=-1))
        for a, b in zip(starts, np.append(starts[1:], len(keys)), strict=False):
            some = order[a:b]
            i, j = (int(one) for one in listed.columns[some[0], :2])
            if first is None or first.i != i:
                self._check()
                first = all_.first(i)
            third[some] = np.minimum(third[some], first.of(j, listed.columns[some, 2]))
        for at in np.flatnonzero((listed.columns[:, 1] < f) & (listed.columns[:, 2] == f)):  # with any far row
            i, j = (int(one) for one in listed.columns[at, :2])
            third[at] = min(third[at], all_.far(i, j))
        return x, replace(listed, third=third).again(x)


def _bearing(p: Points, share: float) -> Rows:
    """All points but such a share, those that bear least."""
    return np.flatnonzero((p.room > 0.0) & (p.room >= float(np.quantile(p.room, share))))


def _apart(x: Numbers, listed: Listed, hot: list[int], least: float, most: int) -> Mask:
    """Which choices hold no row that is set apart; rows in more than so many of them are added, up to so many rows."""
    apart = np.zeros(x.f + 3, bool)
    apart[hot] = True
    T = listed.columns
    keep = np.flatnonzero(~(apart[T[:, 0]] | apart[T[:, 1]] | apart[T[:, 2]]))
    while len(hot) < most:
        count = np.bincount(T[keep].ravel(), minlength=x.f + 3)[: x.f]
        if not count.size or not count.max() > least:
            break
        hot.append(int(count.argmax()))
        some = T[keep]
        keep = keep[(some[:, 0] != hot[-1]) & (some[:, 1] != hot[-1]) & (some[:, 2] != hot[-1])]
    found = np.zeros(len(T), bool)
    found[keep] = True
    return found


def _strongest(x: Numbers, large: float, most: int) -> tuple[Rows, Rows]:
    """Pairs whose crude bounds are large, the largest first if there are too many."""
    C = (x.rows + x.beside)[: x.f, : x.f]
    a, b = np.triu_indices(x.f, 1)
    some, most = np.flatnonzero(C[a, b] > large), min(most, _room(x))
    if len(some) > most:
        some = some[np.argpartition(-C[a[some], b[some]], most)[:most]]
    return a[some], b[some]


def _among(x: Numbers, listed: Listed, most: int) -> tuple[Rows, Rows]:
    """Pairs in choices that are not formed, those of most of them first if there are too many."""
    size = x.f + 3
    keys = np.concatenate([listed.columns[:, a] * size + listed.columns[:, b] for a, b in ((0, 1), (0, 2), (1, 2))])
    pairs, many = np.unique(keys, return_counts=True)
    a, b = pairs // size, pairs % size
    new = np.flatnonzero((a < x.f) & (b < x.f) & (x.place[a, b] == 0))
    new = new[np.argsort(-many[new], kind="stable")[: min(most, _room(x))]]
    return a[new], b[new]


def _room(x: Numbers) -> int:
    """How many pairs more may be formed: each is held as a vector, and as numbers of all steps."""
    return max(ENTRIES // (len(x.root) + x.f) - len(x.turned), 0)
