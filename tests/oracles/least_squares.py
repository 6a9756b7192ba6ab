"""The sign of a coefficient of least squares, and how many deleted rows it survives, in rationals."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from flint import fmpq, fmpq_mat


def coefficient(rows: Sequence[Sequence[int]], y: Sequence[int]) -> fmpq | None:
    """The first coefficient of the fit of y on the columns, None where these rows do not determine it."""
    if not rows:
        return None
    X = fmpq_mat(len(rows), len(rows[0]), [fmpq(v) for row in rows for v in row])
    p = X.ncols()
    whole = X.transpose() * X
    right = X.transpose() * fmpq_mat(len(y), 1, [fmpq(v) for v in y])
    table = fmpq_mat(p, p + 1, [v for i in range(p) for v in ([whole[i, j] for j in range(p)] + [right[i, 0]])])
    order = [*range(1, p), 0, p]  # the column asked about is eliminated last: other ones may stay free
    moved = fmpq_mat(p, p + 1, [table[i, j] for i in range(p) for j in order])
    reduced, rank = moved.rref()
    for i in range(rank - 1, -1, -1):
        if reduced[i, p - 1] != 0:
            free = any(reduced[i, j] != 0 for j in range(p - 1))
            return None if free else reduced[i, p] / reduced[i, p - 1]
    return None


def survived(rows: Sequence[Sequence[int]], y: Sequence[int], most: int) -> int:
    """The largest k ≤ most such that without any k rows or fewer the coefficient is determined and has its sign.

    −1: it is not determined, or zero, with all rows.
    """
    today = coefficient(rows, y)
    if today is None or today == 0:
        return -1
    for k in range(1, most + 1):
        for gone in combinations(range(len(rows)), k):
            left = [i for i in range(len(rows)) if i not in gone]
            now = coefficient([rows[i] for i in left], [y[i] for i in left])
            if now is None or (now > 0) != (today > 0) or now == 0:
                return k - 1
    return most
