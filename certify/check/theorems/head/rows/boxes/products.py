"""Products of many rows with many columns in whole numbers, a few rows at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flint import arb, arb_mat, fmpz, fmpz_mat

from certify.check.linalg.balls import norm
from certify.check.theorems.head.rows.boxes.fixed_rows import Few, Short, Sums, few, size

AT_ONCE = 1 << 20
"""Products that are held at once."""


@dataclass(frozen=True)
class Products:
    """Products `s_j·z_l` of rows with columns z, in whole numbers.

    Attributes:
        short: the rows in few bits; `coarse`: the columns.
        zeta: `|s_j·z_l − whole·2^unit| ≤ |s_j|ζ`.
    """

    short: Short
    coarse: Few
    zeta: arb

    def rows(self, which: Sequence[int]) -> Iterator[tuple[int, list[fmpz], int]]:
        """For each of some rows its number, its products and their unit's exponent."""
        p, width = self.short.mat.ncols(), self.coarse.mat.ncols()
        step = max(1, AT_ONCE // max(width, 1))
        for start in range(0, len(which), step):
            some = which[start : start + step]
            left = fmpz_mat(len(some), p, [x for j in some for x in self.short.rows[j]])
            flat = (left * self.coarse.mat).entries()
            for at, j in enumerate(some):
                yield j, flat[at * width : (at + 1) * width], self.short.unit[j] + self.coarse.unit


def products(s: Sums, M: arb_mat, cols: Sequence[int], sizes: dict[int, arb]) -> Products:
    """With the columns `M σ_i s_i` for some rows i."""
    Z = M * arb_mat([[arb(x) * sizes[i] for x in s.rows[i]] for i in cols]).transpose()
    coarse = few(Z.mid(), s.p)
    return Products(s.short, coarse, rounding(s.short, Z, coarse))


def rounding(rows: Short, Z: arb_mat, short: Few) -> arb:
    """ζ with `|s·z − ŝ·ẑ| ≤ |s|ζ` for every row s and every column z: `ε|z| + (1 + ε)|z − ẑ|`."""
    longest = arb(0)
    for column in Z.transpose().tolist():
        longest = longest.max(norm(column).upper())
    error = short.column + size(Z - Z.mid())
    return (rows.epsilon * longest + (1 + rows.epsilon) * error).upper()
