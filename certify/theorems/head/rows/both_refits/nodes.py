"""Weights near the refits after some changes and one or two more, by sums of steps. Nothing here is trusted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from certify.finders.head.plain import PlainRefits
from certify.rigor.fp import Array
from certify.systems.head.rows.change import DELETED, Choices
from certify.systems.head.rows.head import Whole

GOAL = 1e-6
"""Of μ: the length of the gradient at which a single refit is near enough."""

TURNS = 3
"""Steps towards a single refit from the sum of its parent's before Newton's method."""


@dataclass(frozen=True, eq=False)
class Node:
    """Changes that are made, and single ones that may follow.

    Attributes:
        rows, codes: `(s,)` the changes.
        w: `(k, m)` weights near their refit.
        more, become: `(f,)` the single changes, row by row, and what the row becomes.
        W: `(f, k, m)` weights near the refit after each of them.
        inverses: `(f, km, km)` inverse Hessians there.
    """

    rows: Whole
    codes: Whole
    w: Array
    more: Whole
    become: Whole
    W: Array
    inverses: Array

    def choices(self, which: Whole) -> Choices:
        """The changes with some more, `(B, r)` numbers of single ones."""
        B, done = len(which), len(self.rows)
        made = (np.broadcast_to(part, (B, done)) for part in (self.rows, self.codes))
        rows, codes = (np.hstack([old, new[which]]) for old, new in
                       zip(made, (self.more, self.become), strict=True))
        return Choices(rows, codes)

    def sums(self, which: Whole) -> Array:
        """`(B, k, m)` the weights with the steps of some single changes."""
        return np.asarray(self.w + (self.W[which] - self.w).sum(axis=1))

    def kept(self, which: Whole) -> Node:
        """With some of its single changes."""
        return Node(self.rows, self.codes, self.w, self.more[which], self.become[which], self.W[which],
                    self.inverses[which])


class Nodes:
    """Nodes of one head.

    Args:
        plain: its refits.
        check: raises when the time is up.
    """

    def __init__(self, plain: PlainRefits, check: Callable[[], None]) -> None:
        self.plain, self.check, self.goal = plain, check, GOAL * plain.head.mu()[0]

    def root(self, more: Whole, become: Whole) -> Node:
        """Where nothing is changed yet."""
        nothing = Choices(np.zeros((1, 0), np.int64), np.zeros((1, 0), np.int64))
        w = self.plain.newton(nothing, self.plain.head.V[None], 0.0, self.check)[0]
        single, inverse = Choices(more[:, None], become[:, None]), self.plain.inverse(w)
        start = self.plain.chords(single, np.repeat(w[None], len(more), axis=0), inverse, TURNS)
        return self._solved(nothing.rows[0], nothing.codes[0], w, single, start)

    def below(self, node: Node, one: int, keep: Whole) -> Node:
        """After one more change: those numbers of the single ones may follow."""
        rows, codes = np.append(node.rows, node.more[one]), np.append(node.codes, node.become[one])
        which = np.stack([np.full(len(keep), one), keep], axis=1)
        start = nearer(self.plain, node, which, node.sums(which), TURNS)
        return self._solved(rows, codes, node.W[one], node.choices(which), start)

    def _solved(self, rows: Whole, codes: Whole, w: Array, single: Choices, start: Array) -> Node:
        """With the single refits solved."""
        W = self.plain.newton(single, start, self.goal, self.check)
        inverses = np.concatenate([self._inverses(single.part(slice(at, at + 256)), W[at : at + 256])
                                   for at in range(0, max(len(W), 1), 256)])
        return Node(rows, codes, w, single.rows[:, -1], single.codes[:, -1], W, inverses)

    def _inverses(self, single: Choices, W: Array) -> Array:
        self.check()
        Y, c, mu = self.plain.terms(single)
        H = self.plain.hessians(self.plain.gradients(W, Y, c, mu)[1], Y, c, mu)
        try:
            return np.asarray(np.linalg.inv(H))
        except np.linalg.LinAlgError:
            return np.full(H.shape, np.nan)


def nearer(plain: PlainRefits, node: Node, which: Whole, V: Array, turns: int) -> Array:
    """`(B, k, m)` weights nearer to refits after two more changes: the best ones of a few steps.

    The inverse is that after the second change; of one output without the row that the first deletes.

    Args:
        plain: refits of the head.
        node: the changes that are made.
        which: `(B, 2)` numbers of single changes.
        V: `(B, k, m)` where to begin.
        turns: how many steps.
    """
    inverse, of = node.inverses[which[:, 1]], plain.terms(node.choices(which))
    best, least = V, np.full(len(V), np.inf)
    with np.errstate(all="ignore"):
        a, factor = _without(plain, node, which, V, inverse)
        for turn in range(turns + 1):
            g = plain.gradients(V, *of)[0].reshape(len(V), -1)
            size = np.linalg.norm(g, axis=1)
            best, least = np.where((size < least)[:, None, None], V, best), np.fmin(size, least)
            if turn < turns:
                step = np.einsum("bij,bj->bi", inverse, g) + a * (factor * np.einsum("bi,bi->b", a, g))[:, None]
                V = V - step.reshape(V.shape)
    return best


def _without(plain: PlainRefits, node: Node, which: Whole, V: Array, inverse: Array) -> tuple[Array, Array]:
    """What a deleted row's curvature was in the inverse: a vector and the factor of its square, for each change."""
    if V.shape[1] > 1:
        return np.zeros((len(V), inverse.shape[1])), np.zeros(len(V))
    phi = plain.head.phi[node.more[which[:, 0]]]
    a = np.einsum("bij,bj->bi", inverse, phi)
    p = 1.0 / (1.0 + np.exp(np.abs(np.einsum("bi,bi->b", V[:, 0], phi))))
    D = np.where(node.become[which[:, 0]] == DELETED, p * (1.0 - p), 0.0)
    return a, D / (1.0 - D * np.einsum("bi,bi->b", a, phi))
