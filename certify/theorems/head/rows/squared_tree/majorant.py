"""The hat matrix of many rows, kept sparsely: the largest entries of each row, and a bar below which all others lie.

`K = ΦH⁻¹Φᵀ` differs from `AAᵀ`, `A = ΦRᵀ`, by at most `δ/(1 − δ)|a_i||a_l|` an entry where `‖RHRᵀ − I‖ ≤ δ`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array
from certify.systems.head.rows.ridge import Ridge
from certify.theorems.head.rows.squared.contrasts import Ints

KEPT = 48
"""Entries of each row that are kept."""

CHUNK = 2**23
"""Numbers of a matrix that are held at a time."""


@dataclass(frozen=True, eq=False)
class Factor:
    """Rows `a_i` with `|K_il − a_i·a_l| ≤ error` for the exact hat matrix, `a_i·a_l` as it is computed.

    Attributes:
        A: `(n, p)`.
        wrong: what a row errs by in length.
        length: the largest of a row, what it errs by included.
        error: of every entry.
    """

    A: Array
    wrong: float
    length: float
    error: float


def factor(system: Ridge, rows: Ints) -> Factor:
    """That of some rows."""
    A = system.phi[rows] @ system.R.T
    wrong = fp.dot_unit(system.p) * system.longest * system.size_R * RAISE
    length = (float(fp.row_norms(A).max(initial=0.0)) + wrong) * RAISE
    error = (fp.dot_unit(system.p) + system.delta / (1.0 - system.delta)) * length * length
    return Factor(A, wrong, length, (error + wrong * 2 * length + fp.FLOOR) * RAISE)


@dataclass(frozen=True, eq=False)
class Majorant:
    """Bounds of the entries of K off the diagonal, in size.

    Attributes:
        ids: `(n, L)` places of those that are kept.
        values: `(n, L)` bounds of these.
        bars: `(n,)` of all others of a row.
    """

    ids: Ints
    values: Array
    bars: Array

    def sums(self, v: Array, s: int) -> Array:
        """Upper bounds of the sums of the s largest `|K_il|v_l`, `l ≠ i`; `v ≥ 0`."""
        n = len(v)
        if s <= 0 or n < 2:
            return np.zeros(n)
        X = self.values * v[self.ids]
        if s == 1:
            return np.asarray(np.maximum(X.max(axis=1), self.bars * v.max()) * RAISE)
        most = np.partition(v, n - s)[n - s :] if s < n else v
        X = np.concatenate([X, self.bars[:, None] * most[None, :]], axis=1)
        X = np.partition(X, X.shape[1] - s, axis=1)[:, X.shape[1] - s :] if s < X.shape[1] else X
        return np.asarray(X.sum(axis=1) * fp.sum_up(X.shape[1]))


def majorant(found: Factor, late: Callable[[], bool]) -> Majorant | None:
    """That of a factor; None once time is up."""
    n = len(found.A)
    kept = min(KEPT, n - 1)
    ids, values, bars = np.zeros((n, kept), dtype=np.int64), np.zeros((n, kept)), np.zeros(n)
    step = max(1, CHUNK // max(1, n))
    for start in range(0, n if kept else 0, step):
        if late():
            return None
        size = np.abs(found.A[start : start + step] @ found.A.T)
        here = np.arange(len(size))
        size[here, here + start] = -1.0
        at = np.argpartition(size, n - kept, axis=1)[:, n - kept :]
        ids[start : start + step] = at
        values[start : start + step] = np.take_along_axis(size, at, axis=1)
    if kept < n - 1:
        bars = (values.min(axis=1) + found.error) * RAISE
    return Majorant(ids, fp.require_finite((values + found.error) * RAISE, "hat matrix"), bars)
