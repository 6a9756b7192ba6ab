"""What changed rows take from the margins of evaluation rows, in parts, in a proved box of a softmax head (D9, D10)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.boxes.trap import top_sums
from certify.systems.head.rows.head import Whole
from certify.theorems.head.rows.softmax.centre import Centre
from certify.theorems.head.rows.softmax.trap import ROOT2, Trap, each, own_blocks, seen

ROOM = 1.0 + 2.0**-20
"""A checker has rounding of its own: what is proved is to hold with a little to spare."""


@dataclass(frozen=True, eq=False)
class Drops:
    """Margins of today's label over each other class: at least `gap − (the sum of the k largest pushes) − fixed`.

    Attributes:
        gap, fixed: `(J, k − 1)`.
        pushes: `(J, k − 1, f)`, of the free rows in the order of the trap's sources.
    """

    gap: Array
    fixed: Array
    pushes: Array

    def still(self) -> Array:
        """`(J,)` whether the label stays where no further row changes."""
        return np.asarray((self.gap > self.fixed).all(axis=1))

    def single(self) -> NDArray[np.bool_]:
        """`(J, f)` whether the label stays where one row changes."""
        return np.asarray(((self.pushes + self.fixed[..., None]) * RAISE < self.gap[..., None]).all(axis=1))

    def least(self, count: int) -> Array:
        """`(J,)` lower bounds of the least margin."""
        J, q, f = self.pushes.shape
        most = top_sums(self.pushes.reshape(J * q, f), count)[0].reshape(J, q)
        return np.asarray((self.gap - (most + self.fixed) * RAISE - 4 * U * np.abs(self.gap)).min(axis=1))

    def needs(self, order: Whole, count: int) -> Whole:
        """`(J,)` how many of the rows have to be left out, in this order, before the label stays; f + 1: never.

        Args:
            order: `(f,)` places of rows in the pushes, the first one is left out first.
            count: rows that change at once.
        """
        J, q, f = self.pushes.shape
        tops, found = np.zeros((J, q, count)), np.full(J, f + 1)
        for h in range(f, -1, -1):
            if h < f:
                one = self.pushes[:, :, order[h]]
                least = tops.argmin(axis=-1)[..., None]
                np.put_along_axis(tops, least, np.maximum(np.take_along_axis(tops, least, -1), one[..., None]), -1)
            good = ((tops.sum(axis=-1) + self.fixed) * RAISE < self.gap).all(axis=1)
            found = np.where(good, h, found)
            if not good.any():
                break
        return found


def drops(c: Centre, t: Trap, at: Whole, slack: Array) -> Drops:
    """The parts at some evaluation rows.

    Args:
        c, t: the centre, on inputs that are exact, and the box there.
        at: numbers of the rows.
        slack: `(N,)` what the margins of the true head may be smaller by.
    """
    head = c.head
    x, norms, today = head.points[at], head.points_norm[at], head.today[at]
    k, J = head.k, np.arange(len(at))[:, None]
    b = np.array([[q for q in range(k) if q != a] for a in today], dtype=np.int64).reshape(len(at), k - 1)
    a = np.repeat(today[:, None], k - 1, axis=1)
    F = x @ c.V.T
    size = float(fp.row_norms(c.V.reshape(1, -1))[0])
    gap = F[J, a] - F[J, b]
    gap -= (ROOT2 * fp.dot_unit(head.m) * norms * size)[:, None] * RAISE + 4 * U * (np.abs(F[J, a]) + np.abs(F[J, b]))
    pairs = (a, b)
    bent, top = (seen(own_blocks(Q, x), t.M.off, norms, pairs) for Q in (t.M.half, t.M.top))
    fixed = (bent * t.s.spread + top * t.still + (ROOT2 * norms * t.s.loose + slack[at])[:, None]) * ROOM
    pushes = np.empty((len(at), k - 1, len(t.s.rows)))
    for part, push in each(c, t.M, t.s, x, len(t.s.rows), pairs):
        pushes[part] = push * ROOM
    return Drops(np.asarray(gap - 4 * U * np.abs(gap)), fixed, pushes)
