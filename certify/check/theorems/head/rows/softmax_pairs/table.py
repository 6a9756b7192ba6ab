"""D16: rows in whole numbers, and the products of the entries of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import frexp, ldexp

from flint import arb, arb_mat, fmpz_mat

from certify.check.theorems.head.rows.boxes.fixed_rows import Squares, lengths, long_rows, power, squares_of, together
from certify.check.theorems.head.rows.pair_tree.numbers import up

AT_ONCE, KEPT = 1 << 22, 1 << 24
"""Products of entries that are formed at a time, and so many that are kept."""


@dataclass(frozen=True)
class Table:
    """Rows of exact numbers.

    Attributes:
        rows: lists of doubles, p each.
        long, unit: the same as whole numbers of `2^unit`, off by half a unit.
        norms: upper bounds of the norms.
    """

    rows: list[list[float]]
    p: int
    long: list[list[int]]
    unit: int
    balls: list[arb]
    norms: list[float]
    kept: list[Squares] = field(default_factory=list)

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.rows)

    @cached_property
    def step(self) -> float:
        """What a row in whole numbers is off by: at least `½√p` units."""
        return up(arb(self.p).sqrt() * power(self.unit - 1))

    @cached_property
    def matrix(self) -> fmpz_mat:
        """The whole numbers."""
        return fmpz_mat(self.n, self.p, [x for row in self.long for x in row])

    @cached_property
    def exact(self) -> arb_mat:
        """The rows themselves."""
        return arb_mat(self.n, self.p, [x for row in self.rows for x in row])

    @cached_property
    def columns(self) -> fmpz_mat:
        """Of each column one integer: n numbers side by side, of two words each."""
        return together(self.matrix.transpose().tolist(), 2)

    @cached_property
    def alone(self) -> tuple[list[list[int]], list[int]]:
        """Whole numbers of 48 bits with a unit for each row."""
        units = [frexp(max(map(abs, row), default=0.0))[1] - 48 for row in self.rows]
        return [[round(ldexp(x, -e)) for x in row] for row, e in zip(self.rows, units, strict=True)], units

    def squares(self) -> Iterator[Squares]:
        """The products of the entries of each row, some rows at a time."""
        if self.kept:
            yield from self.kept
            return
        pairs = self.p * (self.p + 1) // 2
        step, some = arb(self.p).sqrt() * power(self.unit), max(1, AT_ONCE // pairs)
        keep = self.n * pairs <= KEPT
        for at in range(0, self.n, some):
            one = squares_of(self.long[at : at + some], self.unit, self.balls[at : at + some], step)
            if keep:
                self.kept.append(one)
            yield one


def table(rows: Sequence[Sequence[float]], p: int) -> Table:
    """Rows of p exact numbers; one at least."""
    some = [list(row) for row in rows]
    long, unit = long_rows(some)
    balls = lengths(some)
    return Table(some, p, long, unit, balls, [up(x) for x in balls])
