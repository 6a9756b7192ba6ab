"""D21, the tree: the groups that pull most on a point go one by one, each from a refit without it.

A node is a set I of groups that are out. A point stays at a node if the steps of the other groups, but for some set
aside, leave it positive whatever k of them follow, and if it stays at the node `I ∪ {A}` for every A set aside. Nodes
are sets, so that points share them in whatever order they come to them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from certify.finders.head import boxes
from certify.rigor.fp import RAISE, Array
from certify.systems.head.rows.boxes.sums import Sums
from certify.systems.head.rows.boxes.trap import centre
from certify.theorems.head.rows.boxes.leaves import Base, base
from certify.theorems.head.rows.group_tree.pulls import Pulls, Whole, pulls
from certify.theorems.head.rows.group_tree.steps import Steps, judged, steps

NEAR = 1e-16
"""Squared Newton decrement after which no step follows."""

APART = 96
"""Most groups that are set aside at a node for a point."""

ASIDE = (0, 2, 4, 7, 11, 16, 22, 30, 40, 55, 75, 100)
"""How many groups are set aside for all points of a node, the fewest that will do."""

NEARLY, OPEN = 0.1, 4.0
"""The share of points that may stay open by that, as they may flip; and how many groups one counts for."""

Out = tuple[int, ...]
"""Numbers of groups that are out, ascending."""


@dataclass(eq=False)
class Node:
    """A node.

    Attributes:
        w: weights near the refit without the groups that are out.
        all: the steps of all others, for what is only proposed.
        aside: places of those that are set aside for every point.
        it: what is proved of the rest; None where nothing is.
        left, pushes: of every point, as :func:`judged`.
    """

    w: Array
    all: Pulls
    aside: Whole
    it: Steps | None
    left: Array
    pushes: Array


@dataclass(eq=False)
class GroupTree:
    """The search.

    Attributes:
        sums: the training sum.
        points: `(N, p)` oriented evaluation rows.
        members: the rows of every group.
        most: most groups that are out.
        time: seconds left.
        nodes: those that were made.
        used: for each point that stays the nodes on which that rests.
        flips: for points a choice of groups, and weights near its refit, that seem to flip them.
        late: whether the time was up.
        live: the points in question.
    """

    sums: Sums
    points: Array
    members: tuple[Whole, ...]
    most: int
    time: Callable[[], float]
    nodes: dict[Out, Node | None] = field(default_factory=dict)
    used: dict[int, set[Out]] = field(default_factory=dict)
    flips: dict[int, tuple[Out, Array]] = field(default_factory=dict)
    late: bool = False
    known: dict[tuple[Out, int], set[Out] | None] = field(default_factory=dict)
    live: Whole = field(default_factory=lambda: np.zeros(0, np.int64))

    def run(self, w: Array, todo: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """The points that stay, those first for which fewest groups are set aside."""
        proved, self.live = np.zeros(len(self.points), bool), np.flatnonzero(todo)
        root = self.node((), w)
        if root is None or root.it is None:
            return proved
        apart = {int(j): self.apart(root.pushes[j], root.left[j], self.most) for j in self.live}
        for j in sorted(apart, key=lambda j: (apart[j], j)):
            alone = not apart[j] and not len(root.aside)
            if not alone and self.time() <= 0.0:
                self.late = True
                break
            if apart[j] and self._flips(j, ()):
                continue
            found = self._stays(j, ())
            if found is not None:
                proved[j], self.used[j] = True, found
        return proved

    def apart(self, pushes: Array, left: float, k: int) -> int:
        """How many groups have to be set aside for a point; more than there are where that is not enough."""
        line = np.sort(pushes)[::-1]
        for h in range(min(len(line), APART) + 1):
            if float(line[h : h + k].sum()) * RAISE < left:
                return h
        return len(line) + 1

    def node(self, out: Out, near: Array) -> Node | None:
        """The node of a set; None where no inverse is proved there."""
        if out not in self.nodes:
            self.nodes[out] = self._made(out, near)
        return self.nodes[out]

    def _made(self, out: Out, near: Array) -> Node | None:
        gone = np.concatenate([np.zeros(0, np.int64), *(self.members[g] for g in out)])
        s, kept = self.sums.after(gone.tolist())
        w = boxes.minimiser(s, kept, near, NEAR)
        b: Base | None = base(centre(s, kept, w))
        k = self.most - len(out)
        others = np.setdiff1d(np.arange(len(self.members)), np.array(out, np.int64))
        every = None if b is None else pulls(b, others if k else others[:0], self.members)
        if b is None or every is None:
            return None
        order, best, cost = every.order(), Node(w, every, others[:0], None, np.zeros(0), np.zeros((0, 0))), np.inf
        for h in ASIDE if k else (0,):
            if h > len(order):
                break
            it = steps(b, every.some(np.sort(order[h:])), k)
            if it is None:
                continue
            left, pushes = judged(it, self.points)
            now, enough = self._cost(left[self.live], pushes[self.live], k)
            if h + now < cost:
                best, cost = Node(w, every, order[:h], it, left, pushes), h + now
            if enough:
                break
        return best

    def _cost(self, left: Array, pushes: Array, k: int) -> tuple[float, bool]:
        """How many groups points set aside besides, all together, one that stays open counting as several.

        And whether that will do, as nearly all points stay if some are set aside for them alone.
        """
        small = -np.sort(-pushes, axis=1)[:, :k].sum(axis=1) * RAISE < left
        open_, seen = 0, set[int]()
        for one, own in zip(left[~small].tolist(), pushes[~small], strict=True):
            h = self.apart(own, one, k)
            open_ += h > len(own)
            seen |= set(np.argsort(-own, kind="stable")[:h].tolist()) if h <= len(own) else set()
        return OPEN * open_ + len(seen), open_ <= NEARLY * len(left)

    def _child(self, out: Out, node: Node, group: int) -> tuple[Out, Node | None]:
        """The node with one more group out."""
        more = tuple(sorted((*out, group)))
        return more, self.node(more, node.w + node.all.delta[int(np.searchsorted(node.all.groups, group))])

    def _stays(self, point: int, out: Out) -> set[Out] | None:
        """The nodes on which it rests that a point stays without these groups, whichever follow; None: it is open."""
        key = out, point
        if key not in self.known:
            self.known[key] = self._looked(point, out)
        return self.known[key]

    def _looked(self, point: int, out: Out) -> set[Out] | None:
        node, k = self.nodes[out], self.most - len(out)
        if node is None or node.it is None:
            return None
        h = self.apart(node.pushes[point], node.left[point], k)
        if h > len(node.it.groups):
            return None
        apart = np.concatenate([node.it.groups[np.argsort(-node.pushes[point], kind="stable")[:h]],
                                node.all.groups[node.aside]])
        used = {out}
        for group in apart.tolist():
            if self.time() <= 0.0:
                self.late = True
                return None
            more, child = self._child(out, node, group)
            found = self._stays(point, more) if child is not None else None
            if found is None:
                if k > 1:
                    self._flips(point, more)
                return None
            used |= found
        return used

    def _flips(self, point: int, out: Out) -> bool:
        """Whether the groups that seem worst from a node, refitted, put a point on the other side."""
        node = self.nodes[out]
        while node is not None and len(out) < self.most and len(node.all.groups):
            worst = int(node.all.groups[np.argmin(node.all.delta @ self.points[point])])
            out, node = self._child(out, node, worst)
            if node is not None and float(self.points[point] @ self.sums.aimed(node.w)) < 0.0:
                self.flips[point] = out, node.w
                return True
        return False

    def arrays(self, proved: NDArray[np.bool_]) -> dict[str, NDArray[np.generic]]:
        """The nodes that proved points rest on, by number of groups: these, weights, and who is set aside."""
        needed = sorted(set().union(*(self.used[int(j)] for j in np.flatnonzero(proved))), key=lambda x: (len(x), x))
        kept = [(out, node) for out in needed if (node := self.nodes[out]) is not None]
        none = np.zeros(0, np.int64)
        return {"sets": np.array([(*out, *[-1] * (self.most - len(out))) for out, _ in kept],
                                 np.int64).reshape(len(kept), self.most),
                "weights": np.array([node.w for _, node in kept]),
                "aside_count": np.array([len(node.aside) for _, node in kept], np.int64),
                "aside": np.concatenate([none, *(np.sort(node.all.groups[node.aside]) for _, node in kept)])}
