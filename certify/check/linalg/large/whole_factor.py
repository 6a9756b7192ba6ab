"""A matrix of many rows by one factor in whole numbers: that it is definite, and what it is larger than (W3).

With an exact lower triangular R and `‖RKRᵀ − I‖ ≤ δ < 1`, `cK − W² ≻ 0` for a diagonal W follows by congruence from
`λ_max(RW²Rᵀ) < c(1 − δ)`, and that is the largest eigenvalue of `WRᵀRW`. How R was found does not matter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from flint import arb, arb_mat, ctx, fmpz, fmpz_mat

from certify.check.linalg.balls import ZERO, root
from certify.check.linalg.definite import Definiteness, Truth, inverse_factor
from certify.check.linalg.fixed import Fixed, cut, enclosed, longest, scale, squares
from certify.check.linalg.large.few_vectors import FRACTION, Few, drawn, rest, seen, straightened

PLACES, WIDE = 96, 96
"""Bits in which R is looked for, with as many of its largest entry, and those of the largest entry of K."""

BANDS = 4
"""Parts that the rows of `RK` are made in."""

FINE, CRUDE = 62, 24
"""Bits of the largest entry of RW, and where only what V leaves of its square counts."""

VECTORS, STEPS, SPAN, SHORT = 32, 8, 4, 20
"""Vectors, their steps towards the largest eigenvalues, after how many they are straightened, and their bits."""


@dataclass(frozen=True)
class WholeFactor:
    """What is known of K.

    Attributes:
        R: lower triangular, exact.
        defect: at least `‖RKRᵀ − I‖`, below 1.
        moved: the entries on the diagonal of W² that are not 0, by their place.
    """

    R: Fixed
    defect: arb
    moved: Mapping[int, arb]

    @property
    def definite(self) -> Definiteness:
        """`K ≻ 0`."""
        return Definiteness(Truth.PROVED, R=arb_mat(self.R.mid) * scale(self.R.bits), defect=self.defect)

    def is_above(self, least: float) -> bool:
        """Whether `K − least²·I ≻ 0` is proved, `least > 0`."""
        few, radius = self._squared(*self._cut(self.R.mid.entries(), self.R.bits))
        return few.below((1 - self.defect) / arb(least) ** 2, radius) is Truth.PROVED

    def is_beyond(self, most: arb) -> bool:
        """Whether `most²K − W² ≻ 0` is proved."""
        few, radius = self._weighed
        return few.below(most ** 2 * (1 - self.defect), radius) is Truth.PROVED

    @cached_property
    def _weighed(self) -> tuple[Few, arb]:
        return self._squared(*self.weighed([root(self.moved.get(j, ZERO)) for j in range(self.R.shape[0])]))

    def weighed(self, weights: Sequence[arb]) -> tuple[list[fmpz], int, arb]:
        """T̂, whole numbers times `2^−bits`, and a bound of `‖T̂ − RW‖`: `‖R‖|W − Ŵ|_F` and what is cut off of RŴ."""
        W = enclosed(arb_mat([weights]), WIDE)
        each = W.mid.entries()
        values, bits, off = self._cut([x * w for row in self.R.mid.tolist() for x, w in zip(row, each, strict=True)],
                                      self.R.bits + W.bits)
        return values, bits, (self.R.reach * W.radius + off).upper()

    def _cut(self, values: list[fmpz], bits: int) -> tuple[list[fmpz], int, arb]:
        """Of a matrix as large as R the first bits, and what the norm of the rest is at most."""
        values, drop = _first(values, FINE)
        return values, bits - drop, cut(self.R.shape, bits - drop) if drop else ZERO

    def _squared(self, values: list[fmpz], bits: int, off: arb) -> tuple[Few, arb]:
        """What vectors say of `T̂ᵀT̂`, and how far `WRᵀRW` is from it: `2‖T̂‖ϱ + ϱ²` where `‖T̂ − RW‖ ≤ ϱ`.

        T' has the first bits of T̂, `|T̂ − T'|_F ≤ r`, and `A = T'ᵀT'` is formed: `‖T'‖² ≤ |A|_F`, and for `Vᵀz = 0`
        `zᵀT̂ᵀT̂z ≤ (|A − VBVᵀ|_F + 2‖T'‖r + r²)|z|²`, `B = VᵀAV`.
        """
        N, T = self.R.shape[0], fmpz_mat(*self.R.shape, values)
        values, drop = _first(values, CRUDE)
        short, less = fmpz_mat(N, N, values), 2 * (bits - drop)
        A = short.transpose() * short
        square, r = squares(A.entries(), less), cut((N, N), bits - drop)
        size, V = square.sqrt().sqrt(), towards_largest(A)
        own = V.transpose() * (A * V)
        few = seen(V, T.transpose() * (T * V), 2 * bits, lambda units, _: (
            rest(square, units, arb_mat(own) * scale(2 * FRACTION + less)) + (2 * size + r) * r).upper())
        return few, ((2 * (size + r) + off) * off).upper()


def factorised(K: arb_mat, moved: Mapping[int, arb]) -> WholeFactor | None:
    """`‖RKRᵀ − I‖ ≤ |RK̂Rᵀ − I|_F + ‖R‖²|K − K̂|_F` for K̂ symmetric; None where that is not below 1."""
    with ctx.workprec(PLACES):
        proposed = inverse_factor(K)
    if proposed is None:
        return None
    R, A = enclosed(proposed, PLACES), enclosed(K, WIDE)
    if A.mid != A.mid.transpose():  # half of the product is made
        return None
    defect = (_off(R, A) + R.reach ** 2 * A.radius).upper()
    return WholeFactor(Fixed(R.mid, R.bits, ZERO), defect, moved) if defect < 1 else None


def _off(R: Fixed, A: Fixed) -> arb:
    """At least `|RARᵀ − I|_F` of the middles, A symmetric, R lower triangular: `√2|F|_F‖R‖ + √Σ(R_iiY_ii − 1)²`.

    F is what `Y = RA`, made some rows at a time, has below its diagonal, where it is nearly 0.
    """
    N, left, own, low, ends = A.mid.nrows(), R.mid.tolist(), A.mid.tolist(), list[fmpz](), list[fmpz]()
    for at in range(0, N, band := -(-N // BANDS)):
        end = min(at + band, N)
        part = fmpz_mat([row[:end] for row in left[at:end]]) * fmpz_mat([row[:end] for row in own[:end]])
        for i, row in enumerate(part.tolist(), at):
            low += row[:i]
            ends.append(row[i] * left[i][i] - (1 << 2 * R.bits + A.bits))
    return arb(2).sqrt() * squares(low, R.bits + A.bits).sqrt() * R.reach + squares(ends, 2 * R.bits + A.bits).sqrt()


def towards_largest(A: fmpz_mat) -> fmpz_mat:
    """Columns near the eigenvectors of the largest eigenvalues; a proposal."""
    V = drawn(A.nrows(), VECTORS)
    for step in range(STEPS):
        V = A * fmpz_mat(A.nrows(), VECTORS, _first(V.entries(), SHORT)[0])
        V = V if step % SPAN < SPAN - 1 else straightened(V)
    return V


def _first(values: list[fmpz], width: int) -> tuple[list[fmpz], int]:
    """Integers without their last bits, so that the longest has so many left, and how many are cut off."""
    drop = max(0, longest(values) - width)
    return [x >> drop for x in values], drop
