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


def products(lines: Sequence[Sequence[float]], weight: Sequence[float], size: Sequence[float], squared: bool,
             ) -> list[array[float]]:
    """Upper bounds of `Σ_j weight_j x_jax_jb`, or of `√Σ_j (weight_j x_jax_jb)²`, for all a and b.

    Args:
        lines: row by row of the sum the numbers `x_ja ≥ 0`.
        weight: `weight_j ≥ 0`.
        size: of about what size the largest number of each a is: nothing rests on it.
        squared: whether it is the second.
    """
    f = len(size)
    if not f:
        return []
    unit = [ldexp(1.0, frexp(max(x, 2.0**-500))[1]) for x in size]
    scale, most = [1.0 / x for x in unit], max(weight, default=0.0) or 1.0
    power = ldexp(1.0, BITS) / (most if squared else sqrt(most))
    blocks: list[list[list[int]]] = [[] for _ in range(0, f, AT_ONCE)]
    for line, w in zip(lines, weight, strict=True):
        y = (w if squared else sqrt(w)) * power * UP
        whole = ([int(x * x * y) + 1 for x in map(mul, line, scale)] if squared else
                 [int(x * y) + 1 for x in map(mul, line, scale)])
        for at, block in enumerate(blocks):
            block.append(whole[at * AT_ONCE : (at + 1) * AT_ONCE])
    rows = len(lines)
    mats = [fmpz_mat(rows, len(unit[at * AT_ONCE : (at + 1) * AT_ONCE]), [x for line in block for x in line])
            for at, block in enumerate(blocks)]
    del blocks
    found = [array("d", bytes(8 * f)) for _ in size]
    for at, left in enumerate(mats):
        for beside, right in enumerate(mats[: at + 1]):
            first, start = beside * AT_ONCE, at * AT_ONCE
            for a, row in enumerate((left.transpose() * right).tolist(), start):
                if squared:
                    one = unit[a] / power * UP
                    line = array("d", [sqrt(float(x)) * one * u for x, u in zip(row, unit[first:], strict=False)])
                else:
                    one = unit[a] / power / power * UP
                    line = array("d", [float(x) * one * u for x, u in zip(row, unit[first:], strict=False)])
                found[a][first : first + len(line)] = line
    for a, row in enumerate(found):
        for b in range(a):
            found[b][a] = row[b]
    return found


def largest(lines: Sequence[Sequence[float]], weight: Sequence[float], count: int) -> list[float]:
    """Upper bounds of `max_j weight_j x_ja` for so many a; infinite where a weight is."""
    found = [0.0 if all(x < inf for x in weight) else inf] * count
    for line, w in zip(lines, weight, strict=True) if found[:1] == [0.0] else ():
        found = [max(x, w * v) for x, v in zip(found, line, strict=True)]
    return [x * UP for x in found]
