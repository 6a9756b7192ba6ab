"""D35: where at most two more rows may go every choice is judged by itself: by D25 at its sum, or by its refit."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from math import comb

import numpy as np

from certify.finders.head.refits import Refitter
from certify.rigor.fp import Array, U
from certify.systems.head.rows.head import Head, Whole
from certify.systems.head.rows.refit import enclose_refits
from certify.theorems.head.rows.flips import Found
from certify.theorems.head.rows.method import Mask
from certify.theorems.head.rows.softmax_by_choice.candidates import deletions
from certify.theorems.head.rows.softmax_steps.bound import DOWN, UP, Margins
from certify.theorems.head.rows.softmax_steps.node import Node

AT_ONCE, GOAL = 64, 1e-9
"""Choices that are refitted at a time, and how short their gradients are to be."""


def choices_of(f: int, most: int = 2) -> Whole:
    """`(B, 2)` all choices of at most one or two of f steps, the number f that of no row.

    >>> choices_of(2).tolist(), choices_of(2, 1).tolist()
    ([[0, 1], [0, 2], [1, 2], [2, 2]], [[0, 2], [1, 2], [2, 2]])
    """
    T = np.append(np.stack(np.triu_indices(f + 1, 1), axis=1), [[f, f]], axis=0)
    return T if most > 1 else T[T[:, 1] == f]


def open_of(node: Node, m: Margins, check: Callable[[], None]) -> tuple[Whole, Mask]:
    """All choices of at most two rows of a node, or one, `(B, 2)`, and `(B, L)` which leave a margin that may not stay.

    Args:
        node: the node.
        m: the margins of evaluation rows.
        check: raises when the time is up.
    """
    T = choices_of(len(node.rows), node.most)
    far = [t.distances(T) for t in node.tables]
    found = np.zeros((len(T), len(m.gap)), dtype=bool)
    for place, gap in enumerate(m.gap):
        check()
        for c in range(len(gap)):
            each = m.takes[:, place, c][T]
            need, size = each.sum(axis=1), np.abs(each).sum(axis=1) + abs(float(gap[c]))
            left = float(gap[c]) - need - 8.0 * U * size
            stays = np.zeros(len(T), dtype=bool)
            for r, lengths in zip(far, m.lengths, strict=True):
                stays |= r * float(lengths[place, c]) * UP < left * DOWN
            found[:, place] |= ~(stays & (left > 0.0))
    return T, found


class Judge:
    """Judges choices by their refits (D1), for the evaluation rows that they are open for.

    Args:
        head: the whole head; `refitter` of it.
        at: `(L,)` the evaluation rows.
        found: takes rows whose deletion flips one.
        check: raises when the time is up.
    """

    def __init__(self, head: Head, refitter: Refitter, at: Whole, found: Found, check: Callable[[], None]) -> None:
        self.head, self.refitter, self.at, self.found, self.check = head, refitter, at, found, check
        self.lost = np.zeros(len(at), dtype=bool)

    def alive(self) -> Mask:
        """`(L,)` evaluation rows that no refit was seen to move, or left unknown."""
        return np.asarray(~self.lost & ~self.found.flipped[self.at])

    def judge(self, sets: Whole, W: Array, places: Whole, wanted: Mask) -> None:
        """Refit choices; evaluation rows that are not proved to keep their label are given up.

        Args:
            sets: `(B, r)` the rows that are deleted, by their numbers in the whole head.
            W: `(B, k, p)` weights to begin with.
            places: `(P,)` evaluation rows, by their number in `at`.
            wanted: `(B, P)` which of them a choice is open for.
        """
        for start in range(0, len(sets), AT_ONCE):
            self.check()
            here = wanted[start : start + AT_ONCE] & self.alive()[places]
            if not len(some := np.flatnonzero(here.any(axis=1))):
                continue
            rows, V = np.sort(sets[start + some], axis=1), W[start + some]
            choices = deletions(rows)
            V = np.where(np.isfinite(V).all(axis=(1, 2), keepdims=True), V, self.refitter.V0)
            V = self.refitter.newton(choices, V, GOAL, self.check)
            sides, _ = self.head.sides(V, enclose_refits(self.head, choices, V))
            self.found.take(choices, V, sides)
            at = self.at[places]
            self.lost[places] |= (here[some] & (sides[:, at] != self.head.today[at])).any(axis=0)

    def last(self, node: Node, out: tuple[int, ...], m: Margins, places: Whole) -> None:
        """Every choice of at most two more rows.

        Args:
            node: the node; `out` the rows that are gone.
            m: the margins of the evaluation rows `places` `(P,)`.
        """
        T, open_ = open_of(node, m, self.check)
        which = np.flatnonzero(open_.any(axis=1))
        sizes = (T[which] < len(node.rows)).sum(axis=1)
        for size in np.unique(sizes):
            some = which[sizes == size]
            S = np.sort(T[some], axis=1)[:, :size]
            W = node.V + (node.W[S] - node.V).sum(axis=1)
            gone = np.broadcast_to(np.array(out, dtype=np.int64), (len(some), len(out)))
            self.judge(np.concatenate([gone, node.keep[node.rows[S]]], axis=1), W, places, open_[some])

    def all_of(self, out: tuple[int, ...], rows: Whole, most: int, V: Array, places: Whole) -> None:
        """Every choice of at most so many of a few further rows, by its refit alone."""
        for size in range(min(most, len(rows)) + 1):
            S = np.array(list(combinations(rows.tolist(), size)), dtype=np.int64).reshape(comb(len(rows), size), size)
            gone = np.broadcast_to(np.array(out, dtype=np.int64), (len(S), len(out)))
            self.judge(np.concatenate([gone, S], axis=1), np.repeat(V[None], len(S), axis=0), places,
                       np.ones((len(S), len(places)), dtype=bool))
