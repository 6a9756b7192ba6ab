"""D12, steps to refits without one row each that one factor for all of them does not settle. Nothing is trusted."""

from __future__ import annotations

import numpy as np

from certify.rigor.fp import Array
from certify.systems.head.rows.boxes.slabs import Rows
from certify.systems.head.rows.boxes.trap import Centre
from certify.theorems.head.rows.boxes.leaves import Base, refits

SHORT = 1e-4
"""Gradients in the norm of the inverse Hessian that are short enough at steps."""

MOST, AT_ONCE = 64, 256
"""Rows for which more is done, and rows at a time."""


def settle(b: Base, rows: Rows, delta: Array) -> Array:
    """`(f, p)` steps, those that leave much of the gradient nearer to their refits.

    Args:
        b: the inverse Hessian at the centre.
        rows: `(f,)` the rows, and `delta`: `(f, p)` steps from anywhere.
    """
    found, left = delta.copy(), _left(b, rows, delta)
    some = np.argsort(-left, kind="stable")[: min(MOST, int((left > SHORT).sum()))]
    if len(some):
        nearer = refits(b, rows[some]) - b.c.w
        better = _left(b, rows[some], nearer) < left[some]
        found[some[better]] = nearer[better]
    return found


def _left(b: Base, rows: Rows, delta: Array) -> Array:
    """`(f,)` about the lengths of gradients without each of the rows."""
    found = np.empty(len(rows))
    for at in range(0, len(rows), AT_ONCE):
        some = slice(at, at + AT_ONCE)
        g = _gradients(b.c, rows[some], delta[some])
        found[some] = np.sqrt(np.einsum("ij,ij->i", g @ b.X, g))
    return np.where(np.isfinite(found), found, np.inf)


def _gradients(c: Centre, rows: Rows, d: Array) -> Array:
    W = c.w + d
    p = c.kept / (1.0 + np.exp(np.clip(W @ c.sums.S.T, -80.0, 80.0)))
    p[np.arange(len(rows)), rows] = 0.0
    return np.asarray(c.sums.decay * W - p @ c.sums.S)
