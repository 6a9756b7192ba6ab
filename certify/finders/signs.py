"""Rows whose absence turns the sign of a coefficient of least squares: greedy, and nothing of it is trusted."""

from __future__ import annotations

from time import monotonic
from typing import Any

import numpy as np

from certify.rigor.fp import Array

Ints = np.ndarray[Any, np.dtype[np.int64]]

SINGULAR = 1e-9
"""A row whose leverage is this near to 1 decides a control of its own, and what it does to others is nothing."""


def rows_that_turn(a: Array, b: Array, W: Array, groups: Ints | None, until: float) -> Ints | None:
    """Rows in the order in which each takes most of `aᵀPb`, until it is below zero; None if the time is up.

    P is the projection off the controls W and the groups on the rows that are left; without row i `aᵀPb` is less by
    `a_ib_i/(1 − h_i)`, with the residuals and the leverage of the fit to the rows that are left. Groups are taken
    out by the means of the rows that are left, so that no column is held for them.

    Args:
        a, b, W: without what the groups explain of them, of all rows.
        groups: `(n,)` numbers from 0, sorted; or None.
        until: of the clock of `monotonic`.
    """
    n, p = W.shape
    count = np.zeros(0) if groups is None else np.bincount(groups).astype(np.float64)
    ends = np.concatenate([[0], np.cumsum(count)]).astype(np.int64)
    kept, inverse, left = np.ones(n, dtype=bool), np.eye(p), np.array(W)
    rows: list[int] = []
    h = (W * W).sum(axis=1) + (0.0 if groups is None else 1 / count[groups])
    left_a, left_b = np.array(a), np.array(b)
    value = float(a @ b)
    while value > 0 and len(rows) < n - p - 1 and monotonic() < until:
        room = 1 - h
        with np.errstate(all="ignore"):
            gain = np.where(kept & (room > SINGULAR), left_a * left_b / room, -np.inf)
        i = int(gain.argmax())
        if gain[i] <= 0:
            return None
        turn = left @ (inverse @ left[i])
        mates = slice(0, 0)
        if groups is not None:
            mates = slice(int(ends[groups[i]]), int(ends[groups[i] + 1]))
            turn[mates] += 1 / count[groups[i]]
        turn /= room[i]
        left_a, left_b = left_a + turn * left_a[i], left_b + turn * left_b[i]
        h = h + turn * turn * room[i]
        inverse = _without(inverse, left[i], 1.0 if groups is None else count[groups[i]] / (count[groups[i]] - 1))
        if groups is not None:
            count[groups[i]] -= 1
            left[mates] += left[i] / count[groups[i]]
            if count[groups[i]] == 1:  # its intercept fits the last row of a group
                h[mates] = 1.0
        kept[i] = False
        if len(rows) % 64 == 63:  # rounding adds up
            inverse = np.asarray(np.linalg.pinv(left[kept].T @ left[kept], hermitian=True))
        value -= float(gain[i])
        rows.append(i)
    return np.asarray(rows, dtype=np.int64) if value <= 0 else None


def _without(inverse: Array, w: Array, weight: float) -> Array:
    """The inverse of `A − weight·wwᵀ` from that of A."""
    column = inverse @ w
    return np.asarray(inverse + np.outer(column, column) * (weight / (1 - weight * float(w @ column))))
