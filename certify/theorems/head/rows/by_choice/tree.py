"""D17, branch and bound: few rows are set apart, and all choices of the others are looked at one by one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from certify.rigor.fp import Array
from certify.systems.head.rows.boxes.slabs import Rows
from certify.systems.head.rows.boxes.trap import WIDE, Centre
from certify.theorems.head.rows.boxes.leaves import base
from certify.theorems.head.rows.boxes.nodes import Node
from certify.theorems.head.rows.boxes.stated import Codes
from certify.theorems.head.rows.boxes.turns import Task
from certify.theorems.head.rows.by_choice.judge import Judge
from certify.theorems.head.rows.by_choice.metric import metric
from certify.theorems.head.rows.by_choice.pieces import LARGE, ROUGH, Formed, Pieces, pieces
from certify.theorems.head.rows.pair_tree.cover import permuted
from certify.theorems.head.rows.pair_tree.steps import Steps, in_order, steps
from certify.theorems.head.rows.pair_tree.tree import PairTree
from certify.theorems.jobs import AHEAD, Crew

OWN, REACH = {2: 384, 3: 512}, {2: 2.0, 3: 1.5}
"""By how many rows may follow: rows with a step of their own; and how far around a sum of steps is looked."""

EXACT, OPEN = {2: (160, 40), 3: (3000, 600)}, 6000
"""Choices with the same first row that are looked at closer, and closer still, by how many rows may follow; and open
ones of all up to which no row more is set apart."""

LOOKED = 2_000_000
"""Choices that are looked at for rows to set apart."""

HOT, MORE, FEWER = 40, {2: 4, 3: 8}, 0.004
"""Rows that are set apart at most of three; how many more, by how many rows may follow, that leave at least so large a
share of the points open."""

SHARE, LESS, BEAR = 0.03, 0.02, {2: 0.25, 3: 1.0}
"""Of the points: what counts when rows are set apart is what all others bear; and at most so many are given up where
three rows may follow, those that bear less than a distance, as nearly all choices would be looked at for them."""

LATE = 45.0
"""Seconds below which no choice is looked at closer."""


@dataclass(eq=False)
class ChoiceTree(PairTree):
    """The search; of a node is kept which rows are set apart for all points, and the codes of its matrix."""

    def _order(self, c: Centre, free: Rows) -> tuple[Rows, Array]:
        b = self.inverse = base(c)
        self.now = None
        if b is None or not self.left() > 0.0:
            return free, np.tile(c.w, (len(free), 1))
        order = in_order(b, free)
        return order, np.tile(c.w, (len(order), 1))

    def _branch(self, node: Node, c: Centre, order: Rows, live: Rows, task: Task, after: Array) -> list[Task]:
        k = task.k
        st = None if self.inverse is None else steps(self.inverse, order, k, OWN[k])
        found = self._apart(st, k, live) if st is not None and len(order) > k else None
        if found is None:
            self.failed[live] = True
            return []
        st, need, first, codes = found
        hard = need > len(self.sums.S)
        self.failed[live[hard]] = True
        live, need = live[~hard], need[~hard]
        if not len(live):
            return []
        h = int(need.max())
        node.h[live], node.hot = need, st.rows[:h]
        node.boxes, node.second = [(first, codes, WIDE)], [np.full(len(self.points), -1.0)]
        rest = np.concatenate([st.rows, st.far])
        return [Task(len(self.nodes), a, (*task.out, int(st.rows[a])), rest[a + 1 :], k - 1, live[need > a],
                     c.w + st.delta[a], 0) for a in range(h)]

    def _apart(self, st: Steps, k: int, live: Rows) -> tuple[Steps, Rows, int, Codes] | None:
        """The steps with the rows to be set apart first, how many of these each point needs and all do, and codes."""
        if (found := self._pieces(st, 0, k, ROUGH if k > 2 else LARGE[k])) is None:
            return None
        judge = Judge(found, 0, self.points[live])
        hot = apart(judge, HOT) if k > 2 else np.zeros(0, np.int64)
        h = len(hot)
        if h:
            st = permuted(st, np.concatenate([hot, np.setdiff1d(np.arange(len(st.rows)), hot)]))
            if (found := self._pieces(st, h, k, LARGE[k])) is None:
                return None
            judge = Judge(found, h, self.points[live])
        room = judge.room()
        weak = room < (min(BEAR[k], float(np.quantile(room, LESS))) if k > 2 else BEAR[k])
        open_, all_ = np.zeros((judge.f + 1, len(live)), bool), np.flatnonzero(~weak)
        judge = judge.some(all_)

        def slab(i: int) -> NDArray[np.bool_] | None:
            return judge.open_by(i, EXACT[k] if self.left() > LATE else (0, 0)) if self.left() > 0.0 else None

        with Crew(slab) as crew:
            for i, found_open in enumerate(crew.all(range(judge.f + 1), AHEAD)):
                if found_open is None:
                    return None
                open_[i, all_] = found_open
        self._say(f"open {k}", int(open_.any(axis=0).sum()))
        more = np.argsort(-open_[:-1].sum(axis=1), kind="stable")[: MORE[k]]  # of these rows nodes are asked, too
        more = more[open_[more].sum(axis=1) > FEWER * len(live)]
        need = np.max([np.where(open_[i], h + a + 1, h) for a, i in enumerate(more)], axis=0, initial=h)
        hot = np.concatenate([np.arange(h), h + more])
        st = permuted(st, np.concatenate([hot, np.setdiff1d(np.arange(len(st.rows)), hot)]))
        open_[more] = False
        bad = open_.any(axis=0) | weak
        return st, np.where(bad, len(self.sums.S) + 1, need), h, found.metric.codes

    def _pieces(self, st: Steps, h: int, k: int, large: float) -> Pieces | None:
        """All numbers for the steps after the first h; None where nothing is proved."""
        try:
            formed = Formed(st, h, k, large)
        except OverflowError:
            return None
        a = metric(st, REACH[k])
        return pieces(formed, a) if a is not None and np.isfinite(st.reach) else None


def apart(judge: Judge, limit: int) -> Rows:
    """Places of the rows that are in most of the choices that are too far for most points, until few are left."""
    f, bad = judge.f, []
    bear = float(np.quantile(judge.room(), SHARE))
    for i in range(f + 1):
        j, l, _, r = judge.slab(i)
        some = np.flatnonzero(~(r < bear))
        bad.append(np.stack([np.full(len(some), i), j[some], *([l[some]] if len(l) else [])]))
        if sum(one.shape[1] for one in bad) > LOOKED:  # the hottest rows come first, and nothing rests on it
            break
    B, hot = np.asarray(np.concatenate(bad, axis=1), np.int64), list[int]()
    while B.shape[1] > OPEN and len(hot) < limit:
        count = np.bincount(B.ravel(), minlength=f + 1)
        count[f] = 0
        if not count.any():
            break
        hot.append(int(count.argmax()))
        B = B[:, np.flatnonzero((B != hot[-1]).all(axis=0))]
    return np.array(hot, np.int64)
