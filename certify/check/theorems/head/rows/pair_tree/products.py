"""D12, D13: sums over rows of what two steps move, for all pairs of steps, in whole numbers rounded up."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from math import frexp, inf, ldexp, sqrt
from operator import mul

from flint import fmpz_mat

from certify.check.theorems.head.rows.pair_tree.numbers import UP

BITS, AT_ONCE = 24, 1024
"""Of the largest whole numbers, so that thousands of their products fit a word; and steps at a time."""

LOOKED_AT = 512
"""Rows of the sum that are looked at one by one where a largest number is asked for."""


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
            y = w * w * power if squared else w * power
            whole += ([int(x * x * y) + 1 for x in map(mul, line[at : at + AT_ONCE], part)] if squared else
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
