"""D35: a tree over the rows that take most, until one bound holds of all others.

At a node rows are set apart until the bound holds without them; the first of these that is in a choice leads to a child
without that row, where those before it stay. What a node proves of an evaluation row is every choice of its rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from certify.finders.head.refits import Refitter
from certify.rigor.fp import Array
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head, Whole
from certify.theorems.head.rows.flips import Found
from certify.theorems.head.rows.method import Mask
from certify.theorems.head.rows.searches.ended import ended, in_memory
from certify.theorems.head.rows.softmax_by_choice.candidates import Lines, lines_of
from certify.theorems.head.rows.softmax_steps.bound import Margins, top, worst
from certify.theorems.head.rows.softmax_steps.last import Judge
from certify.theorems.head.rows.softmax_steps.node import Node, node_of
from certify.theorems.head.rows.softmax_sums.search import takes_of

FEW, STRIDE = 3, 3
"""Rows so few that every choice of them is refitted; and rows that are set apart at a time while nothing is known."""

EASY = 0.9
"""Evaluation rows of whose margins single steps take no more come first: a few hard ones would hold up all others."""


@dataclass(eq=False)
class Tree:
    """The search.

    Attributes:
        head, change: the problem: any few rows deleted.
        check: raises when the time is up.
        why, late: what kept it from proving more, in words, and whether that was the time.
        found: rows whose deletion flips evaluation rows.
        proved: `(N,)` evaluation rows of which every choice was looked at.
        nodes: how many nodes were made.
    """

    head: Head
    change: RowChange
    check: Callable[[], None]
    why: str = ""
    late: bool = False
    nodes: int = 0
    found: Found = field(init=False)
    proved: Mask = field(init=False)
    judge: Judge = field(init=False)
    lines: Lines = field(init=False)

    def run(self, todo: Mask) -> Mask:
        """Which points are proved to stay."""
        self.found, self.proved = Found(self.head), np.zeros_like(todo)
        with ended(self), in_memory(self):
            self._run(np.flatnonzero(todo & (self.head.today >= 0)))
        return np.asarray(self.proved & ~self.found.flipped)

    def _run(self, at: Whole) -> None:
        head, most = self.head, max(min(self.change.count, len(self.change.rows)), 2)  # D25 is about two and more
        refitter = Refitter(head)
        self.lines, self.judge = lines_of(head, at), Judge(head, refitter, at, self.found, self.check)
        rows, none = np.array(self.change.rows, dtype=np.int64), np.arange(len(at))
        node = self._node((), rows, most, None)
        if node is None:
            return
        m = margins_of(self.lines, node)
        with np.errstate(invalid="ignore", divide="ignore"):
            hard = ~((top(np.maximum(m.takes, 0.0).transpose(1, 2, 0), most) < EASY * m.gap).all(axis=1))
        for places in (none[~hard], none[hard]):
            if len(places):
                self._grow(node, (), rows, m.part(places), places)
        if not self.why and not (self.proved | self.found.flipped)[at].all():
            self.why = "choices of rows were left whose refits are not known near enough"

    def _node(self, out: tuple[int, ...], rows: Whole, most: int, start: tuple[Array, Array] | None) -> Node | None:
        self.check()
        self.nodes += 1
        node = node_of(self.head, out, rows, most, start, self.check)
        if node is None:
            self.why = self.why or "the curvature of the head without some rows could not be bounded below"
        return node

    def _give_up(self, places: Whole) -> None:
        self.judge.lost[places] = True

    def _below(self, out: tuple[int, ...], rows: Whole, most: int, places: Whole, start: tuple[Array, Array]) -> None:
        """Every choice of at most so many rows beside those that are gone; evaluation rows it may move are given up.

        Args:
            out: the rows that are gone; `rows` those that may follow, `most` how many.
            places: the evaluation rows, by their number among all that are asked about.
            start: weights near the minimiser, and near the refits without one more row each.
        """
        if len(rows) <= FEW:
            self.judge.all_of(out, rows, most, start[0], places)
            return
        node = self._node(out, rows, most, start)
        if node is None:
            self._give_up(places)
            return
        m = margins_of(self.lines.part(places), node)
        if most <= 2:
            self.judge.last(node, out, m, places)
            return
        near = (m.gap > 0.0).all(axis=1)
        if not near.all():  # flipped without any other row, as a rule
            self.judge.all_of(out, rows[:0], 0, node.V, places[~near])
            self._give_up(places[~near])
        self._grow(node, out, rows, m.part(np.flatnonzero(near)), places[near])

    def _grow(self, node: Node, out: tuple[int, ...], rows: Whole, m: Margins, places: Whole) -> None:
        """Children for the rows that are set apart.

        Args:
            node: the node; `out` the rows that are gone, `rows` those that may follow.
            m: the margins of the evaluation rows `places`.
        """
        apart, need = self._apart(node, m)
        self._give_up(places[need > len(apart)])
        if not out:
            self._keep(places, need <= 0)
        left = np.ones(len(rows), dtype=bool)
        for number, i in enumerate(apart):
            left[i] = False
            some = places[(need > number) & self.judge.alive()[places]]
            if not len(some):
                break
            start = node.W[i], node.W[i] + (node.W[left] - node.V)
            self._below((*out, int(rows[i])), rows[left], node.most - 1, some, start)
            if not out:
                self._keep(places, need <= number + 1)

    def _keep(self, places: Whole, done: Mask) -> None:
        """Of the root: what is proved so far."""
        self.proved[self.lines.at[places[done & self.judge.alive()[places]]]] = True

    def _apart(self, node: Node, m: Margins) -> tuple[list[int], Whole]:
        """Numbers of the rows that are set apart, in their order, and how many of them each evaluation row needs.

        One that needs more than there are stays open.
        """
        some, apart, need = np.arange(len(node.rows)), list[int](), np.zeros(len(m.gap), dtype=np.int64)
        live = np.arange(len(m.gap))
        while len(live):
            self.check()
            best, part = worst(node, m.part(live), some)
            open_ = ~(best < 1.0)
            need[live[open_]] = len(apart) + 1
            live = live[open_]
            if not len(live) or not len(some):
                break
            known = bool(np.isfinite(best[open_]).any())
            order = np.argsort(-np.median(part[:, open_], axis=1), kind="stable")[: 1 if known else STRIDE]
            apart += some[order].tolist()
            need[live] = len(apart)
            some = np.delete(some, order)
        return apart, np.where(np.isin(np.arange(len(need)), live), len(apart) + 1, need)


def margins_of(lines: Lines, node: Node) -> Margins:
    """What the steps of a node do to margins of evaluation rows."""
    takes, gap = takes_of(lines, node.W, node.V)
    return Margins(takes, gap, tuple(lines.lengths(t.m) for t in node.tables))
