"""D13, proposals: steps to the minimisers after one row's label changed, many at once. Nothing is proved.

Such a step is long where the row is: Newton's method with the factor of the centre, shortened where a gradient grows.
"""

from __future__ import annotations

import numpy as np

from certify.rigor.fp import Array
from certify.systems.head.rows.boxes.slabs import Rows
from certify.theorems.head.rows.boxes.leaves import Base, settled

TURNS, SURE, LEAST = 8, 1e-3, 0.05
"""Most steps; the length of a gradient that is short enough, in the inverse of the Hessian; and the least share."""


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
    return best
