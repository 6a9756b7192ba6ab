"""D21, the tree: which groups go one by one, each from weights near the refit without it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite

from certify.check.linalg.balls import ZERO
from certify.check.theorems.head.rows.boxes.fixed_rows import UP, Sums
from certify.check.theorems.head.rows.boxes.leaves import Base, Lengths, base
from certify.check.theorems.head.rows.boxes.margins import Points
from certify.check.theorems.head.rows.boxes.trap import centre
from certify.check.theorems.head.rows.group_tree.steps import Steps, largest_sum, steps, up

Out = tuple[int, ...]
"""Numbers of groups that are out, ascending."""


class Tree:
    """Nodes by the groups that are out, looked at where a point asks for them.

    Args:
        sums: the training sum.
        points: oriented evaluation rows.
        members: the rows of every group.
        most: most groups that are out.
        nodes: weights of every node, and the groups that are set aside there for every point.
    """

    def __init__(self, sums: Sums, points: Points, members: Sequence[Sequence[int]], most: int,
                 nodes: Mapping[Out, tuple[Sequence[float], Sequence[int]]]) -> None:
        self.sums, self.points, self.members, self.most, self.nodes = sums, points, members, most, nodes
        self._nodes: dict[Out, Steps | None] = {}
        self._known: dict[tuple[Out, int], bool] = {}

    def stays(self, point: int, out: Out = ()) -> bool:
        """Whether a point stays without these groups and any others that may follow them."""
        key = out, point
        if key not in self._known:
            self._known[key] = self._looked(point, out)
        return self._known[key]

    def _looked(self, point: int, out: Out) -> bool:
        """Groups with a node at which the point stays are set aside, those first that may take most."""
        it = self._node(out)
        if it is None or not all(self._goes(point, out, g) for g in self.nodes[out][1]):
            return False
        left, pushes = self._judged(it, point)
        if not isfinite(sum(pushes)):  # what is no number has no place in an order
            return False
        order = sorted(range(len(pushes)), key=lambda a: -pushes[a])
        kept: list[float] = []
        for at, a in enumerate(order):
            rest = [*kept, *(pushes[b] for b in order[at : at + it.k])]
            if largest_sum(rest, it.k) < left:
                return True
            if not self._goes(point, out, it.groups[a]):
                kept.append(pushes[a])
                if len(kept) >= it.k or not sum(kept) < left:
                    return False
        return largest_sum(kept, it.k) < left

    def _goes(self, point: int, out: Out, group: int) -> bool:
        """Whether one more group has a node, and the point stays there."""
        child = tuple(sorted((*out, group)))
        return child in self.nodes and self.stays(point, child)

    def _node(self, out: Out) -> Steps | None:
        """The steps at a node; None where nothing is proved there."""
        if out not in self._nodes:
            gone = [j for g in out for j in self.members[g]]
            weights, aside = self.nodes[out]
            found: Base | None = base(centre(self.sums, gone, weights))
            others = [g for g in range(len(self.members)) if g not in out and g not in aside]
            self._nodes[out] = None if found is None else steps(found, others, self.members, self.most - len(out))
        return self._nodes[out]

    def _judged(self, it: Steps, point: int) -> tuple[float, list[float]]:
        """What is left of the point's margin before any group follows, and what each takes of it at most."""
        e = self.points.some([point]) if len(self.points.rows) > 1 else self.points
        length = up(Lengths(it.b, e).sharp[0])
        margin = e.margins(it.b.c.w)[0].lower()
        left = float(margin - length * it.fixed * UP)
        left -= abs(left) * 2.0**-50
        pushes = []
        for taken, own in zip((e.exact * it.delta).entries() if it.groups else [], it.push, strict=True):
            pushes.append(up((-taken).upper().max(ZERO - length * own) + length * own * UP))
        return left, pushes
