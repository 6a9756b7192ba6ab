"""Products of all lines of two matrices, in whole numbers of few bits, with a bound of what that rounds (D7)."""

from __future__ import annotations

from math import frexp, inf, isfinite, ldexp, sqrt

from flint import arb, arb_mat, fmpz_mat

WORD = 62
"""Bits that sums of products take no more than, so that each stays one machine word."""
ENOUGH, FINE = 2.0**-20, 56
"""An error that is small beside what provers leave; and bits where fewer would leave more."""


def doubt(M: arb_mat, weight: list[float] | None = None) -> list[float]:
    """At least the sum of the radii of each line, times weights that are not negative: that of its sum is no less."""
    ones = arb_mat([[arb(x)] for x in weight or [1.0] * M.ncols()])
    return [float(x.rad()) * (1 + 2.0**-28) for x in (M * ones).entries()]


def few(lines: list[list[float]], bits: int) -> tuple[fmpz_mat, float]:
    """Whole numbers t and a power of two: `|x − t·unit| < unit`; of lines of which none is out of range.

    >>> few([[3.0, -0.5]], 3)
    ([6, -1], 0.5)
    """
    top = max(max(max(line), -min(line)) for line in lines)
    e = max(frexp(top)[1], -900) - bits
    scale = ldexp(1.0, -e) if e > -1000 else 2.0**1000
    return fmpz_mat(len(lines), len(lines[0]), [int(x * scale) for line in lines for x in line]), ldexp(1.0, e)


def products(left: arb_mat, right: arb_mat) -> tuple[list[list[float]], float] | None:
    """About `l·r` for all lines l of one and r of the other matrix, and what each is off by; None if out of range.

    Columns are scaled by powers of two, inversely in both, so that both are as large. With lines a and b long at most,
    off by δ and ε, a product is off by at most `δb + aε + δε`.
    """
    A, B = ([[float(x) for x in line] for line in M.tolist()] for M in (left, right))
    if not all(isfinite(sum(map(abs, line))) for M in (A, B) for line in M):
        return None
    tops = [[max(map(abs, line)) for line in zip(*M, strict=True)] for M in (A, B)]
    powers = [(frexp(max(b, 2.0**-400))[1] - frexp(max(a, 2.0**-400))[1]) // 2 for a, b in zip(*tops, strict=True)]
    if not max(map(abs, powers)) < 400 or not max(map(max, tops)) < 2.0**400:
        return None
    there, back = [ldexp(1.0, x) for x in powers], [ldexp(1.0, -x) for x in powers]
    A, B = ([[x * s for x, s in zip(line, scale, strict=True)] for line in M] for M, scale in ((A, there), (B, back)))
    long = [sqrt(max(sum([x * x for x in line]) for line in M)) * (1 + 2.0**-40) for M in (A, B)]
    blurs = [max(doubt(M, scale)) + 2.0**-50 * x + 2.0**-500 for M, scale, x in zip(
        (left, right), (there, back), long, strict=True)]
    width, found = left.ncols(), (inf, 0)
    for bits in ((WORD - width.bit_length()) // 2, FINE):
        unit = [2.0 ** (1 - bits) * max(max(map(abs, line)) for line in M) + 2.0**-800 for M in (A, B)]
        off = [x * sqrt(width) * 1.01 + blur for x, blur in zip(unit, blurs, strict=True)]
        error = (off[0] * long[1] + off[1] * long[0] + off[0] * off[1]) * (1 + 2.0**-40)
        found = error, bits
        if error < ENOUGH:
            break
    error, bits = found
    (T, u), (S, v) = few(A, bits), few(B, bits)
    unit_ = u * v
    if not (isfinite(error) and 0.0 < unit_ < inf):
        return None
    return [[x * unit_ for x in map(float, line)] for line in (T * S.transpose()).tolist()], error
