"""D17: products of rows in the norm of M, and the largest eigenvalues of weighted sums of rows (Lemma 3)."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from functools import cached_property
from heapq import nlargest
from math import frexp, inf, ldexp, sqrt
from operator import mul

from flint import fmpz_mat

from certify.check.theorems.head.rows.boxes.fixed_rows import few, whole_norm
from certify.check.theorems.head.rows.pair_tree.bound import Bound
from certify.check.theorems.head.rows.pair_tree.numbers import BITS, UP, up

Table = Sequence[Sequence[float]]

FEW, SIGNED, SQUARINGS, MORE = 64, 512, 3, 2
"""Rows that count most, of which products are looked at with their signs where what is asked for is among the largest
of many; squares of their matrix, and how many more of one of more rows."""

LEAST = 2.0**-400
"""In the place of a largest number that is less."""


class Gram:
    """Products `k_jl = s_j·M⁻¹s_l` of some rows.

    Attributes:
        K: doubles, off by at most `loose` times the product of both rows' sizes.
        K2: upper bounds of the squares.
        long: upper bounds of the squared lengths.
    """

    def __init__(self, p: Bound, rows: Sequence[int]) -> None:
        s, (X, off, big) = p.st.c.sums, p.M
        coarse = few(X, s.p)
        whole = fmpz_mat([s.short.rows[i] for i in rows])
        # the last one is what doubles round
        self.loose = (3.0 * up(s.short.epsilon) * up(big + off) + up(coarse.off) * 1.01 + up(off)
                      + 2.0**-45 * up(big + off)) * UP
        units, one = [ldexp(1.0, s.short.unit[i]) for i in rows], ldexp(1.0, coarse.unit)
        self.sizes = [up(s.norms[i]) for i in rows]
        self.K = [array("d", [float(int(x)) * unit * one * y for x, y in zip(row, units, strict=True)])
                  for unit, row in zip(units, (whole * coarse.mat * whole.transpose()).tolist(), strict=True)]
        self.K2 = [array("d", [x * x * UP for x in self.above(a)]) for a in range(len(rows))]
        self.long = [p.long[i] * p.long[i] * UP for i in rows]

    def above(self, a: int) -> list[float]:
        """Upper bounds of the absolute values of the products of one row."""
        own = self.sizes[a] * self.loose
        return [(abs(x) + own * y) * UP for x, y in zip(self.K[a], self.sizes, strict=True)]

    def squares(self, w: Table) -> list[array[float]]:
        """Upper bounds of `Σ_j k_aj²w_jl`."""
        return times(self.whole, w)

    @cached_property
    def whole(self) -> Rounded:
        """The squares in whole numbers."""
        return rounded(self.K2)

    def largest(self, columns: Table, signed: int = SIGNED, few: int = 0) -> list[float]:
        """Upper bounds of the largest eigenvalues of `Σ_j w_js_js_jᵀ` in the norm of M, for columns of weights.

        Of the rows that count most the norm of their products, of the others the root of the sum of squares, and the
        trace of the product of both. The former are none but for so many columns of the largest bounds.
        """
        if not columns:
            return []
        rough = [inf] * len(columns) if signed >= len(columns) else self._beyond(columns, [[] for _ in columns])
        some = nlargest(signed, range(len(columns)), key=rough.__getitem__)
        parts = [nlargest(few or FEW, range(len(self.long)), key=list(map(mul, columns[a], self.long)).__getitem__)
                 for a in some]
        for a, x in zip(some, self._beyond([columns[a] for a in some], parts), strict=True):
            rough[a] = min(rough[a], x)
        return rough

    def _beyond(self, columns: Table, parts: Sequence[Sequence[int]]) -> list[float]:
        """The same with the rows of each column's part looked at with their signs."""
        left = []
        for w, part in zip(columns, parts, strict=True):
            rest = list(w)
            for j in part:
                rest[j] = 0.0
            left.append(rest)
        found, seen = [], zip(*self.squares(list(zip(*left, strict=True))), strict=True)
        for w, part, rest, line in zip(columns, parts, left, seen, strict=True):
            x, y = self._inner(w, part) if part else 0.0, sqrt(sum(map(mul, line, rest)) * UP) * UP
            z, half = sum([line[j] * w[j] for j in part]) * UP, 0.5 * (x - y)
            found.append(min(x + y, 0.5 * (x + y) + sqrt(half * half + z)) * UP)
        return found

    def _inner(self, w: Sequence[float], some: Sequence[int]) -> float:
        """At least the norm of the matrix `√(w_jw_l)k_jl` of some rows."""
        root = [sqrt(w[j]) for j in some]
        B = [[self.K[j][l] * x * y for l, y in zip(some, root, strict=True)] for j, x in zip(some, root, strict=True)]
        most = ldexp(1.0, frexp(max(LEAST, *(max(max(row), -min(row)) for row in B)))[1])
        scale, count = 2.0**BITS / most, len(some)
        whole = fmpz_mat([[int(x * scale) for x in row] for row in B])
        lost = self.loose * sum([w[j] * self.sizes[j] * self.sizes[j] for j in some])
        found = whole_norm(whole, SQUARINGS + (MORE if count > FEW else 0)) + 2.0 * count
        return (found * (most * 2.0**-BITS) + lost) * UP


Rounded = tuple[fmpz_mat, list[float]]
"""Whole numbers, and what those of each row count in times `2^BITS`."""


def rounded(A: Table) -> Rounded:
    """Nonnegative finite doubles in whole numbers of BITS bits of each row's largest, rounded up and one more."""
    left = [ldexp(1.0, frexp(max(max(row), LEAST))[1]) for row in A]
    return fmpz_mat([[int(x * (2.0**BITS / y)) + 1 for x in row] for row, y in zip(A, left, strict=True)]), left


def times(A: Rounded, B: Table) -> list[array[float]]:
    """Upper bounds of the product of two matrices of nonnegative doubles, of the second each column rounded alike."""
    (one, left), power = A, 2.0**BITS
    right = [ldexp(1.0, frexp(max(max(column), LEAST))[1]) for column in zip(*B, strict=True)]
    scale, unit = [power / x for x in right], 1.0 / power
    other = fmpz_mat([[int(x * y) + 1 for x, y in zip(row, scale, strict=True)] for row in B])
    return [array("d", [float(int(x)) * (y * unit) * (z * unit) * UP for x, z in zip(row, right, strict=True)])
            for row, y in zip((one * other).tolist(), left, strict=True)]
