"""Sums over few rows of products of pairs, from above: no more than a block of them is in memory (O1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import FLOOR, RAISE, Array, U

AT_ONCE = 1 << 22
"""Products of pairs in memory."""
KEPT = 1 << 22
"""All products are kept where they are no more than this."""
SHORT = 6
"""Entries of a group from which on it pays to look at the largest of each first."""


def largest(V: Array, k: int) -> Array:
    """`(rows,)` the sum of the k largest entries of each row."""
    return _largest_of(V.copy(), k)


def _largest_of(V: Array, k: int) -> Array:
    """The same; the entries may be put into another order.

    Columns that are m apart are a group, of about √(n/k). The k groups with the largest maxima hold k largest entries:
    an entry outside of them is at most each of these maxima. So two short rows are partitioned in place of a long one.
    """
    n = V.shape[1]
    if k >= n:
        return np.asarray(V.sum(axis=1))
    size = round((n / k) ** 0.5) if k else 0
    short = V if size < SHORT else _candidates(V, k, -(-n // size))
    short.partition(short.shape[1] - k, axis=1)
    return np.asarray(short[:, short.shape[1] - k :].sum(axis=1))


def _candidates(V: Array, k: int, m: int) -> Array:
    """Entries of each row, k largest among them; minus infinity fills what the last group lacks."""
    rows, n = V.shape
    tops = V[:, :m].copy()
    for start in range(m, n, m):
        width = min(m, n - start)
        np.maximum(tops[:, :width], V[:, start : start + width], out=tops[:, :width])
    groups = tops.argpartition(m - k, axis=1)[:, m - k :]
    places = groups[:, None, :] + np.arange(0, n, m)[:, None]
    held = V.take(np.minimum(places, n - 1) + np.arange(0, rows * n, n)[:, None, None])
    held[places >= n] = -np.inf
    return np.asarray(held.reshape(rows, -1))


@dataclass(eq=False)
class Pairs:
    """The products `w_i·w_l` of rows within `off` of W; every bound holds for the true rows.

    Attributes:
        W: `(n, p)`.
        off: largest error of a row.
    """

    W: Array
    off: float
    v: Array = field(init=False)
    wrong: float = field(init=False)
    _all: Array | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        n = len(self.W)
        lengths = fp.row_norms(self.W)
        longest = float(lengths.max())
        self.wrong = (fp.dot_unit(self.W.shape[1]) * longest * longest + 2 * longest * self.off
                      + self.off * self.off) * RAISE
        self.v = lengths
        if n * n <= KEPT:
            self._all = self.W @ self.W.T

    def blocks(self) -> Iterator[tuple[slice, Array]]:
        """Rows of all products, some at a time."""
        n = len(self.W)
        step = max(1, AT_ONCE // n)
        for start in range(0, n, step):
            part = slice(start, min(n, start + step))
            yield part, self.W[part] @ self.W.T if self._all is None else self._all[part]

    def largest_eigenvalue(self, k: int) -> float:
        """No `Σ w_i w_iᵀ` of at most k rows has an eigenvalue above this.

        The least of three bounds of the block of products: its trace, its Frobenius norm, and (Collatz) the largest
        `Σ_l |w_i·w_l| v_l / v_i` for a positive v, the k largest terms of a row. v is kept for the next k.
        """
        n, up = len(self.W), fp.sum_up(k)
        k = min(k, n)
        diagonal = np.einsum("ij,ij->i", self.W, self.W) + self.wrong
        best = float(largest(diagonal[None, :], k)[0]) * up
        for turn in range(2 if self._all is None else 4):
            v = np.maximum(self.v, 1e-3 * self.v.max() + FLOOR)
            slack = self.wrong * float(largest(v[None, :], k)[0])
            rows, squares = np.empty(n), np.empty(n)
            for part, G in self.blocks():
                if turn == 0:
                    squares[part] = _largest_of(G * G, k)
                V = np.abs(G)
                V *= v
                rows[part] = _largest_of(V, k) + slack
            if turn == 0:
                best = min(best, (float(np.sqrt(largest(squares[None, :], k)[0])) + k * self.wrong) * up)
            best = min(best, float((rows / v).max()) * up)
            self.v = np.sqrt(rows * v)
        return best * RAISE

    def weighted(self, u: Array, c: Array, k: int, factor: float, share: float) -> Array:
        """`(n,)` the k largest positive parts of `factor·u_iu_l(w_i·w_l) + share·c_l`, summed over l, as computed."""
        out = np.empty(len(u))
        lift = share * c
        for part, G in self.blocks():
            V = G * (factor * u[part])[:, None]
            V *= u
            V += lift
            np.maximum(V, 0.0, out=V)
            out[part] = _largest_of(V, k)
        return out

    def longest_sum(self, u: Array, k: int) -> float:
        """About the largest `|Σ u_i w_i|` over k rows: chooses how a square is split, and proves nothing."""
        return float(np.sqrt(largest(self.weighted(u, np.zeros(len(u)), k, 1.0, 0.0)[None, :], min(k, len(u)))[0]))

    def weighted_off(self, u: Array, u_off: float, c_off: float, k: int, factor: float, share: float) -> float:
        """What one number of :meth:`weighted` errs by, but for the rounding of the sum."""
        top = float(np.abs(u).max()) + u_off
        longest = float(fp.row_norms(self.W).max()) + self.off
        pair = top * top * self.wrong + 2 * top * u_off * longest * longest + 8 * U * top * top * longest * longest
        return k * (factor * pair + share * c_off) * RAISE
