"""D20, the tree: the groups that pull most on a point go one by one, each from a refit without it.

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
from certify.systems.head.rows.boxes.trap import Sums, centre
from certify.theorems.head.rows.boxes.leaves import Base, base
from certify.theorems.head.rows.group_tree.steps import Steps, Whole, judged, steps

NEAR = 1e-16
"""Squared Newton decrement after which no step follows."""

APART = 96
"""Most groups that are set aside at a node for a point."""

Out = tuple[int, ...]
"""Numbers of groups that are out, ascending."""


@dataclass(eq=False)
class Node:
    """A node.

    Attributes:
        w: weights near the refit without the groups that are out.
        it: the steps of the others; None where nothing is proved.
        left, pushes: of every point, as :func:`judged`.
    """

    w: Array
    it: Steps | None
    left: Array
    pushes: Array

    def order(self, point: int) -> Whole:
        """Places of the groups, those first that may take most of a point."""
        return np.argsort(-self.pushes[point], kind="stable")


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

    def run(self, w: Array, todo: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """The points that stay, those first for which fewest groups are set aside."""
        proved, root = np.zeros(len(self.points), bool), self.node((), w)
        if root is None or root.it is None:
            return proved
        which = np.flatnonzero(todo)
        apart = {int(j): self.apart(root, int(j), self.most) for j in which}
        for j in sorted(apart, key=lambda j: (apart[j], j)):
            if apart[j] and self.time() <= 0.0:
                self.late = True
                break
            if apart[j] and self._flips(j, ()):
                continue
            found = self._stays(j, ())
            if found is not None:
                proved[j], self.used[j] = True, found
        return proved

    def apart(self, node: Node, point: int, k: int) -> int:
        """How many groups have to be set aside for a point; more than there are where that is not enough."""
        line, left = np.sort(node.pushes[point])[::-1], node.left[point]
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
        found: Base | None = base(centre(s, kept, w))
        if found is None:
            return None
        others = np.setdiff1d(np.arange(len(self.members)), np.array(out, np.int64))
        it = steps(found, others, self.members, self.most - len(out))
        if it is None:
            return Node(w, None, np.zeros(0), np.zeros((0, 0)))
        return Node(w, it, *judged(it, self.points))

    def _child(self, out: Out, node: Node, place: int) -> tuple[Out, Node | None]:
        """The node with one more group out."""
        assert node.it is not None
        more = tuple(sorted((*out, int(node.it.groups[place]))))
        return more, self.node(more, node.w + node.it.delta[place])

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
        h = self.apart(node, point, k)
        order, used = node.order(point), {out}
        if h > len(order):
            return None
        for place in order[:h].tolist():
            if self.time() <= 0.0:
                self.late = True
                return None
            more, child = self._child(out, node, place)
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
        while node is not None and node.it is not None and len(out) < self.most and len(node.it.groups):
            worst = int(np.argmin(node.it.delta @ self.points[point]))
            out, node = self._child(out, node, worst)
            if node is not None and float(self.points[point] @ node.w) < 0.0:
                self.flips[point] = out, node.w
                return True
        return False

    def arrays(self, proved: NDArray[np.bool_]) -> dict[str, NDArray[np.generic]]:
        """The nodes that proved points rest on, by number of groups: these, filled up with −1, and weights."""
        needed = sorted(set().union(*(self.used[int(j)] for j in np.flatnonzero(proved))), key=lambda x: (len(x), x))
        kept = [(out, self.nodes[out]) for out in needed]
        return {"sets": np.array([(*out, *[-1] * (self.most - len(out))) for out, _ in kept],
                                 np.int64).reshape(len(kept), self.most),
                "weights": np.array([node.w for _, node in kept if node is not None])}
