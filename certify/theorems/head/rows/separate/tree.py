"""D34: the rows that move outputs farthest are changed one by one; boxes of all outputs hold all choices of the others.

A node has changes that are made. A choice of further ones changes none of the node's hot rows, or a first one among
them, which is a child's: neither that row nor an earlier one changes there again. With one change left the hot rows
that boxes leave open are refitted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from certify.rigor.fp import Array
from certify.systems.head.rows.boxes.slabs import Rows
from certify.systems.head.rows.boxes.trap import Centre, top_sums
from certify.systems.head.rows.change import DELETED, Choices, RowChange
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.refit import enclose_refits
from certify.theorems.head.rows.flips import Found
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.separate.joint import clear, gains, touched
from certify.theorems.head.rows.separate.outputs import Held, centre_of, heat, held
from certify.theorems.head.rows.separate.record import ROOT, Came, Record
from certify.theorems.head.rows.separate.refits import refits

HOT: Final = (0, 2, 4, 7, 10, 15, 20, 27, 35, 45, 60, 80, 110, 150)
"""Numbers of hot rows that are tried, one after another."""

MORE, ENOUGH = 3, 3
"""Sets of boxes of a node that are looked at; and how many hot rows more than the first ones a point may need."""

MOST = 160
"""Hot rows of a point at most."""

SOON = 0.9
"""Share of the points at the root that are seen through before the others."""

AT_ONCE = 1 << 22
"""Numbers of one array that are held at once: points, rows and outputs."""

SMALL = 1e5
"""Rows times squares of columns up to which boxes of single changes are looked at to second order, before refits."""

NOTHING: Final = "no box holds an output"


@dataclass(frozen=True, eq=False)
class Node:
    """Changes that are made, and those that may follow.

    Attributes:
        head: the head after the changes: a deleted row is 0, and adds a constant to the sum.
        made: the changes, a batch of one.
        rows: those that may change next.
        k: how many of them.
        came: from which node.
    """

    head: Head
    made: Choices
    rows: Rows
    k: int
    came: Came = ROOT

    def child(self, row: int, code: int, rows: Rows, came: Came) -> Node:
        """After one more change."""
        made = Choices(*(np.hstack([old, [[new]]]) for old, new in ((self.made.rows, row), (self.made.codes, code))))
        if code == DELETED:
            phi = self.head.phi.copy()
            phi[row] = 0.0
            return Node(replace(self.head, phi=phi), made, rows, self.k - 1, came)
        assert self.head.codes is not None
        Y = self.head.Y.copy()
        Y[row] = self.head.codes[code]
        return Node(replace(self.head, Y=Y), made, rows, self.k - 1, came)


Pieces = tuple[Rows, list[tuple[Array, Array]]]


class Tree:
    """The search.

    Attributes:
        found: choices that flip points.
        proved: numbers of the points that stay.
        why, late: what kept it from proving more, and whether that was the time.
        record: what a certificate states, which knows nothing of the second order.

    Args:
        head, change, budget: what is asked.
        bends: whether boxes are looked at to second order.
    """

    def __init__(self, head: Head, change: RowChange, budget: Budget, bends: bool = True) -> None:
        self.head, self.change, self.budget, self.why, self.late = head, change, budget, "", False
        self.bends, self.record = bends, Record()
        self.found, self.proved = Found(head), np.zeros(0, np.int64)
        self._hard: int | None = None
        self._held: dict[tuple[int, ...], Held] = {}

    def run(self, points: Rows) -> None:
        """Look for those of some points that stay under every choice; `proved` has those that are through."""
        none, rows = np.zeros((1, 0), np.int64), np.array(self.change.rows, np.int64)
        self._stay(Node(self.head, Choices(none, none), rows, self.change.count), points)

    def _stay(self, node: Node, points: Rows) -> Rows:
        """Which of some points stay under every choice of further changes, none at all among them."""
        self.budget.check()
        centres = [centre_of(node.head, self.change.relabels, a) for a in range(node.head.k)]
        W, root = np.array([c.w for c in centres]), not node.made.rows.shape[1]
        order = self._order(node, centres)
        at = self.record.begin(node.came, order)
        if not len(node.rows) or not node.k:
            return self._bare(node, at, W, points)
        self._flip(node, W, points)
        points = points[~self.found.flipped[points]]
        if not len(points):
            return points
        node = replace(node, head=replace(node.head, V=W))
        if node.k == 1:
            points = self._last(node, at, centres, order, points)
            return self._through(points) if root else points
        need = self._needs(node, at, centres, order, points)
        hard = need > min(MOST, len(order))
        if hard.all():
            self.why = NOTHING
        points, need = points[~hard], need[~hard]
        if not root:
            return self._asked(node, at, order, points, need)
        usual = np.quantile(need, SOON, method="lower") if len(need) else 0
        for some in (need <= usual, need > usual):  # those that few hot rows keep from being proved are through first
            self._through(self._asked(node, at, order, points[some], need[some]))
        return points

    def _through(self, points: Rows) -> Rows:
        """Points of which no choice is left."""
        self.proved = np.union1d(self.proved, points)
        return points

    def _asked(self, node: Node, at: int, order: Rows, points: Rows, need: Rows) -> Rows:
        """Those that stay, which are noted."""
        stay = self._children(node, at, order, points, need)
        self.record.through(at, stay, need[np.isin(points, stay)])
        return stay

    def _children(self, node: Node, at: int, order: Rows, points: Rows, need: Rows) -> Rows:
        """Which of some points stay where a hot row changes, each of those that it needs in turn."""
        for a in range(int(need.max(initial=0))):
            for code in self.change.alternatives(self.head, int(order[a])):
                keep = ~self.found.flipped[points]
                points, need = points[keep], need[keep]
                asked = points[need > a]
                if not len(asked):
                    return points
                stay = self._stay(node.child(int(order[a]), code, order[a + 1 :], (at, a, code)), asked)
                good = ~np.isin(points, np.setdiff1d(asked, stay))
                points, need = points[good], need[good]
        return points[~self.found.flipped[points]]

    def _order(self, node: Node, centres: list[Centre]) -> Rows:
        """The rows, the hottest of each output in turn."""
        hot = np.array([heat(c)[node.rows] for c in centres])
        places = np.argsort(np.argsort(-hot, axis=1, kind="stable"), axis=1).min(axis=0)
        return np.asarray(node.rows[np.lexsort((-hot.max(axis=0), places))])

    def _flip(self, node: Node, W: Array, points: Rows) -> None:
        """Keep a node's own refit if it seems to flip a point."""
        F = self.head.points[points] @ W.T
        if (F.argmax(axis=1) != self.head.today[points]).any() and node.made.rows.shape[1]:
            self.found.prove(node.made, W[None])

    def _boxes(self, node: Node, at: int, centres: list[Centre], order: Rows, h: int, anew: bool = False,
               ) -> list[Held] | None:
        """Boxes of all outputs for the rows after the first h; None where one has none.

        An output has those of other nodes, or of more rows, where the same of its targets are changed, if not `anew`.
        """
        found: dict[int, Held] = {}
        for a in sorted(range(len(centres)), key=lambda a: a != self._hard):  # that which had none before goes first
            self.budget.check()
            name = (a, node.k, *self._reached(node, a))
            one = self._held.get(name)
            if one is None or anew or not one.holds(order[h:]):
                one = held(centres[a], order[h:], node.k, self.budget.left, self.bends)
                if one is not None:
                    self.record.box(one, a, at, h)
            if one is None:
                self._hard = a
                return None
            found[a] = self._held[name] = one
        return [found[a] for a in range(len(centres))]

    def _reached(self, node: Node, a: int) -> tuple[int, ...]:
        """The rows whose changes reach an output."""
        rows, codes = node.made.rows[0], node.made.codes[0]
        if self.head.codes is None or not self.change.relabels:
            return tuple(sorted(rows.tolist()))
        new = self.head.codes[codes, a] != self.head.Y[rows, a]
        return tuple(sorted(rows[new].tolist()))

    def _needs(self, node: Node, at: int, centres: list[Centre], order: Rows, points: Rows) -> Rows:
        """`(N,)` how many hot rows have to be left out for boxes to prove each point; more than all of them: none."""
        n, tried = len(order), 0
        need = np.full(len(points), n + 1)
        for h in HOT:
            if h >= n - node.k or tried >= MORE or need.max() <= h + ENOUGH:
                break
            known = self._boxes(node, at, centres, order, h, tried > 0)
            if known is None:
                continue
            tried += 1
            for fully in (False, True)[: 1 + self.bends]:
                open_ = np.flatnonzero(need > h)
                found = self._counted(node, order, h, known, points[open_], fully)
                self.record.set(at, h, known, points[open_], found)
                need[open_] = np.minimum(need[open_], found)
        return need

    def _counted(self, node: Node, order: Rows, h: int, known: list[Held], points: Rows, fully: bool) -> Rows:
        """The same of one set of boxes: of all rows after the first h, or of fewer."""
        need = np.full(len(points), h)
        for mine, pieces in self._pairs(node, order[h:], known, points, fully):
            own = np.full(len(mine), len(order) + 1)
            for room, gain in pieces:
                own = np.minimum(own, _least(room, gain, node.k, h))
            need[mine] = np.maximum(need[mine], own)
        return need

    def _pairs(self, node: Node, light: Rows, known: list[Held], points: Rows, fully: bool) -> Iterator[Pieces]:
        """For points of one label and one other output what changes may take, and what each row takes, in all ways."""
        step = max(1, AT_ONCE // (max(len(light), node.head.m**2) * node.head.k))
        for start in range(0, len(points), step):
            self.budget.check()
            some = np.arange(start, min(start + step, len(points)))
            X, today = self.head.points[points[some]], self.head.today[points[some]]
            said = [one.say(X, light, fully) for one in known]
            for y in np.unique(today).tolist():
                mine = np.flatnonzero(today == y)
                for c in (c for c in range(node.head.k) if c != y):
                    kinds = touched(node.head, self.change, light, y, c)
                    both = [(up[0].some(mine), down[1].some(mine))
                            for up, down in zip(said[y], said[c], strict=False)]  # none where one was not proved
                    yield some[mine], [(clear(up, down), gains(up, down, kinds)) for up, down in both]

    def _last(self, node: Node, at: int, centres: list[Centre], order: Rows, points: Rows) -> Rows:
        """One change is left: boxes say which rows leave which points open, and these are refitted."""
        open_, bare = np.ones((len(points), len(order)), bool), np.ones(len(points), bool)
        for h in (h for h in HOT if h < len(order) - 1):
            known = self._boxes(node, at, centres, order, h)
            if known is None:
                continue
            self.record.set(at, h, known, points, np.zeros(len(points), np.int64))
            for fully in (False, True)[: 1 + (self.bends and self.head.n * self.head.m**2 <= SMALL)]:
                some = np.flatnonzero(open_[:, h:].any(axis=1) | bare)
                left, without = np.zeros((len(some), len(order) - h), bool), np.zeros(len(some), bool)
                for mine, pieces in self._pairs(node, order[h:], known, points[some], fully):
                    left[mine] |= ~np.any([gain < room[:, None] for room, gain in pieces], axis=0)
                    without[mine] |= ~np.any([room > 0.0 for room, _ in pieces], axis=0)
                open_[some, h:] &= left
                bare[some] &= without
            break
        if bare.any():
            keep = ~bare | np.isin(points, self._alone(node, node.head.V, points[bare]))
            self.record.leaf(at, (-1, -1), node.head.V, points[bare])
            points, open_ = points[keep], open_[keep]
        return self._leaves(node, at, order, points, open_)

    def _leaves(self, node: Node, number: int, order: Rows, points: Rows, open_: NDArray[np.bool_]) -> Rows:
        """Refits of the rows that boxes leave open for some point."""
        columns = np.flatnonzero(open_.any(axis=0))
        pairs = [(at, int(order[at]), code) for at in columns
                 for code in self.change.alternatives(self.head, int(order[at]))]
        if not len(points) or not pairs:
            self.record.through(number, points, np.zeros(len(points), np.int64))
            return points
        at, rows, codes = np.array(pairs).T
        good = np.ones(len(points), bool)
        step = max(1, AT_ONCE // (self.head.n * self.head.k))
        for start in range(0, len(at), step):
            some = slice(start, start + step)
            more = Choices(rows[some, None], codes[some, None])
            V = refits(node.head, more, node.head.V, self.budget.check)
            made = Choices(*(np.hstack([np.repeat(old, len(more), axis=0), new]) for old, new in (
                (node.made.rows, more.rows), (node.made.codes, more.codes))))
            sides, _ = self.head.sides(V, enclose_refits(self.head, made, V))
            self.found.take(made, V, sides)
            kept = sides[:, points] == self.head.today[points]
            good &= (kept | ~open_[:, at[some]].T).all(axis=0)
            for a, row, code, weights in zip(at[some], rows[some].tolist(), codes[some].tolist(), V, strict=True):
                self.record.leaf(number, (row, code), weights, points[open_[:, a]])
        points = np.asarray(points[good & ~self.found.flipped[points]])
        self.record.through(number, points, np.zeros(len(points), np.int64))
        return points

    def _bare(self, node: Node, at: int, W: Array, points: Rows) -> Rows:
        """The same of a node without further rows."""
        points = self._alone(node, W, points)
        self.record.leaf(at, (-1, -1), W, points)
        self.record.through(at, points, np.zeros(len(points), np.int64))
        return points

    def _alone(self, node: Node, W: Array, points: Rows) -> Rows:
        """Which of some points keep their labels where no further row changes: by the refit."""
        sides, _ = self.head.sides(W[None], enclose_refits(self.head, node.made, W[None]))
        self.found.take(node.made, W[None], sides)
        return np.asarray(points[sides[0, points] == self.head.today[points]])


def _least(room: Array, gain: Array, k: int, h: int) -> Rows:
    """`(N,)` the least number of rows from h on that have to be left out for the k largest gains of the rest to fit."""
    f = gain.shape[1]
    never = ~(room > 0.0)
    low, high = np.zeros(len(room), np.int64), np.full(len(room), f, np.int64)
    asked = np.flatnonzero(~never)
    cut = np.zeros(len(room), np.int64)
    while len(asked):
        V = np.where(np.arange(f) >= cut[asked, None], gain[asked], 0.0)
        good = top_sums(V, min(k, f))[0] < room[asked]
        high[asked[good]] = cut[asked[good]]
        low[asked[~good]] = cut[asked[~good]] + 1
        asked = asked[low[asked] < high[asked]]
        cut[asked] = (low[asked] + high[asked]) // 2
    return np.where(never, h + f + 1, h + high)
