"""Doubles that bound, many at a time: products by whole numbers, sums of the largest, and exponentials, for D12.

All bounds are sums and products of nonnegative doubles; a formula has far fewer than 2^20 of them, and `UP` exceeds
what so many roundings can take.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from functools import cache
from math import frexp, inf, isnan, ldexp, nan

from flint import arb, fmpz_mat

from certify.check.theorems.head.rows.boxes.fixed_rows import length_above

UP = 1.0 + 2.0**-30
BITS = 30
"""Of whole numbers that stand for nonnegative doubles."""

EXPONENTS = 300.0
"""Largest argument of an exponential."""


def up(x: arb) -> float:
    """A double above the absolute value; infinite where there is none."""
    top = x.abs_upper()
    return float(top) * UP if top.is_finite() else inf


def exp(x: float) -> float:
    """`e^x` up to `2^-50` of itself, for |x| of at most EXPONENTS."""
    return float(arb(x).exp())


CELL = 11
"""Negative binary logarithm of the width of the cells of a table of exponentials."""


@cache
def _powers(most: int) -> list[float]:
    """`e^−c·2^−CELL` for c from 0 to `most`, and for those from −most on where Python counts from the end."""
    return [exp(-c * 2.0**-CELL) for c in (*range(most + 1), *range(-most, 0))]


def exps(row: Iterable[float]) -> array[float]:
    """`e^−x` for each, up to `2^-48` of itself, for |x| of at most EXPONENTS.

    r is what x is beyond its cell, exactly; four terms of `e^−r` leave `2^-48.5`, the table and roundings `2^-49.8`.

    >>> max(abs(y / exp(-x) - 1.0) for x, y in zip((-300.0, 0.001, 7.3), exps((-300.0, 0.001, 7.3)))) < 2.0**-48
    True
    """
    row, one, unit, sixth = list(row), 2.0**CELL, 2.0**-CELL, 1.0 / 6.0
    powers = _powers(1 << int(max(max(row, default=0.0), -min(row, default=0.0)) * one).bit_length())
    return array("d", [powers[c] * (1.0 - (r := x - c * unit) * (1.0 - r * (0.5 - r * sixth)))
                       for x in row for c in (int(x * one),)])


def top(values: Iterable[float], other: float, k: int) -> float:
    """Upper bound of the sum of the k largest of some numbers, k of `other` ≥ 0 among them; NaN where one is NaN.

    >>> top([3.0, 1.0], 0.0, 1) >= 3.0, top([3.0, nan, 1.0], 0.0, 1), top([1.0], nan, 1)
    (True, nan, nan)
    """
    if k <= 0:
        return 0.0
    values = list(values)
    if other != other or any(map(isnan, values)):  # a NaN would leave the order, and the sum
        return nan
    largest = sorted(values)[-k:]
    return (sum([x if x > other else other for x in largest]) + other * (k - len(largest))) * UP


def both_tops(values: Sequence[float], other: float, k: int) -> tuple[float, float]:
    """The same for the positive parts of numbers, and for those of their negatives."""
    order = sorted(values)
    return top(order[-k:], other, k), top([-x for x in order[:k]], other, k)


def above(rows: Sequence[Sequence[float]]) -> tuple[list[list[int]], list[int]]:
    """Whole numbers of `2^unit`, one unit a row, not below nonnegative doubles."""
    found, units = [], []
    for row in rows:
        e = frexp(max(row, default=0.0))[1] - BITS
        if e < -900:
            e = -900
        one = ldexp(1.0, -e)
        found.append([int(x * one) + 1 if x else 0 for x in row])
        units.append(e)
    return found, units


def gram(rows: Sequence[Sequence[float]]) -> list[list[float]]:
    """Upper bounds of the products of nonnegative rows with each other."""
    if not rows or not rows[0]:
        return [[0.0] * len(rows) for _ in rows]
    whole, units = above(rows)
    A = fmpz_mat(whole)
    scales = [ldexp(1.0, e) for e in units]
    return [[float(int(x)) * one * other * UP for x, other in zip(line, scales, strict=True)]
            for line, one in zip((A * A.transpose()).tolist(), scales, strict=True)]


def roots(forms: list[arb], off: arb, norms: list[float]) -> list[float]:
    """Upper bounds of lengths from those of their squares, which are off by `off` times squares of norms."""
    return [length_above(x, up(off), r) for x, r in zip(forms, norms, strict=True)]
