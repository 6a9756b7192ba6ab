"""A change that flips a prediction without the rows that it does not need: each smaller change proved by its refit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from certify.finders.head.refits import Refitter
from certify.rigor.fp import Array
from certify.systems.head.rows.change import DELETED, NONE, Choices
from certify.systems.head.rows.head import Head, Whole
from certify.systems.head.rows.refit import enclose_refits

TRIED, ROUNDS, LARGEST = 12, 3, 1500
"""Sizes tried at once, how often, and the most weights of a head whose second derivatives are inverted for it."""


@dataclass(frozen=True, eq=False)
class Flip:
    """A change that is proved to flip one point: rows, what they become, and weights near its refit."""

    rows: Whole
    codes: Whole
    weights: Array


class Fewer:
    """Drops the rows of a change that do least.

    Args:
        head: the head.
    """

    def __init__(self, head: Head) -> None:
        self.head, self.refitter = head, Refitter(head)
        nothing = Choices(np.full((1, 0), NONE), np.full((1, 0), NONE))
        self.inverse = np.linalg.inv(self.refitter.hessians(nothing, self.refitter.V0[None])[0])

    def of(self, i: int, flip: Flip, low: int, check: Callable[[], None]) -> Flip:
        """The smallest change found that still flips point i; the change itself where none is proved to.

        Args:
            i: the point.
            flip: a change that flips it.
            low: fewest rows worth a try.
            check: raises when the time is up.
        """
        order = np.argsort(self._effects(i, flip), kind="stable")
        best, high = flip, len(flip.rows)
        for _ in range(ROUNDS):
            sizes = np.unique(np.linspace(low, high - 1, TRIED).astype(int)) if low < high else np.zeros(0, int)
            if not len(sizes):
                break
            choices = self._prefixes(flip, order, sizes)
            with np.errstate(all="ignore"):
                V = self.refitter.newton(choices, np.repeat(flip.weights[None], len(sizes), axis=0), 0.0, check)
            sides, _ = self.head.sides(V, enclose_refits(self.head, choices, V))
            flips = np.flatnonzero((sides[:, i] >= 0) & (sides[:, i] != self.head.today[i]))
            if not len(flips):
                break
            a = int(flips[0])
            there = choices.rows[a] != NONE
            best, high = Flip(choices.rows[a][there], choices.codes[a][there], V[a]), int(sizes[a])
            low = int(sizes[a - 1]) + 1 if a else high
        return best

    def _prefixes(self, flip: Flip, order: Whole, sizes: Whole) -> Choices:
        """The first rows in an order, ascending, empty places first."""
        rows, codes = (np.full((len(sizes), len(flip.rows)), NONE, dtype=np.int64) for _ in range(2))
        for a, size in enumerate(sizes):
            some = order[:size][np.argsort(flip.rows[order[:size]])]
            rows[a, len(flip.rows) - size :], codes[a, len(flip.rows) - size :] = flip.rows[some], flip.codes[some]
        return Choices(rows, codes)

    def _effects(self, i: int, flip: Flip) -> Array:
        """What the change of each row alone adds to the lead of today's label, to first order."""
        head, V = self.head, self.refitter.V0
        lead = np.zeros(head.k)
        if head.k == 1:
            lead[0] = 1.0 if head.today[i] else -1.0
        else:
            lead[head.today[i]], lead[int(np.argmax(flip.weights @ head.points[i]))] = 1.0, -1.0
        u = (self.inverse @ np.outer(lead, head.points[i]).ravel()).reshape(head.k, head.m)
        phi = head.phi[flip.rows]
        Z = phi @ V.T
        g = -head.loss.guess_slopes(Z, head.Y[flip.rows])
        new = flip.codes != DELETED
        if new.any() and head.codes is not None:
            g[new] += head.loss.guess_slopes(Z[new], head.codes[flip.codes[new]])
        return np.asarray(-np.einsum("rk,rk->r", g, phi @ u.T))
