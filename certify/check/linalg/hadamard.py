"""Sums of entrywise products of Gram matrices in fixed point, which a tangent kernel of many equations is (M3)."""

from __future__ import annotations

from collections.abc import Sequence
from operator import mul

from flint import arb, arb_mat, ctx, fmpz_mat

from certify.check.linalg.balls import ZERO
from certify.check.linalg.fixed import Fixed, cut, enclosed

SPARE = 8
"""Bits of the balls that numbers in fixed point do without."""

Factors = tuple[arb_mat, arb_mat, arb_mat]
"""C, B and A of a layer: `CB'` of the equations, symmetric, and `AA'` of the rows."""


def summed(layers: Sequence[Factors]) -> Fixed:
    """`Σ (CB')_(i,a),(j,b)·(AA')_ij` over the layers; as many equations for every row of A; its middle is symmetric.

    With `L = CB'`, `M = AA'` known as L̂, M̂ up to r, s in Frobenius norm a layer is off by `r·max|M| + |L̂|_F·s`, where
    `max|M| ≤ ‖M̂‖ + s`, `|L̂|_F ≤ √N‖L̂‖` and the norms are at most those of the factors' middles, multiplied. What
    stands above the diagonal is put below it: at most √2 times the error.
    """
    N, n = layers[0][0].nrows(), layers[0][2].nrows()
    k, width = N // n, ctx.prec - SPARE
    parts = [(_product(C, B, width), _product(A, A, width)) for C, B, A in layers]
    bits = max(L.bits + M.bits for (L, _), (M, _) in parts)
    error, upper = ZERO, [[0] * (N - r) for r in range(N)]
    for (L, size), (M, most) in parts:
        error += L.radius * (most + M.radius) + arb(N).sqrt() * size * M.radius
        up = bits - L.bits - M.bits
        across = [[x for y in row for x in [int(y) << up] * k] for row in M.mid.tolist()]
        for r, row in enumerate(L.mid.tolist()):
            products = map(mul, map(int, row[r:]), across[r // k][r:])
            upper[r] = [s + x for s, x in zip(upper[r], products, strict=True)]
    drop = max(0, max(max(map(abs, row)) for row in upper).bit_length() - width)
    upper, bits = [[x >> drop for x in row] for row in upper] if drop else upper, bits - drop
    mid = fmpz_mat([[upper[c][r - c] for c in range(r)] + upper[r] for r in range(N)])
    return Fixed(mid, bits, ((error + cut((N, N), bits)) * arb(2).sqrt()).upper())


def _product(A: arb_mat, B: arb_mat, width: int) -> tuple[Fixed, arb]:
    """`AB'`, exactly for the middles in fixed point, and an upper bound of the operator norm of the middle."""
    one, other = enclosed(A, width), enclosed(B, width)
    radius = one.radius * (other.reach + other.radius) + one.reach * other.radius
    product = Fixed(one.mid * other.mid.transpose(), one.bits + other.bits, radius.upper())
    return product, (one.reach * other.reach).upper()
