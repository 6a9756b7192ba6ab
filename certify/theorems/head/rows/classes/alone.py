"""Every single row that goes: a step for each that pulls hard, judged by the gradient there; lengths for the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.head import Whole
from certify.theorems.head.rows.classes.answered import Asked
from certify.theorems.head.rows.classes.centre import Centre, gradients, kept_share
from certify.theorems.head.rows.classes.reach import reach
from certify.theorems.head.rows.classes.slopes import chances
from certify.theorems.head.rows.classes.system import System

LEAST, GENTLE, FEW = 0.05, 0.6, 60
"""A row that pulls less has no step of its own, if its pull times the longest pair of outputs is below GENTLE; nor has
one of those left when fewer than one evaluation row in FEW is open for their sake."""

AT_ONCE, ROUNDS, NEAR = 128, 16, 0.1
"""Steps of one reading; how many a row gets at most; and a distance at which it gets no more."""


@dataclass(frozen=True, eq=False)
class Refits:
    """Where the minima without single rows lie.

    Attributes:
        rows: (B,) which rows went.
        W: (B, q, p) weights.
        distance: (B,) how far from these the minima lie at most; infinite where that is not known.
    """

    rows: Whole
    W: Array
    distance: Array


def by_lengths(c: Centre, numbers: Array, pull: float, lost: float) -> float:
    """How far the minimum moves at most under changes whose pulls and leverages add up to so much."""
    held = np.array([(1.0 - c.system.unsure) * (1.0 - 8.0 * U)])
    return float(reach(np.array([(pull + c.residual) * RAISE]), held, np.array([lost]), float(numbers[0].max()))[0])


@dataclass(eq=False)
class Alone:
    """What is proved of evaluation rows when any single row goes, or none.

    Attributes:
        least: (N,) lower bounds of the least margin of each label.
        flips: (N,) number of a row without which the label is another one; −1 where none was found.
        stuck: number of a row of whose minimum nothing is known; −1: none.
    """

    least: Array
    flips: Whole
    stuck: int = -1


def alone(c: Centre, numbers: Array, points: Asked) -> Alone:
    """The rows that pull hardest by a step each; the others by what the hardest of them may do."""
    order = np.argsort(-numbers[1], kind="stable")
    longest, N = float(numbers[0].max()), len(points.points)
    found = Alone(np.full(N, np.inf), np.full(N, -1))
    for start in range(0, len(order) + AT_ONCE, AT_ONCE):  # at last for no row at all
        rest = order[start:]
        pull, lost = (float(numbers[row, rest].max(initial=0.0)) for row in (1, 3))
        others = points.margins(c.V[None], np.array([by_lengths(c, numbers, pull, lost)]))[0][:, 0]
        gentle = pull * longest <= GENTLE
        waiting = ((found.least > 0.0) & ~(others > 0.0) & (found.flips < 0)).sum()
        if gentle and (pull <= LEAST or waiting * FEW <= N):
            found.least = np.minimum(found.least, others)
            break
        if not _tried(found, refits(c, numbers, rest[:AT_ONCE]), points):
            break
    return found


def _tried(found: Alone, some: Refits, points: Asked) -> bool:
    """With the minima of some rows; whether all of them are known."""
    low, high = points.margins(some.W, np.where(np.isfinite(some.distance), some.distance, 0.0))
    known = np.isfinite(some.distance)
    low[:, ~known], high[:, ~known] = -np.inf, np.inf
    found.least = np.minimum(found.least, low.min(axis=1))
    lost = high.argmin(axis=1)
    flips = (high[np.arange(len(low)), lost] < 0.0) & (found.flips < 0)
    found.flips[flips] = some.rows[lost[flips]]
    if not known.all():
        found.stuck = int(some.rows[~known][0])
    return bool(known.all())


def refits(c: Centre, numbers: Array, rows: Whole) -> Refits:
    """Where the minima without each of these rows lie, by as many readings as rounds are needed."""
    longest, _, _, leverage = numbers
    newton = newton_of(c, rows)
    W = c.V[None] + newton.first
    distance, todo = np.full(len(rows), np.inf), np.arange(len(rows))
    best = W.copy()
    for _ in range(ROUNDS):
        found = gradients(c.ground, c.V, c.system, W[todo], rows[todo], leverage)
        held = kept_share(found.lacks, leverage[rows[todo]], c.system.unsure)
        far = reach(found.bound, held, np.zeros(len(todo)), float(longest.max()))
        better = far < distance[todo]
        distance[todo[better]], best[todo[better]] = far[better], W[todo[better]]
        rest = distance[todo] > NEAR
        todo = todo[rest]
        if not len(todo):
            break
        W[todo] -= newton.more(found.steps[rest], todo)
    return Refits(rows, best, distance)


@dataclass(frozen=True, eq=False)
class Newton:
    """Newton's steps without single rows; proposals, with the inverse of H by its factor.

    `(H − (x ⊗ I)A(xᵀ ⊗ I))⁻¹ = H⁻¹ + H⁻¹(x ⊗ I)(I − AK)⁻¹A(xᵀ ⊗ I)H⁻¹`, K the block of `H⁻¹` in x.

    Attributes:
        system: H.
        part: (B, p) the rows.
        A: (B, q, q).
        turn: (B, q, q) about `(I − AK)⁻¹`.
        first: (B, q, p) the first step from the centre.
    """

    system: System
    part: Array
    A: Array
    turn: Array
    first: Array

    def more(self, steps: Array, at: Whole) -> Array:
        """From `H⁻¹g` to the step without the row, for some of the rows."""
        part = self.part[at]
        h = np.einsum("bqp,bp->bq", steps, part)
        back = np.einsum("bij,bjk,bk->bi", self.turn[at], self.A[at], h)
        return np.asarray(steps + _solved(self.system, back, part))


def newton_of(c: Centre, rows: Whole) -> Newton:
    """Of these rows."""
    order, q = np.argsort(rows), len(c.V)
    part = np.empty((len(rows), c.V.shape[1]))
    part[order] = c.ground.rows[rows[order]]
    at, K = chances(c.V, part), c.measure.of(part).K
    g = at.sigma.copy()
    g[np.arange(len(rows)), c.ground.label.array[rows]] -= 1.0
    sigma = at.sigma[:, :q]
    A = np.eye(q)[None] * sigma[:, None, :] - sigma[:, :, None] * sigma[:, None, :]
    try:
        turn: Array = np.asarray(np.linalg.inv(np.eye(q)[None] - A @ K), dtype=np.float64)
    except np.linalg.LinAlgError:  # then with H as it is
        turn = np.tile(np.eye(q), (len(rows), 1, 1))
    return Newton(c.system, part, A, turn, _solved(c.system, np.einsum("bij,bj->bi", turn, g[:, :q]), part))


def _solved(by: System, v: Array, part: Array) -> Array:
    """About `H⁻¹(x ⊗ v)` for each row x."""
    right = (v[:, :, None] * part[:, None, :]).reshape(len(part), -1)
    return np.asarray(((right @ by.R.T) @ by.R).reshape(len(part), v.shape[1], -1))
