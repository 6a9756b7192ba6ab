"""Every choice of deleted and relabelled rows, by D1c or D1f at a sum of smaller refits, or at its own refit by D1."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from certify.finders.head.plain import PlainRefits
from certify.rigor.fp import Array
from certify.systems.head.rows.change import DELETED, Choices, RowChange
from certify.systems.head.rows.changes.both import BothChange
from certify.systems.head.rows.head import Head, Whole
from certify.systems.head.rows.refit import enclose_refits
from certify.theorems.head.rows.both_refits.nodes import Node, Nodes, nearer
from certify.theorems.head.rows.flips import Found
from certify.theorems.head.rows.method import Mask
from certify.theorems.head.rows.refitted.judge import CORRECTED
from certify.theorems.head.rows.refitted.judge_pairs import judge_of

BLOCK = 192
"""Choices that are judged together at least, where no row is deleted that others keep."""

AT_ONCE = 512
"""Refits at a time."""

TURNS = 2
"""Steps towards the refits of choices whose sums leave a point open."""

WORST = 3
"""Labels, and deletions, of each point that take most of it to first order: all their pairs are refitted first."""


class Walk:
    """All choices.

    Attributes:
        found: choices that flip points.
        clear: `(N,)` the points that every choice so far leaves, or flips.
        why, late: what kept it from all of them, and whether that was the time.

    Args:
        head: a logistic head of one output, or a small softmax head.
        change: the choices.
        todo: `(N,)` the points in question.
        check: raises when the time is up.
    """

    def __init__(self, head: Head, change: BothChange, todo: Mask, check: Callable[[], None]) -> None:
        self.head, self.change, self.check, self.why, self.late = head, change, check, "", False
        self.found, self.clear = Found(head), todo.copy()
        self._plain = PlainRefits(head)
        self._nodes = Nodes(self._plain, check)

    def all(self) -> None:
        """Go through all of them.

        Raises:
            OutOfTime: there were too many.
        """
        rows, new = np.array(self.change.rows, dtype=np.int64), RowChange(True, 1, self.change.rows)
        codes = np.array([new.alternatives(self.head, row) for row in self.change.rows], dtype=np.int64)
        more = np.concatenate([rows, np.repeat(rows, codes.shape[1])])
        root = self._nodes.root(more, np.concatenate([np.full(len(rows), DELETED), codes.ravel()]))
        self._judge = judge_of(self.head, root.w)
        self._refitted(root.choices(np.zeros((1, 0), np.int64)), root.w[None])
        self._worst(root)
        self._visit(root, self.change.deleted, self.change.relabelled)

    def arrays(self) -> dict[str, np.ndarray]:
        """What a certificate holds of all choices: nothing, as none states this."""
        return {}

    def live(self) -> Whole:
        """Points that every choice so far leaves."""
        return np.flatnonzero(self.clear & ~self.found.flipped)

    def _worst(self, root: Node) -> None:
        """Pairs that take most of some point to first order, refitted: most points that flip flip here."""
        live, gone = self.live(), np.flatnonzero(root.become == DELETED)
        new = np.flatnonzero(root.become != DELETED)
        margin = margins(self.head, root.W, live)
        most = [some[np.argsort(margin[:, some], axis=1)[:, :WORST]] for some in (gone, new)]
        pairs = [np.stack([first, second], axis=1) for first in most[0].T for second in most[1].T]
        which = np.unique(np.concatenate(pairs), axis=0)
        self._solved(root, which[root.more[which[:, 0]] != root.more[which[:, 1]]])

    def _visit(self, node: Node, deleted: int, relabelled: int) -> None:
        """The changes of a node with up to so many more: deletions first, each kind in order."""
        numbers = np.arange(len(node.more))
        gone = numbers[node.become == DELETED] if deleted else numbers[:0]
        new = numbers[node.become != DELETED] if relabelled else numbers[:0]
        self._singles(node, np.concatenate([gone, new]))
        if deleted + relabelled <= 1:
            return
        if deleted + relabelled == 2:
            self._pairs(node, self._of_two(node, gone, new, deleted))
            return
        if deleted and relabelled:
            self._visit(node.kept(new), 0, relabelled)
        for place, one in enumerate(gone if deleted else new):
            self.check()
            after = (gone if deleted else new)[place + 1 :]
            others = np.concatenate([after, new]) if deleted else after
            others = others[node.more[others] != node.more[one]]
            if len(others):
                below = self._nodes.below(node, int(one), others)
                self._visit(below, deleted - bool(deleted), relabelled - (not deleted))

    def _of_two(self, node: Node, gone: Whole, new: Whole, deleted: int) -> Iterator[Whole]:
        """Batches of pairs: a deleted row with every label, or two labels."""
        if deleted:
            for one in gone:
                others = new[node.more[new] != node.more[one]]
                yield np.stack([np.full(len(others), one), others], axis=1)
            return
        waiting: list[Whole] = []
        for place, one in enumerate(new):
            others = new[place + 1 :]
            others = others[node.more[others] != node.more[one]]
            waiting.append(np.stack([np.full(len(others), one), others], axis=1))
            if sum(map(len, waiting)) >= BLOCK:
                yield np.concatenate(waiting)
                waiting = []
        if waiting:
            yield np.concatenate(waiting)

    def _singles(self, node: Node, which: Whole) -> None:
        """One more change each, at its own refit."""
        for start in range(0, len(which), AT_ONCE):
            self.check()
            some = which[start : start + AT_ONCE][:, None]
            self._refitted(node.choices(some), node.W[some[:, 0]])

    def _pairs(self, node: Node, batches: Iterator[Whole]) -> None:
        """Two more changes each, at the sum of their steps or nearer to the refit."""
        for which in batches:
            self.check()
            live = self.live()
            if not len(live):
                return
            if not len(which):
                continue
            V = node.sums(which)
            left = np.flatnonzero(~self._judge.keeps(node.choices(which), V, live, self._judge.summed))
            if not len(left):
                continue
            which, V = which[left], nearer(self._plain, node, which[left], V[left], TURNS)
            ok = self._judge.keeps(node.choices(which), V, live, CORRECTED)
            if not ok.all():
                self._solved(node, which[~ok], V[~ok])

    def _solved(self, node: Node, which: Whole, V: Array | None = None) -> None:
        """Two more changes each, at their own refits."""
        V = node.sums(which) if V is None else V
        for start in range(0, len(which), AT_ONCE):
            self.check()
            at = slice(start, start + AT_ONCE)
            choices = node.choices(which[at])
            self._refitted(choices, self._plain.newton(choices, V[at], self._nodes.goal, self.check))

    def _refitted(self, choices: Choices, V: Array) -> None:
        """Labels at refits, solved to the end where a point stays open; points that are open then are lost."""
        live = self.live()
        sides, _ = self.head.sides(V, enclose_refits(self.head, choices, V))
        self.found.take(choices, V, sides)
        open_ = np.flatnonzero((sides[:, live] < 0).any(axis=1))
        if not len(open_):
            return
        part = Choices(choices.rows[open_], choices.codes[open_])
        W = self._plain.newton(part, V[open_], 0.0, self.check)
        sides, _ = self.head.sides(W, enclose_refits(self.head, part, W))
        self.found.take(part, W, sides)
        self.clear &= ~((sides != self.head.today) & ~self.found.flipped).any(axis=0)


def margins(head: Head, V: Array, points: Whole) -> Array:
    """`(N, B)` about the least margin of some points by which today's label exceeds another, at a batch of weights."""
    F = np.einsum("nm,bkm->nbk", head.points[points], V)
    own = head.today[points]
    if head.k == 1:
        return np.asarray((F[:, :, 0] - head.threshold) * np.where(own == 1, 1.0, -1.0)[:, None])
    gap = np.take_along_axis(F, own[:, None, None], axis=2) - F
    np.put_along_axis(gap, np.broadcast_to(own[:, None, None], (*F.shape[:2], 1)), np.inf, axis=2)
    return np.asarray(gap.min(axis=2))
