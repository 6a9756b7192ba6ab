"""Refits of a softmax head far from their parent: each only as near as the labels of the points in question need."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from certify.finders.head.near.descent import Descent
from certify.finders.head.near.leaves import Starts
from certify.finders.head.refits import Node
from certify.rigor.fp import Array
from certify.systems.head.rows.change import Choices, RowChange
from certify.systems.head.rows.head import Head, Whole
from certify.systems.head.rows.refit import refits_and_gradients

LEAST, BATCH = 150, 1 << 21
"""Weights from which on a Hessian for every refit is dear; entries of outputs of a batch."""

TRIES, FIRST, PART, LOST = 4, 1e-4, 0.5, 0.25
"""How often weights are judged; the first gradient that is aimed at, in μ; of the gradient that would do, as far as is
known, what is aimed at, and of the last one where nothing is known."""

USUAL, SHORTER, LONGER = 0.12, 0.7, 1.15
"""What share of a batch may be open after the first gradient; if more are, or less, the next one aims at so many times
that."""

SHORT = 4e-5
"""Gradients that weights in four bytes may have, in μ."""

Judge = Callable[[Choices, Array, Array], np.ndarray]


def far(head: Head, change: RowChange) -> bool:
    """Whether refits are found so: a changed label of a softmax head with many weights."""
    return change.relabels and change.count == 1 and head.loss.shifted and head.read_off and head.k * head.m >= LEAST


class Far:
    """Refits from one batch to the next.

    Args:
        head: the head.
        judge: which of a batch leave a point open: of changes, weights, and distances of the refits.
        watched: the points in question.
        check: raises when the time is up.
    """

    def __init__(self, head: Head, judge: Judge, watched: Callable[[], Whole], check: Callable[[], None]) -> None:
        self.head, self._judge, self._watched, self._check = head, judge, watched, check
        self._goal = FIRST * head.mu()[0]
        self.batch = max(1, BATCH // (head.n * head.k))

    def settle(self, choices: Choices, parent: Node, start: Starts) -> tuple[Array, Whole, Whole]:
        """Weights near the refits; the numbers of those that need all eight bytes, and of those still open."""
        B = len(choices)
        found, goal = start.V.copy(), np.full(B, self._goal)
        exact = np.zeros(B, dtype=bool)
        way, open_ = Descent(self.head, parent.V, choices, start), np.arange(B)
        for _ in range(TRIES):
            way.to(goal, self._check)
            part = Choices(choices.rows[open_], choices.codes[open_])
            exact[open_] = goal[open_] < SHORT * self.head.mu()[0]
            V = way.V[open_]
            V = np.where(exact[open_, None, None], V, V.astype(np.float32))
            found[open_] = V
            near, g = refits_and_gradients(self.head, part, V)
            goal[open_] = self._needed(V, near, g, goal[open_])
            left = self._judge(part, V, near)
            if len(open_) == B:
                self._goal *= SHORTER if left.mean() > USUAL else LONGER
            goal[open_[~left]] = np.inf
            open_ = open_[left]
            if not len(open_):
                break
        return found, np.flatnonzero(exact), open_

    def _needed(self, V: Array, near: Array, g: Array, last: Array) -> Array:
        """Lengths of gradients that would decide the points in question, as far as one sees."""
        which = self._watched()
        with np.errstate(all="ignore"):
            two = np.partition(self.head.sides(V, near, which)[1], -2, axis=2)[:, :, -2:]
            gap = (two[..., 1] - two[..., 0]) / (np.sqrt(2.0) * self.head.points_norm[which])
            found = PART * np.linalg.norm(g.reshape(len(g), -1), axis=1) / near * gap.min(axis=1, initial=np.inf)
        return np.where(np.isfinite(near) & np.isfinite(found), found, LOST * last)
