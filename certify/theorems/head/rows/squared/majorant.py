"""The hat matrix of many rows, kept sparsely: the largest entries of each row, and a bar below which all others lie.

`K = ΦH⁻¹Φᵀ` differs from `AAᵀ`, `A = ΦRᵀ`, by at most `δ/(1 − δ)|a_i||a_l|` an entry where `‖RHRᵀ − I‖ ≤ δ`. Of many
rows only the entries in rows or columns of the longest `a_i` are formed, and `|K_il| ≤ √(K_ii K_ll)` bounds all others,
so that time and memory grow with the number of rows and not with its square.
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

SQUARE, LONGEST = 16_384, 2048
"""Rows up to which all entries are formed, and of how many of more rows they are."""

ROWS = 8192
"""Rows whose sums are formed at a time."""

CHUNK = 2**22
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
    A = system.rows.products(system.R.T)
    A = A if len(rows) == len(A) else A[rows]
    wrong = (fp.dot_unit(system.p) * system.longest + system.loose) * system.size_R * RAISE
    length = (float(fp.row_norms(A).max(initial=0.0)) + wrong) * RAISE
    return Factor(A, wrong, length, entry_error(system, wrong, length))


def entry_error(system: Ridge, wrong: float, length: float) -> float:
    """What `a_i·a_l` as it is computed differs from `K_il` by at most, a row off by `wrong` and no longer than that."""
    error = (fp.dot_unit(system.p) + system.delta / (1.0 - system.delta)) * length * length
    return (error + wrong * 2 * length + fp.FLOOR) * RAISE


@dataclass(frozen=True, eq=False)
class Majorant:
    """Bounds of the entries of K off the diagonal, in size.

    Attributes:
        ids: `(n, L)` places of those that are kept.
        values: `(n, L)` bounds of these.
        bars: `(n,)` of all others of a row; where `roots` is not 0, of those others that lie in columns of long rows.
        roots: `(n,)` bounds of `√K_ii` of the rows that are not long; 0 for the others.
    """

    ids: Ints
    values: Array
    bars: Array
    roots: Array

    def sums(self, v: Array, s: int, of: Ints | None = None) -> Array:
        """Upper bounds of the sums of the s largest `|K_il|v_l`, `l ≠ i`; `v ≥ 0`; of some rows, 0 of all others."""
        n = len(v)
        if s <= 0 or n < 2:
            return np.zeros(n)
        short = self.roots > 0
        if of is None and not short.any():
            most = _largest(v, s)
            return np.concatenate([self._sums(v, s, slice(at, at + ROWS), [(self.bars, most)])
                                   for at in range(0, n, ROWS)])
        found, of = np.zeros(n), np.arange(n) if of is None else of
        # of a short row: entries under its bar in columns of long rows, and products of roots in all others
        others = [(self.bars, _largest(v[~short], s)), (self.roots, _largest((self.roots * v)[short] * RAISE, s))]
        for rows, beside in ((of[~short[of]], [(self.bars, _largest(v, s))]), (of[short[of]], others)):
            for at in range(0, len(rows), ROWS):
                some = rows[at : at + ROWS]
                found[some] = self._sums(v, s, some, beside)
        return found

    def _sums(self, v: Array, s: int, rows: Ints | slice, beside: list[tuple[Array, Array]]) -> Array:
        """Those of some rows; `beside` what is not kept: a bound of each row times numbers, the largest s of them."""
        X = self.values[rows] * v[self.ids[rows]]
        X = np.concatenate([X, *(bound[rows][:, None] * most[None, :] for bound, most in beside)], axis=1)
        if s == 1:
            return np.asarray(X.max(axis=1) * RAISE)
        X = np.partition(X, X.shape[1] - s, axis=1)[:, X.shape[1] - s :] if s < X.shape[1] else X
        return np.asarray(X.sum(axis=1) * fp.sum_up(X.shape[1]))


def _largest(v: Array, s: int) -> Array:
    """The s largest numbers."""
    return np.partition(v, len(v) - s)[len(v) - s :] if s < len(v) else v


def unknown(n: int) -> Majorant:
    """Nothing is known of the entries: no sum is bounded."""
    return Majorant(np.zeros((n, 0), dtype=np.int64), np.zeros((n, 0)), np.full(n, np.inf), np.zeros(n))


def majorant(found: Factor, late: Callable[[], bool]) -> Majorant | None:
    """That of a factor; None once time is up."""
    n = len(found.A)
    length = np.einsum("ij,ij->i", found.A, found.A)
    long = np.arange(n) if n <= SQUARE else np.sort(np.argpartition(length, n - LONGEST)[n - LONGEST :])
    short = np.setdiff1d(np.arange(n), long)
    kept = min(KEPT, len(long) - 1)
    ids, values, bars = np.zeros((n, kept), dtype=np.int64), np.zeros((n, kept)), np.zeros(n)
    for rows, columns in ((long, np.arange(n)), (short, long)):
        B = found.A if len(columns) == n else found.A[columns]
        step = max(1, CHUNK // max(1, len(columns)))
        for start in range(0, len(rows) if kept else 0, step):
            if late():
                return None
            some = rows[start : start + step]
            size = np.abs(found.A[some] @ B.T)
            if len(columns) == n:
                size[np.arange(len(some)), some] = -1.0
            at = np.argpartition(size, len(columns) - kept, axis=1)[:, len(columns) - kept :]
            ids[some] = columns[at]
            values[some] = np.take_along_axis(size, at, axis=1)
    if kept < n - 1:
        bars = (values.min(axis=1) + found.error) * RAISE
    roots = np.zeros(n)
    roots[short] = np.sqrt((length[short] + found.error) * RAISE) * RAISE
    return Majorant(ids, fp.require_finite((values + found.error) * RAISE, "hat matrix"), bars, roots)
