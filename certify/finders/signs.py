"""Rows whose absence turns the sign of a coefficient of least squares: greedy, and nothing of it is trusted."""

from __future__ import annotations

from time import monotonic
from typing import Any

import numpy as np

from certify.rigor.fp import Array

NUMBERS = 1 << 28
"""Nothing is looked for where rows times controls and groups are more than this."""
SINGULAR = 1e-9
"""A row whose leverage is this near to 1 decides a control of its own, and what it does to others is nothing."""


def rows_that_turn(a: Array, b: Array, W: Array, groups: np.ndarray[Any, Any] | None, until: float,
                   ) -> np.ndarray[Any, np.dtype[np.int64]] | None:
    """Rows in the order in which each takes most of `aᵀPb`, until it is below zero; None if the time is up.

    P is the projection off the controls W and the groups on the rows that are left; without row i `aᵀPb` is less by
    `a_ib_i/(1 − h_i)`, with the residuals and the leverage of the fit to the rows that are left.
    """
    n, p = W.shape
    if n * (p + (0 if groups is None else int(groups.max()) + 1)) > NUMBERS:
        return None
    if groups is not None:
        dummies = np.zeros((n, int(groups.max()) + 1))
        dummies[np.arange(n), groups] = 1 / np.sqrt(np.bincount(groups))[groups]
        W, p = np.hstack([dummies, W]), p + dummies.shape[1]
    kept, inverse = np.ones(n, dtype=bool), np.eye(p)
    rows: list[int] = []
    h = (W * W).sum(axis=1)
    left_a, left_b = np.array(a), np.array(b)
    value = float(a @ b)
    while value > 0 and len(rows) < n - p - 1 and monotonic() < until:
        room = 1 - h
        with np.errstate(all="ignore"):
            gain = np.where(kept & (room > SINGULAR), left_a * left_b / room, -np.inf)
        i = int(gain.argmax())
        if gain[i] <= 0:
            return None
        column = inverse @ W[i]
        inverse = np.asarray(inverse + np.outer(column, column) / room[i])
        if len(rows) % 64 == 63:  # rounding adds up
            inverse = np.asarray(np.linalg.pinv(W[kept].T @ W[kept] - np.outer(W[i], W[i]), hermitian=True))
        turn = W @ column / room[i]
        left_a, left_b = left_a + turn * left_a[i], left_b + turn * left_b[i]
        h = h + turn * turn * room[i]
        kept[i] = False
        value -= float(gain[i])
        rows.append(i)
    return np.asarray(rows, dtype=np.int64) if value <= 0 else None
