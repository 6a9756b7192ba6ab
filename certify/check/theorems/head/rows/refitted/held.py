"""D1c: a quadratic form that the pull back to weights exceeds, from averages of rows; its parts in whole numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, isqrt, sqrt

from flint import arb, arb_mat, fmpz_mat

from certify.check.linalg.balls import ZERO, norm
from certify.check.theorems.head.rows.head import Head

SHARES, PARTS, FINE = 20, 18, 26
"""Negative binary logarithms of the units of shares, of parts of vectors and of the inverse."""


MOST = 2.0**40
"""Entries of an inverse are below it."""


def averages_of(values: Sequence[float], n: int) -> list[list[int]] | None:
    """Shares of rows in averages, one list an average, cut off; None where a row has more than it has.

    Args:
        values: `(n, d)` shares with signs, row by row.
        n: rows.
    """
    d = len(values) // max(n, 1)
    if not all(abs(x) <= 1 for x in values):
        return None
    rows = [[int(x * 2**SHARES) for x in values[i * d : (i + 1) * d]] for i in range(n)]
    if any(sum(map(abs, row)) > 1 << SHARES for row in rows):
        return None
    return [list(column) for column in zip(*rows, strict=True)]


@dataclass(frozen=True)
class Held:
    """`A(Δ) = μ|ΔU|² + Σ κ_d s_d (v_d·Δ)²`, which the pull exceeds where it is at most `reach²`.

    Attributes:
        reach: as above.
        inverse: nearly `A⁻¹`, in units of `2^−FINE`.
        parts: times a vector numbers whose squares add up to its squared length in the dual form, nearly, in units of
            `2^−PARTS`.
        per_error: length in the dual form of a vector of length 1, at most.
        slip: relative to the length of a vector, what `parts` and `inverse` err by in the dual form.
    """

    reach: float
    inverse: list[list[int]]
    parts: list[list[int]]
    per_error: arb
    slip: arb

    def far(self, points: fmpz_mat, units: int, off: arb, lengths: Sequence[arb]) -> list[int]:
        """Lengths of points in the dual form, at most, in units of `2^−(PARTS + units)`.

        Args:
            points: `(m, N)` in units of `2^−units`.
            units: as above.
            off: what one of these errs by.
            lengths: their Euclidean lengths.
        """
        columns = (fmpz_mat(self.parts) * points).transpose().tolist()
        scale, plus = arb(2) ** (PARTS + units), self.per_error * off
        more = [float(((plus + self.slip * (size + 1)) * scale).upper()) for size in lengths]
        return [isqrt(sum(int(x) * int(x) for x in column)) + 2 + int(extra * (1 + 2.0**-50))
                for column, extra in zip(columns, more, strict=True)]

    @property
    def largest(self) -> arb:
        """The norm of the inverse, at most."""
        found: arb = (norm([arb(x) for row in self.inverse for x in row]) / 2**FINE).upper()
        return found


def hold(head: Head, D: Sequence[int], unit: arb, shares: Sequence[Sequence[int]], rows: Sequence[Sequence[int]],
         units: int, off: arb, mu: arb, reach: float) -> Held | None:
    """The form; None where nothing holds the weights.

    Args:
        head: the head.
        D: curvatures of the rows, from below, in whole units.
        unit: a unit.
        shares: of the rows in the averages.
        rows: inputs in units of `2^−units`.
        units: as above.
        off: what a row of these errs by.
        mu: μ.
        reach: the length.
    """
    weighed = [[a * x for a, x in zip(share, D, strict=True)] for share in shares]
    totals = [sum(map(abs, row)) for row in weighed]
    there = [d for d, total in enumerate(totals) if total > 0]
    if not there or there[0] != 0:
        return None
    if head.free_intercept and sum(weighed[0]) != totals[0]:
        return None  # the intercept of the first average has to be 1: what errors are worth rests on it
    sums = (fmpz_mat([weighed[d] for d in there]) * fmpz_mat([list(row) for row in rows])).tolist()
    exact = head.m - 1 if head.biased else head.m
    around = off * arb(0, 1)
    v = [[arb(x) / (arb(totals[d]) * 2**units) + (around if j < exact else ZERO) for j, x in enumerate(row)]
         for d, row in zip(there, sums, strict=True)]
    strength = []
    for d in there:
        s = (arb(totals[d]) * unit / 2**SHARES).lower()
        z = farthest(arb(reach) * reach / s) if s > 0 else None
        if z is None:
            return None
        strength.append(((reach / z) ** 2).lower())
    return _form(head, v, strength, mu, reach)


def _form(head: Head, v: list[list[arb]], strength: list[arb], mu: arb, reach: float) -> Held | None:
    m, free = head.m, head.free_intercept
    held = [ZERO if free and j == m - 1 else mu for j in range(m)]
    V, eye = arb_mat(v), arb_mat([[arb(i == j) for j in range(m)] for i in range(m)])
    scaled = arb_mat([[s * x for x in row] for s, row in zip(strength, v, strict=True)])
    form = V.transpose() * scaled + arb_mat([[held[i] if i == j else ZERO for j in range(m)] for i in range(m)])
    try:
        found = form.mid().inv().tolist()
    except ZeroDivisionError:
        return None
    if not all(x.is_finite() and abs(x) < MOST for row in found for x in row):
        return None
    entries = [[int(round(float(x.mid()) * 2.0**FINE)) for x in row] for row in found]
    inverse = arb_mat(entries) / 2**FINE
    first = 1 + norm(v[0])
    per_error = (first * first / mu + 1 / strength[0] if free else 1 / mu).sqrt().upper()
    roots = [s.sqrt() for s in strength]
    along = scaled * inverse
    rest = (eye - V.transpose() * along).tolist()
    if free:
        rest = rest[:-1]
    whole = [[_near(x / mu.sqrt()) for x in row] for row in rest] + [
        [_near(x / root) for x in row] for root, row in zip(roots, along.tolist(), strict=True)]
    parts = arb_mat(whole)
    back = [[mu.sqrt() * arb(i == j) for i in range(len(rest))] for j in range(m)]
    back = [[*row, *(root * x[j] for root, x in zip(roots, v, strict=True))] for j, row in enumerate(back)]
    lost = norm((eye - arb_mat(back) * parts / 2**PARTS).entries())
    slip = (per_error * (lost + norm((eye - form * inverse).entries()))).upper()
    return Held(reach, entries, whole, per_error, slip) if slip.is_finite() else None


def _near(x: arb) -> int:
    return int(round(float(x.mid()) * 2.0**PARTS))


def farthest(x: arb) -> arb | None:
    """z with `M(z) ≥ x`, `M(z) = z(1 − e^(−z))` up to 1 and `z − 1/e` beyond, convex and rising."""
    x = x.upper()
    if not x.is_finite():
        return None
    goal = float(x)
    if goal < 0.63:
        y = min(sqrt(goal), 1.0)
        for _ in range(8):
            y = min(max(y + (goal - y * (1 - exp(-y))) / max(1 - exp(-y) * (1 - y), 1e-300), 0.0), 1.0)
        z = arb(y * (1 + 1e-9))
        if z <= 1 and z * (1 - (-z).exp()) >= x:
            return z
    return (x + (-arb(1)).exp()).upper()
