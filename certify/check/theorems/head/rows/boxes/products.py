"""Products of many rows with many columns in whole numbers, a few rows at a time, and inverses of Gram matrices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from flint import arb, arb_mat, ctx, fmpz, fmpz_mat

from certify.check.linalg.balls import norm
from certify.check.theorems.head.rows.boxes.fixed_rows import (
    HUGE,
    LEAST,
    WEIGHT,
    Few,
    Short,
    Sums,
    few,
    gram,
    size,
    spectral,
)

AT_ONCE = 1 << 20
"""Products that are held at once."""

INVERTED = 128
"""Bits of inverses: with 64 the balls of one whose matrix has a condition of 10^10 are wider than what it is for."""


@dataclass(frozen=True)
class Products:
    """Products `s_j·z_l` of rows with columns z, in whole numbers.

    Attributes:
        short: the rows in few bits; `coarse`: the columns.
        zeta: `|s_j·z_l − whole·2^unit| ≤ |s_j|ζ`.
    """

    short: Short
    coarse: Few
    zeta: arb

    def rows(self, which: Sequence[int]) -> Iterator[tuple[int, list[fmpz], int]]:
        """For each of some rows its number, its products and their unit's exponent."""
        p, width = self.short.mat.ncols(), self.coarse.mat.ncols()
        step = max(1, AT_ONCE // max(width, 1))
        for start in range(0, len(which), step):
            some = which[start : start + step]
            left = fmpz_mat(len(some), p, [x for j in some for x in self.short.rows[j]])
            flat = (left * self.coarse.mat).entries()
            for at, j in enumerate(some):
                yield j, flat[at * width : (at + 1) * width], self.short.unit[j] + self.coarse.unit


def products(s: Sums, M: arb_mat, cols: Sequence[int], sizes: dict[int, arb]) -> Products:
    """With the columns `M σ_i s_i` for some rows i."""
    Z = M * arb_mat([[arb(x) * sizes[i] for x in s.rows[i]] for i in cols]).transpose()
    coarse = few(Z.mid(), s.p)
    return Products(s.short, coarse, rounding(s.short, Z, coarse))


def rounding(rows: Short, Z: arb_mat, short: Few) -> arb:
    """ζ with `|s·z − ŝ·ẑ| ≤ |s|ζ` for every row s and every column z: `ε|z| + (1 + ε)|z − ẑ|`."""
    longest = arb(0)
    for column in Z.transpose().tolist():
        longest = longest.max(norm(column).upper())
    error = short.column + size(Z - Z.mid())
    return (rows.epsilon * longest + (1 + rows.epsilon) * error).upper()


class Judged(NamedTuple):
    """An inverse: `Y/(1 + part) ⪯ H⁻¹ ⪯ Y/(1 − part)`, Y positive definite, `‖Y − mid‖ ≤ off`, `‖Y‖ ≤ big`."""

    mid: arb_mat
    off: arb
    part: arb
    big: arb


def judged(s: Sums, weights: list[int]) -> Judged | None:
    """The inverse of `H = Σ 2^−WEIGHT·weights_j s_js_jᵀ + diag(decay)`; None where it is not proved, or too large.

    The weights are nonnegative and so is the decay, so `H ⪰ 0`. In whole numbers a row is off by `√p/2` units, its
    weighted copy by `√p` more: with weights up to ½ that is at most `3√p(|s| + √p)` units a row. With Y the inverse of
    what was summed, H within u of it, `u‖Y‖ < ½`: what was summed has no eigenvalue from `−1/‖Y‖` to 0, and none
    below, as it is at least −u. So `±(H − Y⁻¹) ⪯ u·1 ⪯ u‖Y‖Y⁻¹`, and the inverses are the other way round.
    """
    if not max(weights) <= 1 << WEIGHT - 1:
        return None
    with ctx.workprec(max(ctx.prec, INVERTED)):
        try:
            Y = (gram(s, weights) + s.diagonal).inv()
        except ZeroDivisionError:
            return None
        big, u = spectral(Y), s.unsure
        if not (u * big < 0.5 and LEAST < big < HUGE):
            return None
        mid = Y.mid()
        mid = (mid + mid.transpose()) * arb(0.5)
        mid = mid.mid()
        return Judged(mid, size(Y - mid).upper(), (u * big).upper(), big.upper())


def inverse(s: Sums, weights: list[int]) -> tuple[arb_mat, arb, arb] | None:
    """X exact, e and a bound of `‖H⁻¹‖` with `‖H⁻¹ − X‖ ≤ e`: `‖H⁻¹ − Y‖ ≤ u‖Y‖²/(1 − u‖Y‖)` (see :func:`judged`)."""
    found = judged(s, weights)
    if found is None:
        return None
    lost = 2 * found.part * found.big
    return found.mid, (found.off + lost).upper(), (found.big + lost).upper()
