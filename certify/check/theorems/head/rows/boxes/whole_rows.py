"""Rows that are whole multiples of one number, as pixels, counts and one-hot columns are, up to the rounding of it."""

from __future__ import annotations

from dataclasses import dataclass

from flint import arb, fmpz_mat

MOST = 4096
"""Different sizes of entries, and the largest multiple."""

NEAR, EXACT = 1e-9, 2.0**-45
"""How near a whole number a quotient is to look, and of the largest entry, how far a multiple may be off."""


@dataclass(frozen=True)
class WholeRows:
    """Rows `unit` times whole numbers.

    Attributes:
        mat: the whole numbers.
        unit: positive.
        off: what a row may be off by, in length.
    """

    mat: fmpz_mat
    unit: arb
    off: arb


def whole_rows(rows: list[list[float]], p: int) -> WholeRows | None:
    """Rows of p entries; None where they are no such multiples.

    >>> found = whole_rows([[1.0, 0.2, -0.4]], 3)
    >>> found is not None and found.mat.tolist() == [[5, 1, -2]], whole_rows([[1.0, 0.123456789]], 2)
    (True, None)
    """
    sizes = {abs(x) for row in rows for x in row}
    top = max(sizes, default=0.0)
    if not 0.0 < top < 2.0**500 or len(sizes) > MOST or any(0.0 < x < top * 0.5 / MOST for x in sizes):
        return None
    for parts in range(1, MOST + 1):
        by = parts / top
        if all(abs(x * by - round(x * by)) < NEAR for x in sizes):
            break
    else:
        return None
    unit = arb(top) / parts
    number = {x: round(x * by) for x in sizes}
    off = max((float((arb(x) - unit * k).abs_upper()) for x, k in number.items()), default=0.0) * (1 + 2.0**-50)
    if not off <= EXACT * top:
        return None
    number |= {-x: -k for x, k in number.items() if k}
    mat = fmpz_mat(len(rows), p, [number[x] for row in rows for x in row])
    return WholeRows(mat, unit, (arb(off) * arb(p).sqrt()).upper())
