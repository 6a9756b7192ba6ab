"""D4d: any m rows deleted from a squared-loss head, by trees that points share; then each open point by its own.

A tree is an order of rows and places in it: checkers find the rest themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from certify.format.errors import EnclosureError
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.flips import Found
from certify.theorems.head.rows.method import Budget, Mask, Method, Part
from certify.theorems.head.rows.squared.contrasts import Ints
from certify.theorems.head.rows.squared.rooted import rooted, system_of
from certify.theorems.head.rows.squared.worst import is_large, worst_deletions
from certify.theorems.head.rows.squared_deletions import DENSE, SquaredDeletions
from certify.theorems.head.rows.squared_tree.flipped import label_without
from certify.theorems.head.rows.squared_tree.order import Order, moving
from certify.theorems.head.rows.squared_tree.root import Root, root_of
from certify.theorems.head.rows.squared_tree.walk import Kept, Walk

FEW = 12
"""Most deletions for which a point gets a tree of its own: with more of them it is as wide as it is deep."""

GROUPS = 8
"""Parts of the points that are walked one after another, so that some are proved when time is up."""

SHARE, DENSER, GROWING = 0.7, 0.5, 0.3
"""Share of the time, as sums for many rows follow; where the hat matrix can be kept as it is, as trees with pairs do
(D4b); and of that time the share for the order of rows."""

SEARCH = 0.5
"""Share of the time that is left for changes that flip, of large heads."""

FAIR = 4.0
"""Multiple of an equal share of the time that one point's own tree may take."""


@dataclass(frozen=True, eq=False)
class Tree:
    """An order of rows, and the points that it proves."""

    order: Ints
    points: Ints


class SquaredTree(Method):
    """Deleted rows of a squared-loss head, many points at once (D4d)."""

    name: ClassVar[str] = "squared_tree"
    weighs: ClassVar[bool] = True

    def able(self, head: Head, change: RowChange) -> str:
        """Whether rows are deleted, the loss is squared and features are exact."""
        return SquaredDeletions().able(head, change)

    def complete(self, head: Head, change: RowChange) -> bool:
        """Of large heads: the search for changes that flip then looks at the points that are left."""
        return is_large(head) and not self.able(head, change)

    def prove(self, head: Head, change: RowChange, todo: Mask, budget: Budget) -> Part | None:
        """The points that stay; nothing where a bound overflows."""
        try:
            return self._proved(rooted(head), change, todo, budget, Found(head))
        except EnclosureError:
            return None

    def _proved(self, head: Head, change: RowChange, todo: Mask, budget: Budget, found: Found) -> Part:
        """With `remaining` every number of deletions has a weight decay and trees of its own."""
        rows = np.array(sorted(change.rows), dtype=np.int64)
        count = min(change.count, len(rows))
        budget = budget.share(DENSER if len(rows) <= DENSE else SHARE)
        proved, grown, why = todo.copy(), [], ""

        def flips(root: Root, open_: Ints) -> Mask:
            left, limit = np.isin(np.arange(len(todo)), root.points[open_]), budget.share(SEARCH)
            place = {int(root.points[t]): int(t) for t in open_}
            worst_deletions(head, change, left, found, lambda: limit.left() <= 0,
                            lambda j, gone: label_without(root, place[j], gone, int(head.today[j])))
            return found.flipped[root.points[open_]]

        for size in range(count + 1) if head.remaining else (count,):
            search = flips if size == count and is_large(head) else None
            trees = _of_decay(head, rows, size, np.flatnonzero(proved), budget, search)
            if isinstance(trees, str):
                why, trees = trees, []
            stays = np.zeros_like(proved)
            for tree in trees:
                stays[tree.points] = True
            proved &= stays & ~found.flipped
            grown.append(trees)
        return Part(self.name, proved, witness(grown, proved, rows) if proved.any() else {}, found.flips(), why=why)


def _of_decay(head: Head, rows: Ints, count: int, points: Ints, budget: Budget,
              flips: Callable[[Root, Ints], Mask] | None) -> list[Tree] | str:
    """Trees for one weight decay; why there are none, in words. `flips` says which of some points are flipped."""
    def late() -> bool:
        return budget.left() <= 0

    system = system_of(head, count)
    if isinstance(system, str):
        return "the refit is not proved unique"
    root = root_of(head, system, rows, points, late, count) if len(points) else None
    if root is None:
        return []
    kept = Kept()
    growing = Order(root.of(np.zeros(0, dtype=np.int64)), kept, _ended(budget.share(GROWING)))
    growing.grow(count)
    order = np.array(growing.rows, dtype=np.int64)
    open_ = _shared(root, order, count, kept, late)
    trees = [Tree(rows[order], root.points[~open_])]
    if flips is not None and open_.any():  # before trees of their own, which these would take all the time for
        open_[open_] = ~flips(root, np.flatnonzero(open_))
    if 1 < count <= FEW and (len(rows) > DENSE or head.k > 1):
        trees += _own(root, rows, order, count, np.flatnonzero(open_), kept, budget)
    return trees


def _shared(root: Root, order: Ints, count: int, kept: Kept, late: Callable[[], bool]) -> Mask:
    """Which points stay open: parts of them are walked one after another, those of large contrasts first."""
    N = len(root.points)
    state, failed = root.state(order), np.zeros(N, dtype=bool)
    room = np.full(N, np.inf)
    np.minimum.at(room, root.pairs.point, state.least / np.sqrt(root.reach[root.pairs.point]))
    walk = Walk(root.hat, root.C, root.pairs, order, late, failed, kept)
    for part in np.array_split(np.argsort(-room, kind="stable"), min(GROUPS, N)):
        walk.visit(state, count, np.flatnonzero(np.isin(root.pairs.point, part)))
    return failed


def _own(root: Root, rows: Ints, first: Ints, count: int, open_: Ints, kept: Kept, budget: Budget) -> list[Tree]:
    """A tree for each point that is left: behind the rows that comparisons need those that move it most."""
    least, trees = root.z - root.ez, []
    room = [float(least[root.pairs.point == j].min()) for j in open_]
    waiting = [int(j) for j, left in sorted(zip(open_, room, strict=True), key=lambda one: -one[1]) if left > 0]
    for place, j in enumerate(waiting):
        share = budget.share(min(1.0, FAIR / (len(waiting) - place)))
        one = root.of(np.array([j]))
        order, failed = moving(one, first), np.zeros(1, dtype=bool)
        walk = Walk(one.hat, one.C, one.pairs, order, _ended(share), failed, kept)
        walk.visit(one.state(order), count, np.arange(len(one.z)))
        if not failed[0]:
            trees.append(Tree(rows[order], one.points))
    return trees


def _ended(budget: Budget) -> Callable[[], bool]:
    return lambda: budget.left() <= 0


def witness(grown: list[list[Tree]], proved: Mask, rows: Ints) -> dict[str, Ints]:
    """The trees of all weight decays in one line: `trees` of each decay; of a tree `lengths` of order and points."""
    kept = [[(tree, tree.points[proved[tree.points]]) for tree in trees] for trees in grown]
    kept = [[(tree, points) for tree, points in trees if len(points)] for trees in kept]
    every = [one for trees in kept for one in trees]
    whole = {
        "trees": [len(trees) for trees in kept],
        "lengths": [size for tree, points in every for size in (len(tree.order), len(points))],
        "order": [row for tree, _ in every for row in tree.order.tolist()],
        "points": [j for _, points in every for j in points.tolist()]}
    return {name: np.array(values, dtype=np.int64) for name, values in whole.items()}
