"""D12, branch and bound: the tree of D6 with single refits and their pairs in the place of boxes."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from certify.rigor.fp import Array
from certify.systems.head.rows.boxes.slabs import Rows
from certify.systems.head.rows.boxes.trap import WIDE, Centre, Slabs
from certify.theorems.head.rows.boxes.leaves import base, stays_alone
from certify.theorems.head.rows.boxes.many_leaves import LARGE
from certify.theorems.head.rows.boxes.nodes import Box, Node
from certify.theorems.head.rows.boxes.stated import Codes
from certify.theorems.head.rows.boxes.tree import ROOM, Task, Tree
from certify.theorems.head.rows.pair_tree.bound import Bound, bound
from certify.theorems.head.rows.pair_tree.cover import apart
from certify.theorems.head.rows.pair_tree.last import last
from certify.theorems.head.rows.pair_tree.steps import Steps, in_order, steps

REACH = 0.4
"""The distance of refits from sums of steps that is tried first where labels change."""

TRIED = 4
"""Last levels of a tree for labels after which it is given up if the first prediction cannot be reached in time."""


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

    now: Steps | None = field(default=None)
    last: bool = False
    ends: int = 0
    fewest: int = 0
    begun: float = 0.0

    def _work(self, task: Task, live: Rows) -> tuple[Node, list[Task]]:
        self.last = task.k == 1
        found = super()._work(task, live)
        if self.sums.relabels and self.last and task.parent == 0:
            self._hurry()
        return found

    def _hurry(self) -> None:
        """A tree of labels whose first prediction would take longer than there is time is given up: others go on."""
        self.ends += 1
        each = (self.begun - self.left()) / self.ends
        if TRIED <= self.ends < self.fewest and each * (self.fewest - self.ends) > self.left():
            self._say("given up")
            self.left = lambda: 0.0

    def _order(self, c: Centre, free: Rows) -> tuple[Rows, Array]:
        if self.last:  # labels: no row follows, and steps are not formed one by one
            return free, np.tile(c.w, (0, 1))
        b = base(c)
        if b is None:
            self.now = None
            return free, np.tile(c.w, (len(free), 1))
        order = in_order(b, free)
        self.now = steps(b, order, 2)
        after = np.tile(c.w, (len(free), 1))
        if self.now is not None:
            after[: len(self.now.delta)] += self.now.delta
        return order, after

    def box(self, c: Centre, order: Rows, h: int, k: int, warm: Slabs | None = None, wide: int = 0) -> Box | None:
        """A proved bound for the rows after the first h, or None."""
        self._say("tries")
        found = bound(self.now, h, k) if self.now is not None and self.left() > 0.0 else None
        if found is None:
            return None
        self._say("bounds")
        return Part(h, found.codes, order[h:], k, found)  # type: ignore[return-value]

    def _remember(self, k: int, box: Box) -> None:
        """No bound starts from another."""

    def _sharper(self, box: Box, order: Rows, live: Rows) -> tuple[Rows, Array]:
        return self.needs(box, order, self.points[live]), np.full(len(self.points), -1.0)

    def needs(self, box: Box, order: Rows, points: Array) -> Rows:
        """For each point how many hot rows have to be taken out for the bound to prove it."""
        found: Bound = box.found  # type: ignore[assignment]
        return self._counted(box, order, *found.drops(points))

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
        st = steps(b, order, 1)
        found = bound(st, 0, 1) if st is not None else None
        open_ = np.ones((len(live), len(order)), bool)
        if found is not None:
            node.boxes.append((0, found.codes, WIDE))
            margin, pushes, fixed = found.drops(points)
            open_ = ~((pushes + fixed[:, None]) * ROOM < margin[:, None])
        columns = np.flatnonzero(open_.any(axis=0))
        if len(columns):
            self._leaves(node, c, order[columns], open_[:, columns], live, task, b)

    def _branch(self, node: Node, c: Centre, order: Rows, live: Rows, task: Task, after: Array) -> list[Task]:
        if not self.sums.relabels:
            return super()._branch(node, c, order, live, task, after)
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

