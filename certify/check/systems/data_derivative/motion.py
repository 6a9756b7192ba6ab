"""What moving data does to a solution, `Y = DC`, some rows at a time: `YYᵀ` of all, and `Y_iᵀY_i` of every row."""

from __future__ import annotations

from dataclasses import dataclass

from flint import arb, arb_mat, fmpz, fmpz_mat

from certify.check.linalg.deflated import Largest
from certify.check.linalg.fixed import Fixed, scale
from certify.check.linalg.large.products import product
from certify.check.systems.data_derivative.base import DataDerivative


@dataclass(frozen=True)
class Motion:
    """`YYᵀ`, whose largest eigenvalue is `‖DC‖²`, where it was asked; and `(DC_i)ᵀ(DC_i)` of every moving row."""

    all: Largest | None
    rows: list[arb_mat]


def motion(data: DataDerivative, D: Fixed, summed: bool = True) -> Motion:
    """Both, of an exact D; of rows alone where the sum of all is not asked."""
    d, turned, whole = data.each, D.turned, None
    rows: dict[int, arb_mat] = {}
    for places, part in data.parts():
        Y = product(part, turned, data.width)
        values, q, square = Y.mid.entries(), Y.shape[1], arb(0)
        for start, place in zip(range(0, len(values), d * q), places, strict=True):
            M = fmpz_mat(d, q, values[start:start + d * q])
            own = squared(M, Y.bits, Y.radius)
            square += trace(own)
            rows[place] = own.balls()
        if summed:
            own = squared(Y.mid.transpose(), Y.bits, Y.radius, square)
            whole = own if whole is None else _sum(whole, own)
    return Motion(None if whole is None else Largest(whole), [rows[place] for place in range(len(rows))])


def squared(M: fmpz_mat, bits: int, radius: arb, square: arb | None = None) -> Fixed:
    """`NNᵀ` of all N within that radius of M, whose squares add up to `square`: within `r(2|M|_F + r)` of `MMᵀ`."""
    found = Fixed(M * M.transpose(), 2 * bits, arb(0))
    size = (trace(found) if square is None else square).sqrt()
    return Fixed(found.mid, 2 * bits, (radius * (2 * size + radius)).upper())


def trace(G: Fixed) -> arb:
    """The trace of the middle."""
    return arb(sum([G.mid[j, j] for j in range(G.shape[0])], fmpz(0))) * scale(G.bits)


def _sum(A: Fixed, B: Fixed) -> Fixed:
    """The exact sum, with the longer of the fractions."""
    bits = max(A.bits, B.bits)
    a, b = (M.mid * (fmpz(1) << bits - M.bits) for M in (A, B))
    return Fixed(a + b, bits, (A.radius + B.radius).upper())
