"""D24: whether the form of bending rows is below a share of `H_low`, by a Cholesky factor in doubles.

A factor that runs to its end with positive pivots says that the matrix is at least `−2(p + 4)u` times its trace,
u = 2⁻⁵³, and next to nothing: proofs/heads-boxes.md has the proof. That, and what the entries are rounded by, is taken
from the diagonal before.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import frexp, isfinite, ldexp, sqrt
from operator import mul

from flint import fmpz

from certify.check.theorems.head.rows.bent_box.linear import UP, Bent

ROUNDED = 2.0**-50
"""Of a number, more than what a few operations round."""
LOST, LONGEST = 2.0**-500, 900
"""Of the trace, more than what underflows where it is no smaller than this itself; the largest exponent of a unit."""


def below(b: Bent, form: Sequence[fmpz | int], bends: list[int], unit: int, share: float) -> bool:
    """Whether `Σ β_l s_ls_lᵀ ⪯ λH_low`.

    Args:
        b: the centre.
        form: the sum over rows of the products of their entries, times whole numbers.
        bends, unit: these stand for the β in `2^unit`.
        share: λ, finite and not negative.
    """
    near, off, whole = b.doubles
    p, place, exponent = b.c.sums.p, b.squares.place, b.squares.unit + unit
    if not -LONGEST < exponent < LONGEST:
        return False
    one = ldexp(1.0, exponent)
    values = [float(x) * one for x in form]
    M = [[share * x - values[place[i * p + j]] for j, x in enumerate(row)] for i, row in enumerate(near)]
    size = sqrt(sum(map(mul, values, values))) * 2.0 * UP
    rough = share * off + sum(map(mul, map(abs, bends), b.rough)) * ldexp(1.0, unit)
    trace = sum([abs(row[-1]) for row in M])
    room = (rough + ROUNDED * (share * whole + size + rough) + (p + 8) * 2.0**-51 * trace + LOST * trace) * UP
    top = max(row[-1] for row in M)
    if not (isfinite(room) and isfinite(size) and 0.0 < room < top and LOST < top < 1.0 / LOST):
        return False
    scale = ldexp(1.0, -frexp(top)[1])  # exact; what becomes too small for a double is far below what is spared
    return _factors([[*(x * scale for x in row[:-1]), (row[-1] - room) * scale] for row in M])


def _factors(M: list[list[float]]) -> bool:
    """Whether the Cholesky factor of a matrix, of which the lower half is given, runs to its end."""
    found: list[list[float]] = []
    for i, row in enumerate(M):
        line: list[float] = []
        for x, other in zip(row, found, strict=False):
            line.append((x - sum(map(mul, line, other))) / other[-1])
        pivot = row[i] - sum(map(mul, line, line))
        if not 0.0 < pivot < 4.0:
            return False
        line.append(sqrt(pivot))
        found.append(line)
    return True
