"""D33: the changes that move outputs farthest are made one by one; sums of steps hold all choices of the others.

A node has changes that are made. A choice of further ones has none of the node's hot changes, or a first one among
them, which is a child's: neither that row nor an earlier hot change is asked about there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from certify.finders.head.plain import PlainRefits
from certify.rigor.fp import Array
from certify.systems.head.rows.change import DELETED, Choices
from certify.systems.head.rows.changes.both import BothChange
from certify.systems.head.rows.head import Head, Whole
from certify.systems.head.rows.refit import enclose_refits
from certify.theorems.head.rows.both_sums.case import BothCase, single_changes, single_steps, some_steps
from certify.theorems.head.rows.flips import Found
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.step_sums.bound import bound
from certify.theorems.head.rows.step_sums.kinds import Kinds
from certify.theorems.head.rows.step_sums.search import Search
from certify.theorems.head.rows.step_sums.steps import Steps

HOT = (0, 8, 16, 32, 64, 96)
"""Numbers of hot changes that are tried, one after another."""

ENOUGH = 0.7
"""Share of the points that one bound of all choices has to prove for no more changes to be hot."""

NOTHING = "nothing bounds what any of these changes do together"


@dataclass(frozen=True, eq=False)
class Node:
    """Changes that are made, and those that may follow.

    Attributes:
        head: the head after the changes: a deleted row is 0, and counts nothing for gradients and curvatures.
        made: the changes, a batch of one.
        single: `(f, 1)` the changes that may follow.
        kinds: how many of them.
    """

    head: Head
    made: Choices
    single: Choices
    kinds: Kinds

    def child(self, f: int, left: Whole) -> Node:
        """After one of the changes; those numbers may be among what follows, but for its row."""
        row, code = int(self.single.rows[f, 0]), int(self.single.codes[f, 0])
        most = tuple(most - (kind == self.kinds.of[f]) for kind, most in enumerate(self.kinds.most))
        left = left[(self.single.rows[left, 0] != row) & (np.array(most)[self.kinds.of[left]] > 0)]
        made = Choices(*(np.hstack([old, [[new]]]) for old, new in ((self.made.rows, row), (self.made.codes, code))))
        return Node(after(self.head, row, code), made, Choices(self.single.rows[left], self.single.codes[left]),
                    Kinds(self.kinds.of[left], most))


def after(head: Head, row: int, code: int) -> Head:
    """A head of one output after one change, with as many rows: one that is 0 has no gradient and no curvature."""
    if code == DELETED:
        phi = head.phi.copy()
        phi[row] = 0.0
        return replace(head, phi=phi)
    assert head.codes is not None and head.label is not None
    Y, label = head.Y.copy(), head.label.copy()
    Y[row], label[row] = head.codes[code], code
    return replace(head, Y=Y, label=label)


class Tree:
    """The search.

    Attributes:
        found: choices that flip points.
        proved: numbers of the points that stay under all choices.
        why, late: what kept it from proving more, and whether that was the time.
    """

    def __init__(self, head: Head, budget: Budget) -> None:
        self.head, self.budget, self.found, self.why, self.late = head, budget, Found(head), "", False
        self.proved = np.zeros(0, dtype=np.int64)

    def run(self, change: BothChange, points: Whole, grow: bool) -> None:
        """All choices of a change: points that no hot change is needed for are proved first; others if it may grow."""
        single, kinds = single_changes(self.head, change)
        nothing = Choices(np.zeros((1, 0), np.int64), np.zeros((1, 0), np.int64))
        root = Node(self.head, nothing, single, kinds)
        self.proved = self._light(root, points)
        left = np.setdiff1d(points, self.proved)
        left = left[~self.found.flipped[left]]
        if len(left) and grow:
            self.proved = np.concatenate([self.proved, self._stay(root, left)])

    def _light(self, root: Node, points: Whole) -> Whole:
        """Those that one bound of all choices proves with no hot change."""
        st = single_steps(root.head, root.single, self.budget.check)
        b = None if st is None else bound(st, root.kinds)
        if b is None:
            return points[:0]
        search = Search(self.head, BothCase(b, root.kinds.of), self.found, self.budget.check, _none)
        return search.at_once(points)

    def _stay(self, node: Node, points: Whole) -> Whole:
        """Which of some points stay under every choice of further changes, none at all among them."""
        self.budget.check()
        if not len(node.single):
            return np.asarray(points[self._alone(node)[points] == self.head.today[points]])
        st = single_steps(node.head, node.single, self.budget.check)
        if st is None:
            return points[:0]
        hottest = np.argsort(-_sizes(st), kind="stable")
        chosen = self._chosen(node, st, hottest, points)
        if chosen is None:
            self.why = NOTHING
            return points[:0]
        search, h = chosen
        good = search.at_once(points)
        rest = np.setdiff1d(points, good)
        more = list(search.in_turn(rest[~self.found.flipped[rest]]))
        points = np.concatenate([good, np.array(more, dtype=np.int64)])
        for a in range(h):
            points = points[~self.found.flipped[points]]
            if not len(points):
                break
            points = self._stay(node.child(int(hottest[a]), np.sort(hottest[a + 1 :])), points)
        return points

    def _alone(self, node: Node) -> Whole:
        """`(N,)` the labels that are proved at a node's own refit, −1 where none is."""
        plain = PlainRefits(self.head)
        V = plain.newton(node.made, self.head.V[None], 0.0, self.budget.check)
        sides, _ = self.head.sides(V, enclose_refits(self.head, node.made, V))
        self.found.take(node.made, V, sides)
        return np.asarray(sides[0])

    def _chosen(self, node: Node, st: Steps, hottest: Whole, points: Whole) -> tuple[Search, int] | None:
        """The search among all but some hot changes, and how many these are; None where nothing is bounded."""
        best: tuple[Search, int] | None = None
        most = -1
        for h in HOT if node.kinds.k > 1 else HOT[:1]:
            self.budget.check()
            light = np.sort(hottest[h:])
            if h and len(light) <= node.kinds.k:
                break
            kinds = Kinds(node.kinds.of[light], node.kinds.most)
            b = bound(some_steps(st, light), kinds)
            if b is None:
                continue
            search = Search(self.head, BothCase(b, kinds.of, None, node.made), self.found, self.budget.check, _none)
            many = len(search.at_once(points))
            if many > most:
                best, most = (search, h), many
            if many >= ENOUGH * (~self.found.flipped[points]).sum():
                break
        return best


def _sizes(st: Steps) -> Array:
    """About how long steps are in the norm of the curvature."""
    p = 1.0 / (1.0 + np.exp(np.abs(st.t)))
    return np.asarray((st.light * p * (1.0 - p)) @ (st.signed * st.signed))


def _none(which: Whole) -> Whole:
    """No other bound."""
    return which[:0]
