"""D13, proposals: steps to the minimisers after one row's label changed, many at once. Nothing is proved.

Such a step is long where the row is: Newton's method with the factor of the centre, shortened where a gradient grows.
That leads astray where a row has a feature of its own and there is little decay: a few such rows have Hessians of
their own.
"""

from __future__ import annotations

import numpy as np

from certify.finders.head.near.alone import SURE, alone
from certify.rigor.fp import Array
from certify.systems.head.rows.boxes.slabs import Rows
from certify.theorems.head.rows.boxes.leaves import Base, settled

TURNS, LEAST = 8, 0.05
"""Most steps, and the least share of one."""

ASTRAY, ALONE, PRODUCTS = 0.5, 64, 1 << 28
"""Such a length from which on a row is looked at by itself; how many are, those first whose gradients are longest; and
the most products that a Hessian may take there."""

FAR = 200.0
"""A step that moves a margin farther is shortened: no bound looks at it, and its row is kept apart."""


def flipped(b: Base, rows: Rows) -> Array:
    """`(r, p)` steps from the centre."""
    c, S = b.c, b.c.sums.S
    Z = S[rows] @ b.X
    pull = settled(c, rows, np.einsum("ij,ij->i", Z, S[rows]))
    best = -pull[:, None] * Z
    size, share = np.full(len(rows), np.inf), np.ones(len(rows))
    trial, step = best.copy(), np.zeros_like(best)
    live = np.arange(len(rows))
    for _ in range(TURNS):
        W = c.w + trial[live]
        P = (0.5 - 0.5 * np.tanh(0.5 * (W @ S.T))) * c.kept
        P[np.arange(len(live)), rows[live]] -= 1.0
        G = c.sums.decay * W - P @ S
        Y = G @ b.X
        long = np.sqrt(np.maximum(np.einsum("ij,ij->i", Y, G), 0.0))
        better = long < size[live]
        at = live[better]
        best[at], size[at], step[at] = trial[at], long[better], Y[better]
        share[live[~better]] *= 0.3
        live = live[(size[live] > SURE) & (share[live] > LEAST)]
        if not len(live):
            break
        trial[live] = best[live] - share[live, None] * step[live]
    if S.shape[0] * S.shape[1] ** 2 <= PRODUCTS:
        astray = np.flatnonzero(~(size <= ASTRAY))
        for i in astray[np.argsort(-size[astray])][:ALONE].tolist():
            best[i] = alone(S, c.kept, c.sums.decay, c.w, int(rows[i]))
    farthest = np.abs(best @ S.T).max(axis=1, initial=0.0)
    return np.asarray(best * np.minimum(1.0, FAR / np.maximum(farthest, FAR))[:, None])
