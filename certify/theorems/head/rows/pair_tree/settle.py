"""D12, steps to refits without one row each that one factor for all of them does not settle. Nothing is trusted."""

from __future__ import annotations

import numpy as np

from certify.rigor.fp import Array
from certify.systems.head.rows.boxes.slabs import Rows
from certify.systems.head.rows.boxes.trap import Centre

LONG, SHORT = 1e-2, 1e-4
"""Gradients in the norm of the inverse Hessian that are left at steps and worth more steps, and that are short enough.
"""

TURNS, HALVED = 12, 8
"""Steps of one row; and how often one is halved."""

MOST, AT_ONCE = 64, 256
"""Rows for which that is done, and rows at a time."""


def settle(c: Centre, X: Array, rows: Rows, delta: Array) -> Array:
    """`(f, p)` steps, those that leave much of the gradient nearer to their refits.

    Args:
        c: the centre.
        X: `(p, p)` the inverse Hessian there, nearly.
        rows: `(f,)` the rows, and `delta`: `(f, p)` steps from anywhere.
    """
    found, left = delta.copy(), np.empty(len(rows))
    for at in range(0, len(rows), AT_ONCE):
        some = slice(at, at + AT_ONCE)
        g = _gradients(c, rows[some], delta[some])[0]
        left[some] = np.einsum("ij,ij->i", g @ X, g)
    left = np.where(np.isfinite(left), left, np.inf)
    for at in np.argsort(-left, kind="stable")[: min(MOST, int((left > LONG * LONG).sum()))]:
        found[at] = _newton(c, X, rows[at : at + 1], delta[at : at + 1])[0]
    return found


def _newton(c: Centre, X: Array, row: Rows, d: Array) -> Array:
    """Newton's method with a Hessian of its own, `(1, p)`."""
    s = c.sums
    g, p = _gradients(c, row, d)
    for _ in range(TURNS):
        S = s.short if s.halved else s.S
        H = (S * np.sqrt(p * (1.0 - p))[0, :, None].astype(S.dtype))
        H = H.T @ H
        H[np.diag_indices(len(H))] += s.decay.astype(S.dtype)
        try:
            step = np.linalg.solve(H.astype(np.float64), g[0])
        except np.linalg.LinAlgError:
            break
        size, by = float(g[0] @ g[0]), 1.0
        for _ in range(HALVED):
            after = _gradients(c, row, d - by * step)
            if float(after[0][0] @ after[0][0]) < size:
                break
            by *= 0.5
        else:
            break
        d, (g, p) = d - by * step, after
        if float(g[0] @ X @ g[0]) < SHORT * SHORT:
            break
    return d


def _gradients(c: Centre, rows: Rows, d: Array) -> tuple[Array, Array]:
    """Gradients without each of the rows, and slopes."""
    W = c.w + d
    p = c.kept / (1.0 + np.exp(np.clip(W @ c.sums.S.T, -80.0, 80.0)))
    p[np.arange(len(rows)), rows] = 0.0
    return c.sums.decay * W - p @ c.sums.S, p
