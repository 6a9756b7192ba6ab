"""Many rows, squared loss: which deletions flip points, found in floats from the change of rank m, proved by refits."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from certify.rigor.finder import proposed
from certify.rigor.fp import Array
from certify.systems.head.rows.change import DELETED, Choices, RowChange
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.ridge import Ridge
from certify.theorems.head.rows.flips import OPEN, Found
from certify.theorems.head.rows.method import Mask
from certify.theorems.head.rows.squared.contrasts import Ints, contrasts
from certify.theorems.head.rows.squared.rooted import system_of

LARGE = 2**27
"""Rows times points times outputs from which on the search for heads of any loss takes too long to begin."""

AT_ONCE = 2**22
"""Influences that are held at a time."""

ROUNDS, NEAR = 3, 0.9
"""How often the rows that take most are chosen again, as the others of the choice leave them, and the share of the
contrast that they have to take for that."""


def is_large(head: Head) -> bool:
    """Whether the search for heads of any loss takes too long to begin."""
    return head.n * len(head.points) * head.k >= LARGE


def worst_deletions(head: Head, change: RowChange, todo: Mask, found: Found, late: Callable[[], bool],
                    judge: Callable[[int, Ints], int] | None = None) -> None:
    """For every point in question the rows that take most from a contrast, kept where their refit flips it.

    Args:
        head: of the squared loss, its rows counting the same; `found` may be of the one that has weights.
        change: how many of which rows go.
        todo: `(N,)` the points.
        found: takes what is proved.
        late: once true no more are tried.
        judge: the label that is proved of a point once rows are gone, by their places, −1 where none is; None: refits
            of all rows say so.
    """
    rows = np.array(sorted(change.rows), dtype=np.int64)
    count = min(change.count, len(rows))
    system = system_of(head, count)
    if isinstance(system, str) or not count:
        return
    fit = _Fit(head, system, rows, count)
    points = np.flatnonzero(todo)
    step = max(1, AT_ONCE // head.n)
    for start in range(0, len(points), step):
        here = points[start : start + step]
        C = system.rows.against((head.points[here] * system.scale) @ system.R.T @ system.R)[:, rows]
        for j, c in zip(here.tolist(), C, strict=True):
            if late():
                return
            if found.flipped[j]:
                continue
            refit = proposed(partial(fit.flipping, j, c))  # rows that carry a direction alone leave singular matrices
            if refit is None:
                continue
            gone, V = refit
            choice = Choices(rows[gone][None, :], np.full((1, count), DELETED))
            if judge is None:
                found.prove(choice, V[None])
            else:
                sides = np.full((1, len(todo)), OPEN)
                sides[0, j] = judge(j, gone)
                found.take(choice, V[None], sides)


class _Fit:
    """The refit of all rows with the decay after the deletions, in floats."""

    def __init__(self, head: Head, system: Ridge, rows: Ints, count: int) -> None:
        self.head, self.system, self.rows, self.count = head, system, rows, count
        b = np.zeros((head.m, head.k))
        self.left = np.empty(len(system.rows))
        for start, part in system.rows.parts():
            b += part.T @ head.Y[start : start + len(part)]
            self.left[start : start + len(part)] = 1.0 - np.square(part @ system.R.T).sum(axis=1)
        self.left = np.maximum(self.left[rows], 1e-9)
        self.v = system.R.T @ (system.R @ b)
        self.r = (head.Y - system.rows.products(self.v))[rows]

    def flipping(self, j: int, c: Array) -> tuple[Ints, Array] | None:
        """Rows whose deletion makes a contrast of point j negative, with the refit; None where none was found."""
        e = self.head.points[j] * self.system.scale
        Z = (e @ self.v)[None, :]
        for contrast in sorted(contrasts(int(self.head.today[j]), self.head.k, self.head.threshold),
                               key=lambda one: float(one.of(Z)[0])):
            z = float(contrast.of(Z)[0]) - contrast.sign * contrast.offset
            r = contrast.of(self.r)
            worth = c * r / self.left
            for _ in range(ROUNDS):
                gone = np.argpartition(-worth, self.count - 1)[: self.count]
                if float(worth[gone].clip(0.0).sum()) * 4 < z:  # too far for what pairs add
                    break
                A = self.system.rows[self.rows[gone]] @ self.system.R.T
                N = np.linalg.inv(np.eye(self.count) - A @ A.T)
                taken = float(c[gone] @ N @ r[gone])
                if taken > z:
                    gone = np.sort(gone)
                    return gone, self.without(gone)
                if taken < NEAR * z:
                    break
                # the first order at the refit without these
                back = self.system.rows.products(self.system.R.T @ (A.T @ (N @ np.c_[c[gone], r[gone]])))[self.rows]
                worth = (c + back[:, 0]) * (r + back[:, 1]) / self.left
                worth[gone] = c[gone] * (N @ r[gone])
        return None

    def without(self, gone: Ints) -> Array:
        """`(k, m)` weights without these rows."""
        A = self.system.rows[self.rows[gone]] @ self.system.R.T
        N = np.linalg.solve(np.eye(len(gone)) - A @ A.T, self.r[gone])
        v = self.v - self.system.R.T @ (A.T @ N)
        return np.asarray((v * self.system.scale[:, None]).T)
