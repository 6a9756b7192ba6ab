"""Finder: changes that flip predictions of heads whose rows carry weights, or whose losses have kinks.

For every evaluation row the changes that first order takes for the worst, again at their refit. A flip is proved by a
refit that is enclosed; nothing here is trusted.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from certify.finders.head.plain import PlainRefits
from certify.rigor.finder import proposed
from certify.rigor.fp import Array
from certify.systems.head.rows.change import DELETED, NONE, Choices, RowChange
from certify.systems.head.rows.head import Head, Whole

TURNS = 3
"""Times that the worst rows are chosen."""
LANES = 1 << 22
"""Entries of the largest array of effects."""


@dataclass(frozen=True, eq=False)
class Proposed:
    """Changes, and weights near their refits.

    Attributes:
        rows, codes: `(A, r)`.
        weights: `(A, k, m)`.
    """

    rows: Whole
    codes: Whole
    weights: Array


def plain_attack(head: Head, change: RowChange, seconds: float) -> Proposed:
    """Sets of at most `count` rows for every evaluation row.

    Args:
        head: the head.
        change: the changes.
        seconds: time.
    """
    none = Proposed(np.zeros((0, change.count), np.int64), np.zeros((0, change.count), np.int64),
                    np.zeros((0, head.k, head.m)))
    found = proposed(lambda: _Search(head, change, time.monotonic() + seconds).run())
    return none if found is None else found


class _Search:
    """One search."""

    def __init__(self, head: Head, change: RowChange, end: float) -> None:
        self.head, self.change, self.end = head, change, end
        self.refits = PlainRefits(head)
        nothing = Choices(np.full((1, 0), NONE), np.full((1, 0), NONE))
        self.V0 = self.refits.newton(nothing, head.V[None])
        self.start = self.V0[0]

    def run(self) -> Proposed | None:
        """Every point in turn, from those with the smallest margins on; None if the time was up before the first."""
        sets: dict[bytes, tuple[Whole, Whole, Array]] = {}
        F = self.head.points @ self.V0[0].T
        for j in np.argsort(_margins(self.head, F)):
            V, nothing = self.V0, Choices(np.full((1, 0), NONE), np.full((1, 0), NONE))
            now = nothing
            for _ in range(TURNS):
                if time.monotonic() > self.end:
                    break
                chosen = self._worst(int(j), V, now)
                name = chosen.rows.tobytes() + chosen.codes.tobytes()
                if not chosen.rows.size or name in sets:
                    break
                V = self.refits.solve(chosen, self.start)
                sets[name] = (chosen.rows[0], chosen.codes[0], V[0])
                now = chosen
        if not sets:
            return None
        rows, codes, weights = zip(*sets.values(), strict=True)
        return Proposed(np.stack(rows), np.stack(codes), np.stack(weights))

    def _worst(self, j: int, V: Array, now: Choices) -> Choices:
        """The rows whose change lowers the margin of point j most, to first order at these weights."""
        head, change = self.head, self.change
        Y, c, mu = self.refits.terms(now)
        _, Z = self.refits.gradients(V, Y, c, mu)
        e = _against(head, j, V[0]).ravel()
        if V is self.V0:  # all points share its inverse
            u = self.refits.inverse_at(self.start) @ e
        else:
            u = np.linalg.solve(self.refits.hessians(Z, Y, c, mu)[0], e)
        u = u.reshape(head.k, head.m)
        pull = head.phi @ u.T  # a slope more at row i lowers e·V by slope·pull
        weight = np.ones(head.n) if head.weights is None else head.weights.of(
            head, Choices(np.full((1, 0), NONE), np.full((1, 0), NONE)))[:, 0]
        old = head.loss.guess_slopes(Z[:, 0], head.Y)
        best, code = np.full(head.n, -np.inf), np.full(head.n, DELETED)
        if not change.relabels:
            best = -(old * pull).sum(axis=1) * weight
        else:
            assert head.codes is not None and head.label is not None
            for number, target in enumerate(head.codes):
                new = head.loss.guess_slopes(Z[:, 0], np.broadcast_to(target, head.Y.shape))
                worth = np.where(head.label == number, -np.inf, ((new - old) * pull).sum(axis=1) * weight)
                code, best = np.where(worth > best, number, code), np.maximum(worth, best)
        rows = np.array(change.rows)
        order = rows[np.argsort(-best[rows], kind="stable")[: change.count]]
        order = np.sort(order[best[order] > 0])
        full = np.full(change.count, NONE)
        full[: len(order)] = order
        codes = np.full(change.count, NONE)
        codes[: len(order)] = code[order]
        return Choices(full[None], codes[None])


def _margins(head: Head, F: Array) -> Array:
    if head.k == 1:
        return np.asarray(np.abs(F[:, 0] - head.threshold))
    two = np.sort(F, axis=1)[:, -2:]
    return np.asarray(two[:, 1] - two[:, 0])


def _against(head: Head, j: int, V: Array) -> Array:
    """`(k, m)` e with `e·V` the margin of point j: its output, or how far it lies above the nearest other one."""
    x, e = head.points[j], np.zeros((head.k, head.m))
    own = int(head.today[j])
    if head.k == 1:
        e[0] = x if own == 1 else -x
        return e
    f = V @ x
    f[own] = -np.inf
    e[own], e[int(np.argmax(f))] = x, -x
    return e
