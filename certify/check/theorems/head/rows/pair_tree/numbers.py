"""Doubles that bound, many at a time: products by whole numbers, sums of the largest, and exponentials, for D12.

All bounds are sums and products of nonnegative doubles; a formula has far fewer than 2^20 of them, and `UP` exceeds
what so many roundings can take.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from functools import cache
from math import frexp, inf, isnan, ldexp, nan, sqrt
from operator import mul

from flint import arb, fmpz_mat

from certify.check.theorems.head.in_doubles import raised
from certify.check.theorems.head.rows.boxes.fixed_rows import length_above

UP = 1.0 + 2.0**-30
BITS, AT_ONCE = 24, 1024
"""Of the largest whole numbers, so that thousands of their products fit a word; and steps at a time."""

LOOKED_AT = 512
"""Rows of the sum that are looked at one by one where a largest number is asked for."""

EXPONENTS = 300.0
"""Largest argument of an exponential."""


def up(x: arb) -> float:
    """A double above the absolute value; infinite where there is none."""
    top = x.abs_upper()
    return raised(top) if top.is_finite() else inf


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


def roots(forms: list[arb], off: arb, norms: list[float]) -> list[float]:
    """Upper bounds of lengths from those of their squares, which are off by `off` times squares of norms."""
    return [length_above(x, up(off), r) for x, r in zip(forms, norms, strict=True)]


def products(lines: Sequence[Sequence[float]], weight: Sequence[float], f: int, squared: bool) -> list[array[float]]:
    """Upper bounds of `Σ_j weight_j x_jax_jb`, or of `√Σ_j (weight_j x_jax_jb)²`, for all a and b.

    Args:
        lines: row by row of the sum f numbers `x_ja ≥ 0`.
        weight: `weight_j ≥ 0`, finite.
        f: how many steps there are.
        squared: whether it is the second.
    """
    if not f:
        return []
    roots, power = [sqrt(w) * UP for w in weight], 2.0**BITS
    unit = [ldexp(1.0, frexp(max(x, 2.0**-400))[1]) for x in largest(lines, roots, f)]
    scale, mats = [1.0 / x for x in unit], []
    for at in range(0, f, AT_ONCE):
        part, whole = scale[at : at + AT_ONCE], list[int]()
        for line, w in zip(lines, roots, strict=True):
            y = w * power
            # weight by weight: where a weight is tiny or 0 the square of a number alone may be infinite
            whole += ([int((x * w) * (x * y)) + 1 for x in map(mul, line[at : at + AT_ONCE], part)] if squared else
                      [int(x * y) + 1 for x in map(mul, line[at : at + AT_ONCE], part)])
        mats.append(fmpz_mat(len(lines), len(part), whole))
    found = [array("d", bytes(8 * f)) for _ in unit]
    for at, left in enumerate(mats):
        for beside, right in enumerate(mats[: at + 1]):
            first, start = beside * AT_ONCE, at * AT_ONCE
            for a, row in enumerate((left.transpose() * right).tolist(), start):
                one = unit[a] / power * UP
                if squared:
                    line = array("d", [sqrt(float(x)) * one * u for x, u in zip(row, unit[first:], strict=False)])
                else:
                    line = array("d", [float(x) * one / power * u for x, u in zip(row, unit[first:], strict=False)])
                found[a][first : first + len(line)] = line
    for a, all_of_a in enumerate(found):
        for b in range(a):
            found[b][a] = all_of_a[b]
    return found


def largest(lines: Sequence[Sequence[float]], weight: Sequence[float], count: int) -> list[float]:
    """Upper bounds of `max_j weight_j x_ja` for so many a; infinite where a weight is.

    The rows where that may be largest are looked at one by one, of the others the largest counts for all.
    """
    most = [w * max(line, default=0.0) for w, line in zip(weight, lines, strict=True)]
    order = sorted(range(len(most)), key=most.__getitem__, reverse=True)
    if not all(x < inf for x in weight):
        return [inf] * count
    found = [most[order[LOOKED_AT]] if len(order) > LOOKED_AT else 0.0] * count
    for j in order[:LOOKED_AT]:
        w = weight[j]
        found = [y if (y := w * v) > x else x for x, v in zip(found, lines[j], strict=True)]
    return [x * UP + 2.0**-1000 for x in found]  # more than what underflows
