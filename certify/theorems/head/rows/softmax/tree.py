"""D10: which hot rows are among the changed ones, by branch and bound; at every node a box (D9) for the rest.

A node `(I, R, k)`: the rows I are changed, each to a stated target, any k rows of R may follow. Its hot rows
`q_0, q_1, …` are a sequence in R. A point with number h there is proved by a box for R without `q_0 … q_{h−1}`, and by
the children `I ∪ {(q_a, t)}`, R without `q_0 … q_a`, k − 1, for a < h and every target t: a set of at most k rows of R
avoids the first h hot rows or has a first one among them. At k = 1 single rows that the box leaves open are refitted
instead. One tree serves all points.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from certify.finders.head.refits import Refitter
from certify.problem.limits import OutOfTime
from certify.rigor.fp import Array
from certify.systems.head.rows.change import DELETED, Choices, RowChange
from certify.systems.head.rows.head import Head, Whole
from certify.systems.head.rows.refit import enclose_refits
from certify.theorems.head.rows.flips import Found
from certify.theorems.head.rows.method import Flips, Mask
from certify.theorems.head.rows.softmax.centre import Centre, centre, changes_of
from certify.theorems.head.rows.softmax.drops import drops
from certify.theorems.head.rows.softmax.finder import ranges, shifts
from certify.theorems.head.rows.softmax.nominal import nominal
from certify.theorems.head.rows.softmax.trap import Trap, matrices, own_blocks, pairs_of, trap
from certify.theorems.head.rows.softmax.tree_record import Box, Node
from certify.theorems.jobs import AHEAD, Crew

STORED = 16_000_000
"""Most numbers that a certificate holds of a tree."""
STEPS = (0, 2, 4, 7, 10, 14, 19, 25, 32, 40, 50, 60, 75, 90, 110, 130, 160)
"""Numbers of hot rows at which the first box is looked for."""
TRIES, FINER = 2, 3
"""Boxes of a node at most, and how far apart they may be before a smaller number of hot rows is tried."""
MOST_HOT = 160
FEW = 16
"""Rows of a node that may all be hot where there is no box."""
LEAVES = 4096

Row = tuple[int, int]
"""A row and what it becomes: a code, or `DELETED`."""


@dataclass(frozen=True, eq=False)
class Task:
    """A node to be worked on."""

    parent: int
    branch: int
    code: int
    out: tuple[Row, ...]
    free: tuple[int, ...]
    k: int
    points: Whole
    V: Array
    hint: int


Question = tuple[Task, Whole, Mask, Mask, dict[int, tuple[Array, Array]]]
"""A node, its points; points that failed, and that are flipped; and where the search for boxes starts."""


@dataclass(frozen=True, eq=False)
class Worked:
    """A node and its children, with what became known."""

    node: Node
    children: list[Task]
    failed: Mask
    flips: Flips
    warm: dict[int, tuple[Array, Array]]


@dataclass(eq=False)
class Tree:
    """The search: easy points first, and what is finished when time is up counts.

    Attributes:
        head, change: the problem.
        left: seconds left.
        pending: `(N,)` nodes of a point that wait; `failed`: points that are given up.
    """

    head: Head
    change: RowChange
    left: Callable[[], float]
    nodes: list[Node] = field(default_factory=list)
    pending: Whole = field(default_factory=lambda: np.zeros(0, np.int64))
    failed: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))
    stored: int = 0
    warm: dict[int, tuple[Array, Array]] = field(default_factory=dict)
    rank: Whole = field(default_factory=lambda: np.zeros(0, np.int64))

    def run(self, todo: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which points are proved to stay."""
        N = len(self.head.points)
        self.pending, self.failed, self.rank = np.zeros(N, np.int64), ~todo, np.zeros(N, np.int64)
        self.found, self.refitter, self.plain = Found(self.head), Refitter(self.head), nominal(self.head)
        points = np.flatnonzero(todo)
        self.pending[points] = 1
        root = Task(-1, 0, DELETED, (), tuple(self.change.rows), min(self.change.count, len(self.change.rows)), points,
                    self.refitter.V0, 0)
        queue: list[tuple[int, int, int, Task]] = [(0, 0, 0, root)]
        serial, asked = 0, deque[tuple[Task, Whole, Question | None]]()
        with Crew(self._worked) as crew:
            while True:
                going = bool(queue) and self.left() > 0.0 and self.stored < STORED
                if going and len(asked) < (AHEAD if self.nodes else 1):
                    task = heapq.heappop(queue)[-1]
                    live = task.points[~self.failed[task.points]]
                    if len(live):
                        question = task, live, self.failed.copy(), self.found.flipped, self.warm.copy()
                        if self.nodes:
                            crew.ask(question)
                        asked.append((task, live, None if self.nodes else question))
                    continue
                if not asked:
                    break
                task, live, root_ = asked.popleft()
                try:
                    found = crew.next() if root_ is None else self._worked(root_)
                except OutOfTime:  # its points wait for it, and are not proved
                    break
                for child in self._take(live, found):
                    serial += 1
                    self.pending[child.points] += 1
                    heapq.heappush(queue, (int(self.rank[child.points].min()), child.k, serial, child))
        return np.asarray(todo & ~self.failed & (self.pending == 0))

    def _worked(self, question: Question) -> Worked:
        """A node, from what is known of others; nothing here changes."""
        task, live, failed, flipped, warm = question
        before = self.failed, self.found, self.warm
        self.failed, self.found, self.warm = failed.copy(), before[1].beside(flipped), warm.copy()
        try:
            node, children = self._work(task, live)
            news = {k: one for k, one in self.warm.items() if one is not warm.get(k)}
            return Worked(node, children, self.failed, self.found.flips(), news)
        finally:
            self.failed, self.found, self.warm = before

    def _take(self, live: Whole, found: Worked) -> list[Task]:
        """Take what a node found, and its children."""
        at = len(self.nodes)
        self.nodes.append(found.node)
        self.stored += found.node.numbers_held()
        self.failed = self.failed | found.failed
        self.found.merge(found.flips)
        self.warm |= found.warm
        if at == 0:
            order = np.lexsort((np.arange(len(found.node.h)), found.node.h))
            self.rank[order] = np.arange(len(order))
        self.pending[live] -= 1
        return [replace(child, parent=at) for child in found.children]

    def _check(self) -> None:
        if self.left() <= 0.0:
            raise OutOfTime

    def _choices(self, sets: list[tuple[Row, ...]]) -> Choices:
        """The changes as a batch."""
        wide = len(sets[0])
        both = np.array(sets, dtype=np.int64).reshape(len(sets), wide, 2)
        return Choices(np.ascontiguousarray(both[..., 0]), np.ascontiguousarray(both[..., 1]))

    def _sides(self, sets: list[tuple[Row, ...]], V: Array) -> NDArray[np.bool_]:
        """`(B, N)` whether labels are proved to be today's after changes; those that flip are kept."""
        choices = self._choices(sets)
        sides, _ = self.head.sides(V, enclose_refits(self.head, choices, V))
        order = np.argsort(choices.rows, axis=1)
        sorted_ = Choices(*(np.take_along_axis(part, order, 1) for part in (choices.rows, choices.codes)))
        self.found.take(sorted_, V, sides)
        return np.asarray(sides == self.head.today)

    def _work(self, task: Task, live: Whole) -> tuple[Node, list[Task]]:
        """A node's box, its points' numbers, and its children."""
        V = self.refitter.newton(self._choices([task.out]), task.V[None])[0]
        node = Node(task.parent, task.branch, task.code, V, np.full(len(self.head.points), -1, np.int32))
        stays = self._sides([task.out], V[None])[0]
        self.failed[live[~stays[live]]] = True
        live = live[stays[live]]
        if not len(live) or not task.free:  # where no row is left to change, the refit is all there is
            node.h[live] = 0
            return node, []
        c = self._centre(task.out, V)
        order = self._order(c, task.free)
        if task.k == 1:
            self._last(node, c, order, live, task)
            return node, []
        return node, self._branch(node, c, order, live, task)

    def _centre(self, out: tuple[Row, ...], V: Array) -> Centre:
        """The centre of a node."""
        if not self.change.relabels:
            return centre(self.plain.head, V, tuple(row for row, _ in out), self._check)
        assert self.head.codes is not None
        Y = self.head.Y.copy()
        for row, code in out:
            Y[row] = self.head.codes[code]
        return centre(replace(self.plain.head, Y=Y), V, check=self._check)

    def _order(self, c: Centre, free: tuple[int, ...]) -> Whole:
        """The free rows, those that move their own outputs most first."""
        rows = np.array(free, dtype=np.int64)
        M = matrices(c, np.zeros((c.head.n, len(pairs_of(c.head.k)[0]))), proved=False)
        if M is None:
            return rows
        changes = changes_of(c.head, RowChange(self.change.relabels, 1, free))
        own = own_blocks(M.mean, c.head.phi[rows])
        if self.change.relabels:
            d = np.einsum("fab,ftb->fta", own, c.head.Y[rows][:, None] - changes.new)
        else:
            d = shifts(c, changes, own)
        heat = (d.max(axis=-1) - d.min(axis=-1)).max(axis=1)
        return np.asarray(rows[np.argsort(-heat, kind="stable")])

    def box(self, c: Centre, order: Whole, h: int, k: int) -> tuple[Box, Trap] | None:
        """A proved box for the rows after the first h, or None."""
        free = np.sort(order[h:])
        changes = changes_of(c.head, RowChange(self.change.relabels, k, tuple(free.tolist())))
        with np.errstate(all="ignore"):
            proposed = ranges(c, changes, lambda: self.left() > 0, self.warm.get(k))
            if proposed is None:
                return None
            r, x, shift = proposed
            t = trap(c, changes, r, x, shift)
        if t is None or not ((t.outside < r).all() and (t.inside < x).all()):
            return None
        every = np.zeros(c.head.n)
        every[free] = x
        self.warm[k] = r, every
        return Box(h, r, x, shift), t

    def _branch(self, node: Node, c: Centre, order: Whole, live: Whole, task: Task) -> list[Task]:
        k, n = task.k, len(order)
        need = np.full(len(live), n + 1)
        best: Box | None = None
        below, tried = -1, 0
        steps = [h for h in STEPS if task.hint * 0.5 <= h < n]
        while steps and tried < TRIES:
            h = steps.pop(0)
            found = self.box(c, order, h, k)
            if found is None:
                below = h
                if best is not None and best.h - below > FINER:
                    steps.insert(0, (best.h + below + 1) // 2)
                continue
            tried += 1
            box, t = found
            parts = drops(c, t, live, self.plain.slack)
            place = {int(row): at for at, row in enumerate(t.s.rows)}
            new = box.h + parts.needs(np.array([place[int(row)] for row in order[h:]], dtype=np.int64), k)
            if best is None or np.minimum(new, n + 1).sum() < need.sum():
                best, need = box, new
            if h - below > FINER and int(need.max()) > 0 and below >= 0:
                steps = [(h + below + 1) // 2]
            else:
                break
        if n <= FEW:  # all rows are hot, and the refit stands for no further change
            need = np.minimum(need, n)
        hard = need > min(MOST_HOT, n)
        self.failed[live[hard]] = True
        live, need = live[~hard], need[~hard]
        if not len(live):
            return []
        node.box = best
        node.h[live] = need
        node.hot = order[: int(need.max())]
        start, tasks = 0 if best is None else best.h, []
        for a in range(int(need.max())):
            row = int(order[a])
            for code in self.change.alternatives(self.head, row):
                tasks.append(Task(len(self.nodes), a, code, (*task.out, (row, code)), tuple(order[a + 1 :].tolist()),
                                  k - 1, live[need > a], c.V, max(0, start - a - 1)))
        return tasks

    def _last(self, node: Node, c: Centre, order: Whole, live: Whole, task: Task) -> None:
        """k = 1: a box, and refits with single rows changed where it leaves a point open."""
        n = len(order)
        found: tuple[Box, Trap] | None = None
        for h in STEPS:
            if h < 0.5 * task.hint or h >= n:
                continue
            if (found := self.box(c, order, h, 1)) is not None:
                break
        open_ = np.ones((len(live), n), bool)
        if found is not None:
            box, t = found
            parts = drops(c, t, live, self.plain.slack)
            place = {int(row): at for at, row in enumerate(t.s.rows)}
            open_[:, box.h :] = ~parts.single()[:, [place[int(row)] for row in order[box.h :]]]
            node.box, node.hot = box, order[: box.h]
        node.h[live] = len(node.hot)
        columns = np.flatnonzero(open_.any(axis=0))
        if len(columns):
            self._leaves(node, order[columns], open_[:, columns], live, task, c.V)

    def _leaves(self, node: Node, rows: Whole, wanted: NDArray[np.bool_], live: Whole, task: Task, V: Array) -> None:
        """Refits with one row changed each; points with one that is not proved fail."""
        leaves = [((int(row), code), at) for at, row in enumerate(rows)
                  for code in self.change.alternatives(self.head, int(row))]
        sets = [(*task.out, leaf) for leaf, _ in leaves]
        weights = []
        self.refitter.start_from(self._choices([task.out]), V)
        for begin in range(0, len(sets), LEAVES):
            part = sets[begin : begin + LEAVES]
            W = self.refitter.solve(self._choices(part), check=self._check)
            good = self._sides(part, W)
            for (_, at), ok in zip(leaves[begin : begin + LEAVES], good, strict=True):
                self.failed[live[wanted[:, at] & ~ok[live]]] = True
            weights.append(W)
        node.leaves = np.array([leaf for leaf, _ in leaves], dtype=np.int64).reshape(-1, 2)
        node.leaf_weights = np.concatenate(weights)

