"""D31 in whole numbers: how long a sum of at most m vectors can be, one of each of so many rows, by their pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from heapq import nlargest
from math import isqrt

from flint import fmpz, fmpz_mat

FEW = 512
"""Rows of the longest vectors, of which all pairs are looked at; any other one counts with its length."""

Whole = list[int]


@dataclass(frozen=True)
class Vectors:
    """Vectors `V ⊗ u_i`, V any of the steps of the kind of row i; all are whole numbers.

    Attributes:
        u: of every row.
        kinds: of every row its number.
        steps: of every kind, one or more.
    """

    u: Sequence[Whole]
    kinds: Sequence[int]
    steps: Sequence[Sequence[Whole]]

    @cached_property
    def squares(self) -> list[list[int]]:
        """Of the length of every step of every kind."""
        return [[sum(x * x for x in step) for step in steps] for steps in self.steps]

    @cached_property
    def sizes(self) -> list[int]:
        """`|u_i|²`."""
        return [sum(x * x for x in u) for u in self.u]

    @cached_property
    def lengths(self) -> list[int]:
        """Of each row the length of its longest vector, rounded up."""
        return [isqrt(size * max(self.squares[kind])) + 1 for size, kind in zip(self.sizes, self.kinds, strict=True)]


def longest_sum(vectors: Vectors, m: int) -> int:
    """At least `|Σ_{i ∈ M} d_i|` for all M of at most m rows, and any one vector of each.

    >>> longest_sum(Vectors([[3, 0], [0, 4], [0, 0]], [0, 0, 0], [[[1]]]), 2)
    6
    """
    lengths = vectors.lengths
    m = min(m, len(lengths))
    if m <= 1:
        return max(lengths, default=0) if m else 0
    whole = sum(nlargest(m, lengths))
    order = sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True)
    rest = lengths[order[FEW]] if len(order) > FEW else 0
    square = sum(nlargest(m, [*_own(vectors, order[:FEW], rest, m), *[rest * whole] * m]))
    return min(isqrt(square) + 1, whole)


def _own(vectors: Vectors, rows: list[int], rest: int, m: int) -> list[int]:
    """What each of some rows has of a square: its own, and what at most m − 1 others have along it; m ≥ 2.

    No vector of another row is longer than `rest`.
    """
    table, found = {}, []
    U = fmpz_mat([[fmpz(x) for x in vectors.u[i]] for i in rows])
    kinds = [vectors.kinds[i] for i in rows]
    for place, (i, products) in enumerate(zip(rows, (U * U.transpose()).tolist(), strict=True)):
        kind, best, line = kinds[place], 0, list(map(int, products))
        for c, square in enumerate(vectors.squares[kind]):
            if (kind, c) not in table:
                table[kind, c] = [_along(vectors.steps[kind][c], other) for other in vectors.steps]
            along = table[kind, c]
            others = [x * along[k][x < 0] for x, k in zip(line, kinds, strict=True)]
            others[place] = 0
            others += [(isqrt(square * vectors.sizes[i]) + 1) * rest] * (m - 1)
            best = max(best, square * vectors.sizes[i] + sum(nlargest(m - 1, others)))
        found.append(best)
    return found


def _along(step: Whole, others: Sequence[Whole]) -> tuple[int, int]:
    """The largest and the smallest product with one of others; times a number above 0, and below, the largest is."""
    products = [sum(x * y for x, y in zip(step, other, strict=True)) for other in others]
    return max(0, *products), min(0, *products)
