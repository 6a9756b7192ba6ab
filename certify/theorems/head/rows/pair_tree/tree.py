"""D12, branch and bound: the tree of D6 with single refits and their pairs in the place of boxes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from certify.rigor.fp import Array
from certify.systems.head.rows.boxes.slabs import Rows
from certify.systems.head.rows.boxes.sums import VAST
from certify.systems.head.rows.boxes.trap import WIDE, Centre, Slabs
from certify.theorems.head.rows.boxes.leaves import Base, base, stays_alone
from certify.theorems.head.rows.boxes.many_leaves import LARGE
from certify.theorems.head.rows.boxes.nodes import Box, Node
from certify.theorems.head.rows.boxes.stated import Codes
from certify.theorems.head.rows.boxes.tree import ROOM, Tree
from certify.theorems.head.rows.boxes.turns import Task, Worked
from certify.theorems.head.rows.pair_tree.bound import Bound, bound, top
from certify.theorems.head.rows.pair_tree.cover import apart
from certify.theorems.head.rows.pair_tree.last import last
from certify.theorems.head.rows.pair_tree.steps import Steps, in_order, steps

REACH = 0.4
"""The distance of refits from sums of steps that is tried first where labels change."""

LITTLE, SINGLE = (256, 512), (128,)
"""Rows with a step of their own at a node after which two rows follow, and one: few first, and all that there are."""

BOXES, ROOTS, FIRST = 4, 6, 24
"""Bounds that are tried at an inner node and at the root, and for how many hot rows the first one: every row less is a
child less."""

ROOT, NOT_MANY = 20_480, 1500
"""Pairs of deletions that are formed one by one at the root, on which all else rests; and up to how many rows."""

MANY, POINTS = 500, 0.98
"""Rows from which on the root is searched like that, and the share of the points that counts there: few are such that
nothing proves them."""

DEEP, OWN, EASIER, SOME = 3, 512, 0.9, 2
"""Of a table of `VAST` entries, where a bound takes seconds, rows that follow from which on little is done at a node
below the root: how many rows have a step of their own, the share of the points that the bounds are for, and bounds that
are tried."""

WARM = 1.2
"""Times the distance of the last bound: with what the search for a distance begins."""

EASY, HARD = 3, 24
"""Children of a node below which the next one is tried with less, and above which this one is with more."""

ALONE, LEAVES = (0, 1, 2, 4, 8, 16), 16
"""Rows that are refitted by themselves where a bound holds for the others alone; and how many refits are few."""

TRIED, LATER = 4, 0.5
"""Last levels of a tree for labels after which it is given up if the first prediction cannot be reached in time; and
how long the later ones take beside the first, which are those of the longest rows."""


@dataclass(eq=False)
class Part:
    """A proved bound of a node: the rows after the first h hot ones."""

    h: int
    codes: Codes
    free: Rows
    k: int
    found: Bound

    def stated(self) -> tuple[int, Codes, int]:
        """What a node keeps of it."""
        return self.h, self.codes, WIDE


@dataclass(eq=False)
class PairTree(Tree):
    """The search; `now` are the steps at the node that is worked on."""

    KEPT: ClassVar[tuple[str, ...]] = ("warm", "reach", "effort", "single")

    now: Steps | None = field(default=None)
    inverse: Base | None = field(default=None)
    last: bool = False
    again: bool = False
    little: bool = False
    deep: bool = False
    effort: int = 0
    single: int = 0
    reach: dict[int, Array] = field(default_factory=dict)
    ends: int = 0
    fewest: int = 0
    begun: float = 0.0

    def _work(self, task: Task, live: Rows) -> tuple[Node, list[Task]]:
        self.last, self.again = task.k == 1, False
        self.little = task.k == 2 and task.parent >= 0 and not self.sums.relabels
        self.deep = self._is_deep(task)
        return super()._work(task, live)

    def _is_deep(self, task: Task) -> bool:
        return task.k >= DEEP and task.parent >= 0 and not self.sums.relabels and self.sums.S.size >= VAST

    def _take(self, task: Task, live: Rows, found: Worked) -> list[Task]:
        children = super()._take(task, live, found)
        if self._is_deep(task):  # the fewer nodes a point has asked for below the root, the earlier it has its turn
            self.rank[live] += len(self.points) * np.maximum(found.node.h[live], 0)
        return children

    def _rank(self, root: Node) -> None:
        """Points that need fewer hot rows come first, in the unit of nodes below."""
        super()._rank(root)
        self.rank += len(self.points) * np.maximum(root.h, 0)

    def _ended(self, task: Task) -> None:
        if self.sums.relabels and task.k == 1 and task.parent == 0:
            self._hurry()

    def _hurry(self) -> None:
        """A tree of labels whose first prediction would take longer than there is time is given up: others go on."""
        self.ends += 1
        each = (self.begun - self.left()) / self.ends
        if TRIED <= self.ends < self.fewest and LATER * each * (self.fewest - self.ends) > self.left():
            self._say("given up")
            self.left = lambda: 0.0

    def _order(self, c: Centre, free: Rows) -> tuple[Rows, Array]:
        if self.last:  # labels: no row follows, and steps are not formed one by one
            return free, np.tile(c.w, (0, 1))
        b = self.inverse = base(c)
        after = np.tile(c.w, (len(free), 1))
        if b is None:
            self.now = None
            return free, after
        order = in_order(b, free)
        if self.little:
            return order, after
        self.now = steps(b, order, 2, OWN if self.deep else None)
        if self.now is not None:
            after[: len(self.now.delta)] += self.now.delta
        return order, after

    def box(self, c: Centre, order: Rows, h: int, k: int, warm: Slabs | None = None, wide: int = 0) -> Box | None:
        """A proved bound for the rows after the first h, or None."""
        self._say("tries")
        at = -k if self.again and self.sums.vast else k  # later bounds of a node are for more rows apart, and nearer
        first = np.asarray(WARM * self.reach.get(at, self.reach.get(k, 0.0)))
        most = ROOT if not self.nodes and not self.sums.relabels and len(self.sums.S) < NOT_MANY else None
        found = bound(self.now, h, k, first, most) if self.now is not None and self.left() > 0.0 else None
        if found is None:
            return None
        self.reach[at], self.again = self._near(found), True
        self._say("bounds")
        return Part(h, found.codes, order[h:], k, found)  # type: ignore[return-value]

    def _near(self, found: Bound) -> Array:
        """Where the next bound begins: of a large table row by row; of others by the distance, and ends nearer."""
        return np.asarray(found.needed / found.steps.lengths if self.sums.vast else found.reach)

    def _remember(self, k: int, box: Box) -> None:
        """No bound starts from another."""

    def _sharper(self, box: Box, order: Rows, live: Rows) -> tuple[Rows, Array]:
        return self.needs(box, order, self.points[live]), np.full(len(self.points), -1.0)

    def needs(self, box: Box, order: Rows, points: Array) -> Rows:
        """For each point how many hot rows have to be taken out for the bound to prove it."""
        found: Bound = box.found  # type: ignore[assignment]
        margin, pushes, fixed = found.drops(points)
        f, far = len(found.steps.rows) - box.h, len(found.steps.far)
        own, other = pushes[:, :f], pushes[:, f] if far else np.zeros(len(points))

        def holds(some: Rows, cut: Rows) -> NDArray[np.bool_]:
            left = np.where(np.arange(f) >= cut[:, None], own[some], 0.0)
            return np.asarray((top(left, other[some], box.k) + fixed[some]) * ROOM < margin[some])

        low, high = np.zeros(len(points), np.int64), np.full(len(points), f + 1)
        live = np.arange(len(points))
        good = holds(live, low)  # most points, below the root
        high[good] = 0
        live = live[~good]
        low[live] = 1
        while len(live):
            middle = (low[live] + high[live]) // 2
            good = holds(live, middle)
            high[live[good]] = middle[good]
            low[live[~good]] = middle[~good] + 1
            live = live[low[live] < np.minimum(high[live], f + 1)]
        return np.where(high <= f, box.h + high, len(self.sums.S) + 1)

    def _little(self, node: Node, c: Centre, order: Rows, live: Rows, task: Task, after: Array) -> list[Task]:
        """Two deletions: bounds by few steps first, and by more where these leave a point open or many children."""
        efforts, kept, worst = (*LITTLE, None), [], len(order) + 1
        for at in range(self.effort, len(efforts)):
            few, before = efforts[at], worst
            self.now = steps(self.inverse, order, 2, few) if self.inverse is not None else None
            if self.now is None:
                break
            kept += self._searched(c, order, live, self.likely.get(task.parent, FIRST) - task.branch, 2, BOXES)
            if kept:
                worst = int(np.min([needs for _, needs, _ in kept], axis=0).max())
            if worst < before:
                self.effort = max(at - (worst < EASY), 0)
            if worst <= (HARD if at == 0 else self.most_hot) or len(order) <= (few or 0):
                break
        start = min((box.h for box, _, _ in kept), default=0)
        if kept:
            self.likely[task.parent] = min(worst, self.most_hot) + task.branch
        return self._children(node, c, order, live, task, after, kept, start)

    def _searched(self, c: Centre, order: Rows, live: Rows, h: int, k: int, most: int, share: float = 1.0,
                  ) -> list[tuple[Box, Rows, Array]]:
        """At most so many bounds by the present steps, around h hot rows, so that a share of the points needs few."""
        kept, low, high, zero = [], -1, min(self.most_hot, len(order) - 2) + 1, np.full(len(self.points), -1.0)
        h = max(min(h, high - 1), 0)
        for _ in range(most):
            if not low < h < high or not self.left() > 0.0:
                break
            found = self.box(c, order, h, k)
            if found is None:
                low, h = h, int(np.sqrt(max(h, 1) * high))
                continue
            needs = self.needs(found, order, self.points[live])
            kept.append((found, needs, zero))
            worst = int(np.quantile(needs, share, method="higher"))
            if worst > h + h // 8:  # a bound for fewer rows is sharper
                low, high = h, min(high, worst)
                h = int(np.sqrt(max(low, 1) * high))
            else:
                high = h
                h = (max(low, 0) + high) // 2 if h > 1 else 0
            if high - low <= 1 + high // 8:
                break
        return kept

    def _singles(self, node: Node, c: Centre, live: Rows, task: Task) -> None:
        """k = 1: the single steps themselves, and refits where they leave a point open."""
        if self.sums.S.size >= LARGE:  # leaves take less time than steps there
            super()._singles(node, c, live, task)
            return
        b, points = base(c), self.points[live]
        if b is None:
            self.failed[live] = True
            return
        node.h[live] = 0
        self.failed[live[~stays_alone(c, points, b)]] = True
        order = in_order(b, task.free)
        open_, codes = np.ones((len(live), len(order)), bool), None
        efforts = (*SINGLE, None)
        for at in range(self.single, len(efforts)):  # of few rows what was not enough for a sister is not tried again
            own, self.single = efforts[at], at if len(order) < NOT_MANY else 0
            st = steps(b, order, 1, own)
            found = self._by_steps(st, points, order) if st is not None else None
            if found is not None and found[1].sum() < open_.sum():
                codes, open_ = found[0].codes, found[1]
            if int(open_.any(axis=0).sum()) <= LEAVES or len(order) <= (own or 0):
                break
        if codes is not None:
            node.boxes.append((0, codes, WIDE))
        columns = np.flatnonzero(open_.any(axis=0))
        if len(columns):
            self._leaves(node, c, order[columns], open_[:, columns], live, task, b)

    def _by_steps(self, st: Steps, points: Array, order: Rows) -> tuple[Bound, NDArray[np.bool_]] | None:
        """A bound for all rows but the first few, which are to be refitted, and what it leaves open."""
        for h in ALONE:
            if h < len(st.rows) and (found := bound(st, h, 1, np.asarray(WARM * self.reach.get(1, 0.0)))) is not None:
                self.reach[1] = self._near(found)
                margin, pushes, fixed = found.drops(points)
                open_, f = np.ones((len(points), len(order)), bool), len(st.rows)
                left = ~((pushes + fixed[:, None]) * ROOM < margin[:, None])
                open_[:, h:f], open_[:, f:] = left[:, : f - h], left[:, f - h :]
                return found, open_
        return None

    def _branch(self, node: Node, c: Centre, order: Rows, live: Rows, task: Task, after: Array) -> list[Task]:
        if self.little:
            return self._little(node, c, order, live, task, after)
        if self.deep:
            before = max(self.likely.get(task.parent, 0) - task.branch, 0)
            kept = self._searched(c, order, live, before, task.k, SOME, EASIER)
            if kept:
                self.likely[task.parent] = min(box.h for box, _, _ in kept) + task.branch
                return self._children(node, c, order, live, task, after, kept, 0)
        if not self.sums.relabels and (task.parent >= 0 or len(order) < MANY):
            return super()._branch(node, c, order, live, task, after)
        if not self.sums.relabels:
            kept = self._searched(c, order, live, FIRST, task.k, ROOTS, POINTS)
            return self._children(node, c, order, live, task, after, kept, 0)
        k, found, h, st = task.k, None, 0, self.now
        for st, h in apart(self.now, k, self.most_hot) if self.now is not None else ():
            found = bound(st, h, k, REACH) if self.left() > 0.0 else None
            if found is not None or not self.left() > 0.0:
                break
        if st is None or found is None:
            self.failed[live] = True
            return []
        order = st.rows
        need = self.needs(Part(h, found.codes, order[h:], k, found), order, self.points[live])  # type: ignore[arg-type]
        hard = need > min(max(h, self.most_hot), len(order))
        self.failed[live[hard]] = True
        live, need = live[~hard], need[~hard]
        if not len(live):
            return []
        node.boxes, node.second = [(h, found.codes, WIDE)], [np.full(len(self.points), -1.0)]
        node.h[live], node.hot = need, order[: int(need.max())]
        if task.parent < 0:
            self.fewest, self.begun = int(need.min()), self.left()
        return [Task(len(self.nodes), a, (*task.out, int(order[a])), order[a + 1 :], k - 1, live[need > a],
                     c.w + st.delta[a], 0) for a in range(int(need.max()))]

    def _last(self, node: Node, c: Centre, order: Rows, live: Rows, task: Task) -> None:
        """k = 1, labels: one step for every row, and refits where it leaves a point open."""
        b, points = base(c), self.points[live]
        if b is None:
            self.failed[live] = True
            return
        self.failed[live[~stays_alone(c, points, b)]] = True
        found, alone = last(b, task.free)
        open_ = np.zeros((len(live), len(task.free)), bool)
        if found is not None:
            node.boxes.append((len(alone), found.codes, WIDE))
            place = np.zeros(len(self.sums.S), np.int64)
            place[task.free] = np.arange(len(task.free))
            open_[:, place[found.rows]] = found.open(points)
            open_[:, place[alone]] = True
        else:
            open_[:] = True
        node.hot = np.concatenate([alone, found.followed]) if found is not None else alone
        node.h[live] = len(node.hot)
        columns = np.flatnonzero(open_.any(axis=0))
        if len(columns):
            self._leaves(node, c, task.free[columns], open_[:, columns], live, task, b)

    def arrays(self, proved: NDArray[np.bool_], k: int) -> dict[str, NDArray[np.generic]]:
        """The nodes that proved points rest on."""
        return {name: array for name, array in super().arrays(proved, k).items() if name not in ("second", "wide")}
