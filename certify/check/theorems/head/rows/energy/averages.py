"""What averages of dual points give back by the entropy's curvature, in whole numbers (D7, Theorem 1)."""

from __future__ import annotations

from collections.abc import Sequence
from operator import add

from flint import fmpz_mat

from certify.check.theorems.head.rows.energy.scores import Scores, finished

WORD = 30
"""Bits of whole numbers whose product fits a word; of sums of products that does, they have fewer."""


def returned(coarse: Scores, q: list[list[float]], rows: list[int], width: int) -> Scores | None:
    """Scores less `Σ h_i (q_ix − q_iy)²/(2k²)`, without the lines of either's own row; None where one is out of range.

    In its own row's lines an alternative may as well have the slopes of none: what these add to squares of differences
    is subtracted. `√h_i (q_ix − q_i∅)/(√2 k)` are cut to multiples t of a unit, each by less than 1.001 of it. So what
    is meant is at least `|t_x − t_y| − 2.002√N` long, and its square at least `|t_x − t_y|² − 8.008√N·max|t|`.

    Args:
        coarse: scores without this.
        q: slopes of every alternative, of none last.
        rows: of every alternative.
        width: lines of a row.
    """
    k, count = coarse.k, len(rows)
    if k == 1:
        return coarse
    last = q[-1]
    q = [[*line[: row * width], *last[row * width : (row + 1) * width], *line[(row + 1) * width :]]
         for line, row in zip(q, rows, strict=False)]
    q.append(last)
    columns = list(zip(*q, strict=True))
    h = [curvature(line, width == 1) for line in columns]
    share = 0.5 / (k * k)
    root = [(share * x) ** 0.5 * (1 - 2.0**-48) for x in h]
    top = max((max(line) - min(line)) * c for line, c in zip(columns, root, strict=True))
    if not 0.0 < top < 2.0**100:  # where nothing differs nothing is given back
        return coarse
    power = 2.0 ** (WORD - (len(columns).bit_length() + 1) // 2)
    scale = [x * (power / top) * (1 - 2.0**-48) for x in root]
    whole: list[int] = []
    for line in q:
        whole += [int((x - y) * c) for x, y, c in zip(line, last, scale, strict=True)]
    T = fmpz_mat(count + 1, len(last), whole)
    unit = (top / power) ** 2
    inner = (T * T.transpose()).tolist()
    size = [float(inner[x][x]) for x in range(count + 1)]
    longest = max(size)
    # and roundings of products and sums that are no larger than four squares of the longest
    error = (8.1 * len(last) ** 0.5 * longest**0.5 + 2.0**-44 * longest) * unit
    own: list[Sequence[float]] = [[0.0] * (count + 1)] * (count + 1)
    more = 1 + 2.0**-40
    for part in range(width):
        mine: list[Sequence[float]] = []
        for i in (row * width + part for row in rows):
            a, c = last[i], share * h[i] * more
            mine.append([c * (a - v) * (a - v) for v in columns[i]])
        mine.append([0.0] * (count + 1))
        own = [list(map(add, a, b)) for a, b in zip(own, mine, strict=True)] if part else mine
    across = list(zip(*own, strict=True))
    pair: list[list[float]] = []
    shift = [x * unit for x in size]
    double = 2.0 * unit
    for here, above, numbers, mine_, other in zip(shift, coarse.pair, inner, own, across, strict=True):
        pair.append([u + double * g - here - z + (v + w) for u, g, z, v, w in zip(
            above, map(float, numbers), shift, mine_, other, strict=True)])
    return finished(coarse.base + 0.51 * k * (k - 1) * error, coarse.single, pair, rows, k)


def curvature(q: Sequence[float], binary: bool) -> float:
    """Lower bound of the entropy's curvature in a line between the least and the greatest of some slopes."""
    high, low = max(q), min(q)
    worst = (high if high < 0.5 else low if low > 0.5 else 0.5) if binary else high
    return (1 - 2.0**-40) / max(worst * (1.0 - worst) if binary else worst, 2.0**-60)
