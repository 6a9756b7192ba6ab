"""Sums of entrywise products of Gram matrices in fixed point, which a tangent kernel of many equations is (M3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import mul

from flint import arb, arb_mat, ctx, fmpz, fmpz_mat

from certify.check.kernel import PRECISIONS
from certify.check.linalg.balls import ZERO
from certify.check.linalg.fixed import Fixed, cut, enclosed

SPARE, FACTORS, HELD = 8, 100, 1 << 22
"""Bits of balls that numbers in fixed point do without, bits of the factors where fewer do, and numbers at a time."""

Factors = tuple[arb_mat, arb_mat, arb_mat]
"""C, B and A of a layer: `CB'` of the equations, symmetric, and `AA'` of the rows; C may be B itself."""


@dataclass(frozen=True)
class Factored:
    """`K = Σ (CB')_(i,a),(j,b)·(AA')_ij` over the layers, as many equations for every row of A; known by its factors.

    With `L = CB'`, `M = AA'` known as L̂, M̂ up to r, s in Frobenius norm a layer is off by `r·max|M| + |L̂|_F·s`, where
    `max|M| ≤ ‖M̂‖ + s`, `|L̂|_F ≤ √N‖L̂‖` and the norms are at most those of the factors' middles, multiplied.

    Attributes:
        layers: C, B and A of each.
        width: bits that a sum is cut to.
    """

    layers: list[tuple[Fixed, Fixed, Fixed]]
    width: int

    @property
    def shape(self) -> tuple[int, int]:
        """N, twice."""
        return (self.layers[0][0].shape[0],) * 2

    @property
    def bits(self) -> int:
        """Of the sum of the products of the middles, exact."""
        return max(C.bits + B.bits + 2 * A.bits for C, B, A in self.layers)

    @cached_property
    def radius(self) -> arb:
        """How far K is from the sum of the products of the middles, in Frobenius norm."""
        error, root = ZERO, arb(self.shape[0]).sqrt()
        for C, B, A in self.layers:
            off, away, most = _off(C, B), _off(A, A), A.reach ** 2
            error += off * (most + away) + root * C.reach * B.reach * away
        return error.upper()

    @cached_property
    def reach(self) -> arb:
        """Upper bound of the operator norm of the sum of the products of the middles: `Σ |L̂|_F·max|M̂|`."""
        root = arb(self.shape[0]).sqrt()
        return sum((root * C.reach * B.reach * A.reach ** 2 for C, B, A in self.layers), ZERO).upper()

    def times(self, V: fmpz_mat) -> fmpz_mat:
        """The sum of the products of the middles times integers, exact and never formed: `Σ c_(i,a)·(ÃÃ'B'V)_i`."""
        columns, widest = V.transpose().tolist(), max(B.shape[1] for _, B, _ in self.layers)
        some = max(1, HELD // (widest * self.layers[0][2].shape[0]))
        parts = [self._times(columns[at:at + some]).transpose().tolist() for at in range(0, len(columns), some)]
        return fmpz_mat([column for part in parts for column in part]).transpose()

    def _times(self, x: list[list[fmpz]]) -> fmpz_mat:
        """Of some columns."""
        q, found = len(x), None
        for C, B, A in self.layers:
            n, m = A.shape[0], B.shape[1]
            k = self.shape[0] // n
            left, rows = C.mid.tolist(), B.mid.tolist()
            weighed = fmpz_mat([[v for c in range(q) for v in (
                fmpz_mat(1, k, x[c][i * k:i * k + k]) * part).entries()] for i, part in enumerate(_parts(rows, k))])
            across = A.mid.transpose()
            image = (A.mid * across * weighed if n <= A.shape[1] else A.mid * (across * weighed)).tolist()
            up = fmpz(1) << self.bits - C.bits - B.bits - 2 * A.bits
            part = fmpz_mat([row for own, v in zip(_parts(left, k), image, strict=True)
                             for row in (own * fmpz_mat(q, m, v).transpose() * up).tolist()])
            found = part if found is None else found + part
        assert found is not None
        return found

    @cached_property
    def formed(self) -> Fixed:
        """The matrix; what stands above the diagonal is put below it too: at most √2 times the error."""
        N, n = self.shape[0], self.layers[0][2].shape[0]
        k, bits, upper = N // n, self.bits, [[0] * (N - r) for r in range(N)]
        for C, B, A in self.layers:
            L, M = C.mid * B.mid.transpose(), A.mid * A.mid.transpose()
            up = bits - C.bits - B.bits - 2 * A.bits
            across = [[x for y in row for x in [int(y) << up] * k] for row in M.tolist()]
            for r, row in enumerate(L.tolist()):
                products = map(mul, map(int, row[r:]), across[r // k][r:])
                upper[r] = [s + x for s, x in zip(upper[r], products, strict=True)]
        drop = max(0, max(max(map(abs, row)) for row in upper).bit_length() - self.width)
        upper, bits = [[x >> drop for x in row] for row in upper] if drop else upper, bits - drop
        mid = fmpz_mat([[upper[c][r - c] for c in range(r)] + upper[r] for r in range(N)])
        return Fixed(mid, bits, ((self.radius + cut((N, N), bits)) * arb(2).sqrt()).upper())


def factored(layers: Sequence[Factors]) -> Factored:
    """The sum over these layers, for all members of the balls."""
    width, found = ctx.prec - SPARE if ctx.prec > PRECISIONS[0] else FACTORS, []
    for C, B, A in layers:
        right = enclosed(B, width)
        found.append((right if C is B else enclosed(C, width), right, enclosed(A, width)))
    return Factored(found, width)


def energy(layers: Sequence[Factors], z: Sequence[arb]) -> arb:
    """`zᵀKz`: the sum of `(Σ z_(i,a) c_(i,a) ⊗ a_i)` times the same of b, entry by entry."""
    total = ZERO
    for C, B, A in layers:
        n = A.nrows()
        k = len(z) // n
        first, *other = ([x for i, part in enumerate(_balls(M, k)) for x in (
            arb_mat(1, k, list(z[i * k:i * k + k])) * part).entries()] for M in ([B] if C is B else [B, C]))
        sums = [(arb_mat(n, B.ncols(), values).transpose() * A).entries() for values in (first, *other)]
        total = sum(map(mul, sums[0], sums[-1]), total)
    return total


def _parts(rows: list[list[fmpz]], k: int) -> list[fmpz_mat]:
    """Some rows at a time."""
    return [fmpz_mat(rows[at:at + k]) for at in range(0, len(rows), k)]


def _balls(M: arb_mat, k: int) -> list[arb_mat]:
    rows = M.tolist()
    return [arb_mat(rows[at:at + k]) for at in range(0, len(rows), k)]


def _off(A: Fixed, B: Fixed) -> arb:
    """How far the product `AB'` is from that of the middles, in Frobenius norm."""
    return (A.radius * (B.reach + B.radius) + A.reach * B.radius).upper()
