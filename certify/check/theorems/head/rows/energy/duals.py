"""Dual points: lower bounds of the least energy on the hyperplane, one an alternative counted k times (D7)."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, fsum, isfinite, tanh
from operator import mul

from flint import arb, arb_mat, fmpz_mat

from certify.check.linalg.balls import ZERO, squares
from certify.check.theorems.head.rows.energy.entropies import height
from certify.check.theorems.head.rows.energy.forms import products
from certify.check.theorems.head.rows.energy.lines import Lines

NOTHING = -1e300
"""A lower bound where there is none: finite, so that no NaN comes of it."""
GRID, UNIT = 2.0**40, 2.0**-40
"""Slopes are multiples of a unit, so that a row's sum is exactly 1 and products with inputs are of whole numbers."""


@dataclass(frozen=True)
class Duals:
    """Slopes, and what follows from them; the last one is of no alternative.

    Attributes:
        q: floats in [0, 1], multiples of 2^-40.
        r: `Aᵀ(q − τ) + ν e`, 0 in the weights without decay.
        value: lower bounds of `H(q) − νc − |r|²/(2μ)`.
    """

    q: list[list[float]]
    r: list[list[arb]]
    value: list[float]

    def take(self, kept: list[int]) -> Duals:
        """Those of some alternatives, and the last."""
        at = [*kept, len(self.q) - 1]
        return Duals([self.q[x] for x in at], [self.r[x] for x in at], [self.value[x] for x in at])


def duals(lines: Lines, q: list[list[float]], chosen: list[int], free: list[int], k: int, e: list[arb]) -> Duals:
    """The points with these slopes, with a multiplier ν each: for each of some alternatives k times, and for none.

    Their targets are those of the chosen ones and of one more k times.
    """
    if lines.width > 1:
        tau = [*(lines.targets(chosen, l, k) for l in free), lines.targets(chosen)]
        q = [on_grid(lines, a, t, e) for a, t in zip(q, tau, strict=True)]
    good = [min(a) >= 0.0 and max(a) <= 1.0 and isfinite(sum(a)) for a in q]
    q = [a if fit else [min(max(x, 0.0), 1.0) if x == x else 0.0 for x in a] for a, fit in zip(q, good, strict=True)]
    whole = [[int(x * GRID) for x in line] for line in q]
    q = [[x * UNIT for x in line] for line in whole]
    A, unit, off = lines.whole
    moved = fmpz_mat(len(q), A.nrows(), [x for line in whole for x in line]) * A
    unit, blur = unit * UNIT, arb(0, (off * A.nrows()).upper())  # slopes are at most 1
    start = (arb_mat([lines.targets(chosen)]) * lines.A).entries()
    pulls = [[k * s - t for s, t in zip(lines.steps[l], start, strict=True)] for l in free] + [[-t for t in start]]
    size, ee, found, values = 2 * lines.mu, squares(e), [], []
    column = next(j for j in lines.free if e[j] != 0) if lines.free else -1
    for numbers, pull, slopes, fit in zip(moved.tolist(), pulls, q, good, strict=True):
        line = [unit * x + (y + blur) for x, y in zip(numbers, pull, strict=True)]
        if lines.free:  # of several outputs the other classes are balanced exactly
            nu = -line[column] / e[column]
        else:
            along = sum(map(mul, line, e), ZERO) + lines.mu * lines.level
            nu = -arb(float((along / ee).mid()))
        r = [a + nu * b for a, b in zip(line, e, strict=True)]
        for j in lines.free:
            r[j] = ZERO
        found.append(r)
        low = float((height(slopes, lines.width == 1) - nu * lines.level - squares(r) / size).lower())
        low -= 2.0**-60 + 2.0**-50 * abs(low)
        values.append(low if fit and low > NOTHING else NOTHING)  # nor if it is NaN
    return Duals(q, found, values)


def slopes(lines: Lines, weights: list[list[float]]) -> list[list[float]]:
    """Slopes at weights, one list each: any numbers in [0, 1] (of which a row's sum is 1) will do."""
    found = products(arb_mat(weights), lines.A)
    near = found[0] if found is not None else [[0.0] * lines.A.nrows()] * len(weights)  # of weights out of range
    if lines.width == 1:
        return [[0.5 + 0.5 * tanh(0.5 * z) for z in line] for line in near]
    return [[v for i in range(0, len(line), lines.width) for v in _softmax(line[i : i + lines.width])] for line in near]


def _softmax(z: list[float]) -> list[float]:
    top = max(z)
    parts = [exp(x - top) for x in z]
    total = fsum(parts)
    return [x / total for x in parts]


def on_grid(lines: Lines, q: list[float], tau: list[int], e: list[arb]) -> list[float]:
    """Slopes of several outputs near q: every row's sum is 1, and those of free intercepts' classes are those of τ.

    Negative ones where no row has enough to balance a class; they are no dual point.
    """
    width, one = lines.width, int(GRID)
    whole = [int(x * GRID) for x in q]
    for i in range(0, len(q), width):
        best = max(range(i, i + width), key=lambda j: whole[j])
        whole[best] += one - sum(whole[i : i + width])
    compared = [c for c, j in enumerate(lines.free) if e[j] != 0]
    for c in range(len(lines.free)):
        if c not in compared:  # ν balances the two that are
            gap = sum(whole[c::width]) - one * sum(tau[c::width])
            give, get = (c, compared[0]) if gap > 0 else (compared[0], c)
            most = max(range(0, len(q), width), key=lambda i: whole[i + give])
            whole[most + give] -= abs(gap)
            whole[most + get] += abs(gap)
    return [x / GRID for x in whole]


def child(lines: Lines, points: Duals, chosen: list[int], x: int, kept: list[int], free: list[int], k: int,
          e: list[arb]) -> Duals:
    """With alternative x in: `(1/k)·(point of x) + (1 − 1/k)·(point of y)` for every y kept, `free`, and for none."""
    first, share = [v / k for v in points.q[x]], 1.0 - 1.0 / k
    q = [[a + share * b for a, b in zip(first, points.q[y], strict=True)] for y in [*kept, -1]]
    if not max(map(max, q)) <= 1.0:  # by rounding
        q = [[min(v, 1.0) for v in line] for line in q]
    return duals(lines, q, chosen, free, k - 1, e)
