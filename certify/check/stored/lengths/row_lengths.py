"""Upper bounds of `φ̂ᵀX̂φ̂` for rows of integers: by a few directions for every row, and exactly for those that matter.

`X̂ ⪯ τI + Σ_k σ_kv_kv_kᵀ` for any numbers τ, σ_k = ±1 and vectors v_k, if the operator norm of what is left of X̂ is no
more than what is added to τ. So a row needs its length and its products with the v_k, where the form itself takes as
many products as it has columns.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from functools import cached_property
from operator import mul

from flint import fmpz, fmpz_mat

from certify.check.linalg.fixed import longest

DIRECTIONS, STEPS = 12, 8
"""Directions, and steps in which each is looked for."""

BITS, SQUARINGS = 30, 4
"""Bits of matrices whose powers bound a norm, and of directions; and how often they are squared."""

WORTH = 1.25
"""Times the mean of the diagonal as which the bound may take the length of a row: beyond it forms are made at once."""


@dataclass(frozen=True)
class RowLengths:
    """The form and its bound.

    Attributes:
        X: the symmetric form, integers.
        exactly: whether every row is to have the form itself.
    """

    X: fmpz_mat
    exactly: bool

    @cached_property
    def bounded(self) -> bool:
        """Whether rows are bounded first: where that may leave most of them."""
        if self.exactly or self.X != self.X.transpose():
            return False
        _, _, level, drop = self._bound
        mean = sum(float(self.X[j, j]) for j in range(self.X.nrows())) / self.X.nrows()
        return bool(level <= WORTH * mean * 2.0**drop)

    def over(self, block: fmpz_mat, turned: fmpz_mat) -> list[fmpz]:
        """At least the form of every row of a block.

        Args:
            block: rows.
            turned: its transpose.
        """
        if not self.bounded:
            return _diagonal(block * self.X, turned)
        directions, signs, level, drop = self._bound
        along = block * directions
        parts = zip(_diagonal(block, turned), _diagonal(along * signs, along.transpose()), strict=True)
        return [-(-(level * own + more) >> drop) for own, more in parts]

    def exact(self, rows: list[int]) -> list[fmpz]:
        """The form of some rows, one after the other."""
        p = self.X.nrows()
        block = fmpz_mat(len(rows) // p, p, rows)
        return _diagonal(block * self.X, block.transpose())

    @cached_property
    def _bound(self) -> tuple[fmpz_mat, fmpz_mat, int, int]:
        """The directions, their signs on a diagonal, what the length is multiplied by, and bits to drop of the sum."""
        p = self.X.nrows()
        level = sum((self.X[j, j] for j in range(p)), fmpz(0)) // p
        up = max(0, 2 * BITS - longest(self.X.entries()))
        up += up % 2
        left = self.X * (fmpz(1) << up)
        for j in range(p):
            left[j, j] -= level << up
        columns, signs = list[list[int]](), list[int]()
        for k in range(DIRECTIONS):
            found = _direction(left, random.Random(k))
            if found is None:
                break
            column, sign = found
            v = fmpz_mat(p, 1, column)
            left -= sign * (v * v.transpose())
            columns.append(column)
            signs.append(sign)
        across = fmpz_mat(p, len(columns), [x for row in zip(*columns, strict=True) for x in row])
        k = len(signs)
        diagonal = fmpz_mat(k, k, [signs[i] if i == j else 0 for i in range(k) for j in range(k)])
        return across, diagonal, int(level << up) + norm_over(left), up


def _diagonal(A: fmpz_mat, B: fmpz_mat) -> list[fmpz]:
    """Of a product."""
    found = A * B
    return [found[i, i] for i in range(A.nrows())]


def _direction(left: fmpz_mat, drawn: random.Random) -> tuple[list[int], int] | None:
    """About the longest direction of a symmetric matrix, as v with `±vvᵀ` near its part there: nothing is proved."""
    p = left.nrows()
    v = [drawn.randrange(-1 << BITS, 1 << BITS) for _ in range(p)]
    value = 0.0
    for _ in range(STEPS):
        image = [float(x) for x in (left * fmpz_mat(p, 1, v)).entries()]
        size, before = math.hypot(*image), math.hypot(*v)
        if not 0.0 < size < math.inf:
            return None
        value = sum(map(mul, image, v)) / before**2
        v = [int(x / size * 2.0**BITS) for x in image]
    root = math.sqrt(abs(value)) / math.hypot(*v)
    return [int(x * root) for x in v], 1 if value > 0 else -1


def norm_over(M: fmpz_mat) -> int:
    """A whole number that the operator norm of a symmetric matrix does not exceed.

    With `M = 2^dB₀ + E` and `B_i² = 2^d_iB_{i+1} + E_i`, `|E_i| ≤ p·2^d_i`, all symmetric: the square of `‖B_i‖` is at
    most `2^d_i(‖B_{i+1}‖ + p)`, and the last is no larger than its Frobenius norm.

    >>> norm_over(fmpz_mat([[3, 0], [0, -4]])) in (4, 5)
    True
    """
    p, drops = M.nrows(), list[int]()
    for i in range(SQUARINGS + 1):
        square = M * M if i else M
        values = square.entries()
        drop = max(0, longest(values) - BITS)
        drops.append(drop)
        M = fmpz_mat(p, p, [x >> drop for x in values]) if drop else square
    bound = _root(int(sum(map(mul, M.entries(), M.entries()))))
    for drop in reversed(drops[1:]):
        bound = _root(bound + p << drop if drop else bound)
    return bound + p << drops[0] if drops[0] else bound


def _root(x: int) -> int:
    """The square root, rounded up."""
    return math.isqrt(x - 1) + 1 if x > 0 else 0
