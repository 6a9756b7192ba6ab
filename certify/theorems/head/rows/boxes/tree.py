"""D6, branch and bound: which hot rows are among the changed ones, node by node, with a box for the rest.

A node `(I, R, k)`: the rows I are changed, any k rows of R may follow. Its hot rows `q_0, q_1, …` are a sequence in R.
A point with number h at the node is proved by a box for the rows R without `q_0 … q_{h−1}`, and by the children
`I ∪ {q_a}`, R without `q_0 … q_a`, k − 1, for a < h: a set of at most k rows of R avoids the first h hot rows or has a
first one among them. At k = 1 single rows that the box leaves open are refitted instead. One tree serves all points.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from certify.finders.head import boxes
from certify.rigor.fp import RAISE, Array
from certify.systems.head.rows.boxes.slabs import Rows
from certify.systems.head.rows.boxes.trap import WIDE, Centre, Slabs, centre, drops, top_sums, trap
from certify.theorems.head.rows.boxes.leaves import Base, base, refits, stays, stays_alone
from certify.theorems.head.rows.boxes.many_leaves import LARGE, many_leaves
from certify.theorems.head.rows.boxes.nodes import Box, Node, arrays
from certify.theorems.head.rows.boxes.second import second, second_drops
from certify.theorems.head.rows.boxes.singles import hot_rows, left_open, rough, steps
from certify.theorems.head.rows.boxes.stated import coded, decoded
from certify.theorems.head.rows.boxes.turns import Task, Turns

STEPS = (0, 3, 6, 10, 15, 22, 30, 40, 55, 75, 100, 130, 180, 250, 350)
LAST_STEPS = (0, 4, 10, 20, 40, 80, 180)
MOST_BOXES = 3
"""Boxes of a node."""
ROOM = 1.0 + 2.0**-16
"""A checker has bounds of its own: what is proved is to hold with a little to spare."""
NEAR, STILL = 1e-14, 1e-11
"""Squared Newton decrement after which no step follows; and the part of all pulls below which a gradient is none."""

TURNS, AGAIN = 24, 40
"""Steps towards a refit, all of a node at once, before the rest are taken one by one; and how many leaves of a point of
a large head are."""

GAP, LESS = (0, 9, 6, 2), 2
"""How finely the first number of hot rows with a box is looked for, by k; how many fewer than a brother's are tried."""
BREADTH = (0, WIDE, 64, 80, 120)
"""Of how many rows a box of a deletion forms the products, by k: with fewer, boxes need more rows to be hot."""


@dataclass(eq=False)
class Tree(Turns):
    """The search.

    Attributes:
        warm: slabs from which that for those of other nodes starts, by how many rows may follow.
        follow: of rows those that may follow others, where exactly so many rows of each kind change; None: at most so
            many of all, whichever they are.
    """

    KEPT: ClassVar[tuple[str, ...]] = ("warm",)

    warm: dict[int, Slabs] = field(default_factory=dict)
    follow: Callable[[Sequence[int], Rows], Rows] | None = None

    def _work(self, task: Task, live: Rows) -> tuple[Node, list[Task]]:
        """A node's box, its points' numbers, and its children."""
        k = task.k
        s, kept = self.sums.after(task.out)
        alone = k == 1 and not s.relabels and s.weights is None  # single rows without a box, where all count the same
        c = centre(s, kept, task.w) if alone else None
        if c is None or not c.gradient < STILL * float((kept * c.at.p) @ s.norms):
            w = boxes.minimiser(s, kept, task.w, NEAR)
            c = centre(s, kept, w)
        node, live = self._begun(c, task, live)
        if not len(live):
            return node, []
        if alone:
            self._singles(node, c, live, task)
            return node, []
        order, after = self._order(c, task.free)
        if k == 1:
            self._last(node, c, order, live, task)
            return node, []
        return node, self._branch(node, c, order, live, task, after)

    def _begun(self, c: Centre, task: Task, live: Rows) -> tuple[Node, Rows]:
        """A node at a centre, and the points that have today's label there."""
        w = c.w
        node = Node(task.parent, task.branch, w, h=np.full(len(self.points), -1, np.int32))
        self._say(f"nodes {task.k}")
        wrong = live[~(self.points[live] @ self.sums.aimed(w) > 0.0)]
        for j in wrong:
            self.flips[int(j)] = (task.out, w)
        self.failed[wrong] |= self.follow is None  # else more rows change, and another label says nothing
        return node, live[~self.failed[live]]

    def _order(self, c: Centre, free: Rows) -> tuple[Rows, Array]:
        """The free rows, the hottest first, and for each of them weights near the minimiser after its change."""
        S = c.sums.S
        H = (S.T * (c.kept * c.at.D)) @ S + np.diag(self.sums.decay)
        SX = S @ boxes.near_inverse(H)
        own = np.einsum("ij,ij->i", SX, S)
        pull = np.ones(len(S)) if c.sums.relabels else c.at.p / np.maximum(1.0 - own * c.at.D, 0.05)
        pull = pull * self.sums.whole
        heat = np.sqrt(np.maximum(own, 0.0)) * pull
        order = np.asarray(free[np.argsort(-heat[free], kind="stable")])
        return order, c.w - (0.0 if c.sums.relabels else pull[order, None]) * SX[order]

    def box(self, c: Centre, order: Rows, h: int, k: int, warm: Slabs | None = None, wide: int = 0) -> Box | None:
        """A proved box for the rows after the first h, or None; `wide` 0: as `BREADTH` has it."""
        free = np.sort(order[h:])
        if not wide:
            wide = WIDE if self.sums.relabels else min(BREADTH[min(k, len(BREADTH) - 1)], max(WIDE, len(c.sums.S)))
        self._say("tries")
        slabs = boxes.slabs(c, free, k, warm, wide, self.left)
        if slabs is None:
            return None
        room = slabs.all()
        for _ in range(3):
            if self.left() <= 0.0:
                return None
            codes = coded(room)
            found = trap(c, Slabs(*decoded(codes)), free, k, wide=wide)
            if found is not None and found.inside(Slabs(*decoded(codes))):
                self._say("boxes")
                return Box(h, codes, c, found, free, k)
            room = room * 1.04
        return None

    def _branch(self, node: Node, c: Centre, order: Rows, live: Rows, task: Task, after: Array) -> list[Task]:
        k, n, need = task.k, self._most(c, order), np.full(len(live), len(order) + 1)
        steps = [h for h in STEPS if h < n - k and h >= 0.4 * task.hint]
        first, tried, below = None, 0, -1
        if k == 2 < n and (likely := self.likely.get(task.parent)) is not None:  # brothers need about as many
            guess = min(max(likely - task.branch - LESS, 0), n - k - 1)
            steps = [guess, *(h for h in (guess + LESS + 1, *STEPS) if guess < h < n - k)]
            below = guess - 1 - GAP[k]
        kept: list[tuple[Box, Rows, Array]] = []
        while steps:
            h = steps.pop(0)
            if h > self.most_hot or tried >= MOST_BOXES:
                break
            if first is not None and h > first and int(need.max()) <= h + (h + 12) // 4:
                break
            found = self.box(c, order, h, k, self.warm.get(k) if task.out else None)
            if found is None:
                below = h
                if first is not None and h < first and first - h > 1 + GAP[min(k, 3)]:
                    steps.insert(0, (first + h + 1) // 2)
                continue
            tried += 1
            self._remember(k, found)
            kept.append((found, *self._sharper(found, order, live)))
            need = np.minimum(need, kept[-1][1])
            if first is None or h < first:
                if h - below > 1 + GAP[min(k, 3)]:
                    steps.insert(0, (h + below + 1) // 2)
                first = h
        if first is not None:
            self.likely[task.parent] = first + task.branch
        return self._children(node, c, order, live, task, after, kept, first or 0)

    def _children(self, node: Node, c: Centre, order: Rows, live: Rows, task: Task, after: Array,
                  kept: list[tuple[Box, Rows, Array]], start: int) -> list[Task]:
        """What a node keeps of the boxes that were found, each with the points' needs and λ, and its children."""
        k, n = task.k, self._most(c, order)
        need = np.min([needs for _, needs, _ in kept], axis=0) if kept else np.full(len(live), len(order) + 1)
        if n <= self.most_hot and (need > n).any():  # all rows are hot, and the centre stands for no further row
            stand = self._stands(c, self.points[live]) if self.follow is None else True  # else no row is left for none
            need = np.where((need > n) & stand, n, need)
        hard = need > min(self.most_hot, len(order))
        self.failed[live[hard]] = True
        kept = [(box, needs[~hard], shares) for box, needs, shares in kept]
        live, need = live[~hard], need[~hard]
        if not len(live):
            return []
        for one in list(kept):  # what the others do as well, or none of the points rests on, is not stated
            others = [needs for box, needs, _ in kept if box is not one[0]]
            without = need if one[0].h > need.max() else np.full(len(need), len(order) + 1)
            if (np.min([without, *others], axis=0) <= need).all():
                kept.remove(one)
        node.boxes, node.second = [box.stated() for box, _, _ in kept], [shares for _, _, shares in kept]
        node.h[live] = need
        node.hot = order[: int(need.max())]
        if k == 2 and not c.sums.relabels and len(node.hot):
            after = self._starts(c, node.hot, after)
        free = self.follow or (lambda out, rows: rows)
        return [Task(len(self.nodes), a, out := (*task.out, int(order[a])), free(out, order[a + 1 :]), k - 1,
                     live[need > a], after[a], max(0, start - a - 1)) for a in range(int(need.max()))]

    def _most(self, c: Centre, order: Rows) -> int:
        """How many rows, the first of an order, have to be hot for none to be left that moves the minimiser alone."""
        return len(order)

    def _stands(self, c: Centre, points: Array) -> NDArray[np.bool_]:
        """Whether points have today's label at the minimiser near a centre, `(N,)`."""
        return stays_alone(c, points)

    def _starts(self, c: Centre, hot: Rows, after: Array) -> Array:
        """Weights near the minimisers after the change of each hot row: all at once, by one factor."""
        b = base(c)
        return after if b is None else refits(b, hot, 12)

    def _remember(self, k: int, box: Box) -> None:
        """Slabs from which the search for those of brothers starts."""
        self.warm[k] = Slabs(*decoded(box.codes))

    def _sharper(self, box: Box, order: Rows, live: Rows) -> tuple[Rows, Array]:
        """The needs of points by the first or the second order, and for those of the second its λ, (N,)."""
        need, shares = self.needs(box, order, self.points[live]), np.full(len(self.points), -1.0)
        slabs = Slabs(*decoded(box.codes))
        # the second order is for losses whose bends it knows and rows that count the same
        plain = box.c.sums.weights is None and box.c.sums.loss.bends
        parts = second(box.c, slabs, box.found, box.free, box.k) if plain and (need > box.h).any() else None
        for at in np.flatnonzero(need > box.h):
            if parts is None or self.left() < 0.0:
                break
            share, margin, push, fixed = second_drops(box.c, slabs, box.found, box.free, parts, self.points[live[at]])
            found = self._counted(box, order, np.array([margin]), push[None, :], np.array([fixed]))[0]
            if found < need[at]:
                need[at], shares[live[at]] = found, share
        return need, shares

    def needs(self, box: Box, order: Rows, points: Array) -> Rows:
        """For each point how many hot rows have to be taken out for the box to prove it."""
        return self._counted(box, order, *drops(box.c, box.found, box.free, box.k, points))

    def _counted(self, box: Box, order: Rows, margin: Array, pushes: Array, fixed: Array) -> Rows:
        """The same from margins in parts."""
        spot = np.full(len(self.sums.S), -1)
        spot[box.free] = np.arange(len(box.free))
        pushes = pushes[:, spot[order[box.h :]]]
        f = len(box.free)
        low, high = np.zeros(len(margin), np.int64), np.full(len(margin), f, np.int64)

        def holds(rows: Rows, cut: Rows) -> NDArray[np.bool_]:
            V = np.where(np.arange(f) >= cut[:, None], pushes[rows], 0.0)
            push = top_sums(V, min(box.k, f))[0]
            return np.asarray((push + fixed[rows]) * ROOM < margin[rows])

        all_rows = np.arange(len(margin))
        done = holds(all_rows, low)
        high[done] = 0
        never = ~(fixed * RAISE < margin)  # nor where one is no number
        open_rows = all_rows[~done & ~never]
        while len(open_rows):
            middle = (low[open_rows] + high[open_rows]) // 2
            good = holds(open_rows, middle)
            high[open_rows[good]] = middle[good]
            low[open_rows[~good]] = middle[~good] + 1
            open_rows = open_rows[low[open_rows] < high[open_rows]]
        return np.where(never, len(self.sums.S) + 1, box.h + high)

    def _singles(self, node: Node, c: Centre, live: Rows, task: Task) -> None:
        """k = 1, deletions: one step for every row, and refits where it leaves a point open."""
        b, points = base(c), self.points[live]
        if b is None:
            self.failed[live] = True
            return
        node.h[live] = 0
        self.failed[live[~stays_alone(c, points, b)]] = True
        it = steps(b, task.free)
        it = it.take(hot_rows(b, it, rough(b, it), points))
        if len(it.rows):
            self._say("sharp", len(it.rows))
            rows, open_ = left_open(b, it, points, self.left)
            if len(rows):
                self._leaves(node, c, rows, open_, live, task, b)

    def _last(self, node: Node, c: Centre, order: Rows, live: Rows, task: Task) -> None:
        """k = 1: a box, and refits with single rows changed where it leaves a point open."""
        n, points = len(order), self.points[live]
        box = None
        # one label of a large head: its row may move margins farther than any box reaches, and all have leaves
        for h in () if task.parent < 0 and c.sums.relabels and c.sums.S.size >= LARGE else LAST_STEPS:
            if h < 0.4 * task.hint or h >= n:
                continue
            box = self.box(c, order, h, 1, self.warm.get(1))
            if box is not None:
                self.warm[1] = Slabs(*decoded(box.codes))
                break
        at = box.h if box is not None else n
        open_ = np.ones((len(live), n), bool)
        if box is not None:
            margin, pushes, fixed = drops(box.c, box.found, box.free, 1, points)
            spot = np.full(len(self.sums.S), -1)
            spot[box.free] = np.arange(len(box.free))
            open_[:, at:] = ~((pushes[:, spot[order[at:]]] + fixed[:, None]) * RAISE < margin[:, None])
            node.boxes.append(box.stated())
            bare = ~(fixed * ROOM < margin)
        else:
            bare = np.ones(len(live), bool)
        if bare.any() and self.follow is None:  # leaves say nothing of the case that no further row changes
            self.failed[live[bare]] = ~self._stands(c, points[bare])
        node.hot = order[:at]
        node.h[live] = at
        columns = np.flatnonzero(open_.any(axis=0))
        if not len(columns):
            return
        self._leaves(node, c, order[columns], open_[:, columns], live, task)

    def _leaves(self, node: Node, c: Centre, rows: Rows, wanted: NDArray[np.bool_], live: Rows, task: Task,
                known: Base | None = None) -> None:
        """Refits with one row changed each; points with one that is not proved fail, those that need none stand."""
        self._say("leaves", len(rows))
        b = known or base(c)
        if b is None:
            self.failed[live[wanted.any(axis=1)]] = True
            return
        points = self.points[live]
        if c.sums.S.size >= LARGE:
            found = many_leaves(b, rows, wanted, points, self.left)
            W, good = found.W, found.good.copy()
            still = found.alive & ((~good).sum(axis=1) <= AGAIN) & (not found.given_up)
            for point, at in found.flips.items():
                self.flips[int(live[point])], good[point] = ((*task.out, int(rows[at])), W[at]), False
        else:
            W = refits(b, rows, TURNS)
            good, still = stays(b, rows, W, points).T, np.ones(len(live), bool)
            good |= ~wanted
        bad: list[int] = np.flatnonzero(~good[still].all(axis=0)).tolist()
        for i in bad:
            if self.left() <= 0.0:
                break
            good[:, i] = self._again(b, rows, W, i, points, task) | ~wanted[:, i]  # by the weights that are kept
            for j in np.flatnonzero(~good[:, i] & still & (points @ self.sums.aimed(W[i]) <= 0.0)):
                self.flips[int(live[j])], still[j] = ((*task.out, int(rows[i])), W[i]), False
        stand = np.asarray(good.all(axis=1))
        self.failed[live[~stand]] = True
        used = wanted[stand].any(axis=0)
        node.leaves = (rows[used], W[used])

    def _again(self, b: Base, rows: Rows, W: Array, i: int, points: Array, task: Task) -> NDArray[np.bool_]:
        """The points that one leaf proves with weights solved to the end, in place, or by a factor of its own."""
        s, kept = self.sums.after((*task.out, int(rows[i])))
        W[i] = boxes.minimiser(s, kept, W[i] if np.isfinite(W[i]).all() else b.c.w)
        self._say("refits")
        good = np.asarray(stays(b, rows[i : i + 1], W[i : i + 1], points)[0])
        if good.all():
            return good
        self._say("alone")
        return np.asarray(good | stays_alone(centre(s, kept, W[i]), points))

    def arrays(self, proved: NDArray[np.bool_], k: int) -> dict[str, NDArray[np.generic]]:
        """The nodes that proved points rest on."""
        return arrays(self.nodes, proved, self.sums.S.shape, k)
