"""What rows of one group do beyond the sum over single rows, for each number of them, and the worst choice (O1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U

if TYPE_CHECKING:
    from certify.theorems.signs.design import Groups

PAIRED = 4096
"""Groups of more rows than this are bounded by the lengths of their rows alone."""
AT_ONCE = 1 << 22
"""Products of pairs in memory."""


@dataclass(frozen=True, eq=False)
class Tables:
    """Of each group and `m = 0 … size` deleted rows of it: upper bounds of three terms with `1/(size − m)`.

    `products`: `4(Σa)(Σb)/(size − m)`; `turns`: `|Σu|·|Σw|/(size − m)`; `squares`: `|Σw|²/(size − m)`.
    """

    products: list[Array]
    turns: list[Array]
    squares: list[Array]


def tables(a: Array, b: Array, u: Array, W: Array, groups: Groups, offs: tuple[float, float, float, float],
           most: int) -> Tables:
    """The tables, from above; sharper up to `most` rows. `offs`: what an entry of a, b, u, and a row of W, errs by."""
    a_off, b_off, u_off, w_off = offs
    lengths = fp.row_norms(W) + w_off
    out = Tables([], [], [])
    ends = np.cumsum(np.bincount(groups))
    for start, end in zip(np.concatenate([[0], ends[:-1]]), ends, strict=True):
        size = int(end - start)
        if size == 1:
            for table in (out.products, out.turns, out.squares):
                table.append(np.zeros(2))
            continue
        m, rows, up = np.arange(1, size), slice(int(start), int(end)), fp.sum_up(size)
        (la, ha), (lb, hb) = _ends(a[rows], a_off), _ends(b[rows], b_off)
        lu, hu = _ends(u[rows], u_off)
        long = np.cumsum(np.sort(lengths[rows])[::-1])[:-1] * up
        if size <= PAIRED:
            long = np.minimum(long, _paired(W[rows], w_off, up, most))
        long = np.minimum(long, long[::-1])  # all rows of a group sum to zero
        rest = RAISE / (size - m)
        out.products.append(_whole(4 * np.maximum(ha * hb, la * lb) * rest))
        out.turns.append(_whole(np.maximum(hu, -lu) * long * rest))
        out.squares.append(_whole(long * long * rest))
    return out


def _whole(part: Array) -> Array:
    """With the ends 0 and size: of a group that goes as a whole no row is left that could move."""
    return np.concatenate([[0.0], part * RAISE, [0.0]])


def _ends(v: Array, off: float) -> tuple[Array, Array]:
    """Of any m of the numbers, `m = 1 … size − 1`: the least sum or 0, the largest sum or 0, with every error."""
    m = np.arange(1, len(v))
    slack = (m * off + (len(v) + 2) * U * np.abs(v).sum()) * RAISE
    rising = np.sort(v)
    low = np.cumsum(rising)[:-1] - slack
    high = np.cumsum(rising[::-1])[:-1] + slack
    return np.minimum(low, 0.0), np.maximum(high, 0.0)


def _paired(W: Array, off: float, up: float, most: int) -> Array:
    """`|Σ w|` of any m rows from the products of pairs: m rows of m largest positive entries each; up to `most`."""
    longest, size = float(fp.row_norms(W).max()), len(W)
    wrong = (fp.dot_unit(W.shape[1]) * longest * longest + 2 * longest * off + off * off) * RAISE
    most = min(most, size - 1)
    out = np.full(size - 1, np.inf)
    step = max(1, AT_ONCE // size)
    parts = []
    for start in range(0, size, step):
        G = np.maximum(W[start : start + step] @ W.T, 0.0) + wrong
        top = -np.sort(np.partition(-G, most - 1, axis=1)[:, :most], axis=1) if most < size else -np.sort(-G, axis=1)
        parts.append(np.cumsum(top, axis=1))
    falling = np.concatenate(parts)  # (size, most): of row i the j + 1 largest
    for m in range(1, most + 1):
        out[m - 1] = -np.partition(-falling[:, m - 1], m - 1)[:m].sum()
    return np.asarray(np.sqrt(out) * up)


def worst(parts: list[Array], k: int) -> Array:
    """`(k + 1,)` the largest sum of one entry of each table whose places add up to exactly t, from above.

    Places may stay empty: a table may give its entry 0.
    """
    best = np.full(k + 1, -np.inf)
    best[0], size = 0.0, 0.0
    for part in parts:
        new = best.copy()
        for m in range(1, min(k, len(part) - 1) + 1):
            np.maximum(new[m:], best[: k + 1 - m] + part[m], out=new[m:])
        best = new
        size = max(size, float(np.abs(best[np.isfinite(best)]).max()))
    return best + (len(parts) + 2) * 2 * U * size
