"""Numbers known up to a radius: the few operations that need care."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from flint import arb, arb_mat

ZERO, ONE = arb(0), arb(1)

EXACT = 2200
"""Bits in which the sum of two doubles is exact."""


def squares(values: Iterable[arb]) -> arb:
    """The sum of the squares."""
    return sum((v * v for v in values), ZERO)


def root(square: arb) -> arb:
    """The square root of a number known not to be negative, though its ball may reach below zero.

    >>> root(arb(4)) == 2, root(arb(0, 1)).overlaps(arb(1)), root(arb(-1, 1)).is_finite()
    (True, True, True)
    """
    if square > 0:
        return square.sqrt()
    top = square.upper()
    return ZERO.union(top.sqrt()) if top > 0 else ZERO if top == 0 else top.sqrt()


def norm(values: Iterable[arb]) -> arb:
    """The Euclidean norm."""
    return root(squares(values))


def largest(values: Sequence[arb]) -> arb:
    """The largest of numbers that are not negative."""
    most = ZERO
    for v in values:
        most = most.max(v)
    return most


def mirrored(rows: list[list[arb]]) -> arb_mat:
    """A symmetric matrix from rows of which the entries above the diagonal count.

    >>> mirrored([[arb(1), arb(2)], [arb(9), arb(3)]])[1, 0] == 2
    True
    """
    return arb_mat([[rows[c][r] for c in range(r)] + row[r:] for r, row in enumerate(rows)])


def gram(M: arb_mat) -> arb_mat:
    """`M Mᵀ`; over balls it holds `M₁M₂ᵀ` for any two matrices in them, and the transpose of that."""
    return mirrored((M * M.transpose()).tolist())
