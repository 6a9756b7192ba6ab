"""Slow and independent: distances by trying every face, corners by trying every set of rows."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import combinations

from flint import arb, ctx, fmpq, fmpz_poly

Number = Fraction
Row = tuple[Fraction, ...]


def _solve(M: list[list[Fraction]], right: list[Fraction]) -> list[Fraction] | None:
    """The solution of a square system by Gaussian elimination, None if there is not exactly one."""
    n = len(M)
    T = [[*row, r] for row, r in zip(M, right, strict=True)]
    for k in range(n):
        pivot = next((i for i in range(k, n) if T[i][k]), None)
        if pivot is None:
            return None
        T[k], T[pivot] = T[pivot], T[k]
        T[k] = [v / T[k][k] for v in T[k]]
        for i in range(n):
            if i != k and T[i][k]:
                T[i] = [a - T[i][k] * b for a, b in zip(T[i], T[k], strict=True)]
    return [row[-1] for row in T]


def holds(A: list[Row], b: Row, E: list[Row], f: Row, x: list[Fraction]) -> bool:
    inner = lambda r: sum((u * v for u, v in zip(r, x, strict=True)), Fraction(0))  # noqa: E731
    within = all(inner(r) <= c for r, c in zip(A, b, strict=True))
    return within and all(inner(r) == c for r, c in zip(E, f, strict=True))


def squared_distance(p: Row, A: list[Row], b: Row, E: list[Row], f: Row) -> Fraction | None:
    """Least squared distance over the nearest points of the affine hulls of all faces; None if the set is empty."""
    best: Fraction | None = None
    d = len(p)
    for k in range(0, min(d, len(A) + len(E)) + 1):
        for chosen in combinations(range(len(A) + len(E)), k):
            rows = [(A + E)[i] for i in chosen]
            right = [(tuple(b) + tuple(f))[i] for i in chosen]
            gram = [[sum((u * v for u, v in zip(r, s, strict=True)), Fraction(0)) for s in rows] for r in rows]
            gap = [sum((u * v for u, v in zip(r, p, strict=True)), Fraction(0)) - c
                   for r, c in zip(rows, right, strict=True)]
            lam = _solve(gram, gap) if rows else []
            if lam is None:
                continue
            x = [p[j] - sum((w * r[j] for w, r in zip(lam, rows, strict=True)), Fraction(0)) for j in range(d)]
            if holds(A, b, E, f, x):
                size = sum(((u - v) ** 2 for u, v in zip(x, p, strict=True)), Fraction(0))
                best = size if best is None else min(best, size)
    return best


def hyperbola_distance(c: Fraction, p: tuple[Fraction, Fraction]) -> float:
    """Distance of p from `w₁w₂ = c`, by the real roots of the stationarity polynomial in w₁, isolated in balls."""
    a, b = p
    # d/dx of (x − a)² + (c/x − b)², times x³/2
    terms = [-c * c, b * c, Fraction(0), -a, Fraction(1)]
    scale = math.lcm(*(v.denominator for v in terms))
    with ctx.workprec(200):  # squares of differences of near numbers
        roots = fmpz_poly([int(v * scale) for v in terms]).complex_roots()
        real = [z.real for z, _ in roots if z.imag == 0]
        q = lambda v: arb(fmpq(v.numerator, v.denominator))  # noqa: E731
        squares = [(z - q(a)) * (z - q(a)) + (q(c) / z - q(b)) * (q(c) / z - q(b)) for z in real]
        return math.sqrt(max(min(float(v.lower()) for v in squares), 0.0))
