"""What a few vectors say about the largest eigenvalue of a symmetric matrix (W3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from flint import arb, arb_mat, ctx, fmpz, fmpz_mat

from certify.check.linalg.balls import ZERO
from certify.check.linalg.definite import Truth, definiteness, inverse_factor
from certify.check.linalg.fixed import enclosed, longest, scale

FRACTION, PLACES = 40, 80
"""Bits of the vectors, and of numbers on the way to them."""

EXACT = 400
"""Bits of the arithmetic with the few exact numbers that decide."""


@dataclass(frozen=True)
class Few:
    """Products of a symmetric Ĝ with exact vectors V, and what is left of it without them.

    Attributes:
        units: `VᵀV`.
        forms: `B = VᵀĜV`.
        away: `NᵀN` for `N = ĜV − VB`.
        left: at least `zᵀĜz / |z|²` where `Vᵀz = 0`, as is `|Ĝ − VBVᵀ|_F`.
    """

    units: arb_mat
    forms: arb_mat
    away: arb_mat
    left: arb

    def below(self, most: arb, radius: arb) -> Truth:
        """Whether `most·I − G ≻ 0` for every symmetric G within the radius of Ĝ, of more rows than there are vectors.

        With `S = most·VᵀV − B` and `τ = left`: every x is `Vy + z`, `Vᵀz = 0`, and `xᵀ(most·I − Ĝ)x ≥ yᵀSy −
        2⟨z, Ny⟩ + (most − τ)|z|²`, positive if `S ≻ 0` and `tr(NS⁻¹Nᵀ) < most − τ`. With R for S the trace is at most
        `tr(RNᵀNRᵀ)/(1 − ε)`. The radius is taken from `most` first. A negative value of S is one of the whole.
        """
        with ctx.workprec(EXACT):
            least = arb((most - radius).lower())
            S = self.units * least - self.forms
            found = definiteness(S)
            if found.R is not None and (found.R * self.away * found.R.transpose()).trace() < (
                    1 - found.defect) * (least - self.left):
                return Truth.PROVED
            above = self.units * arb((most + radius).upper()) - self.forms
            return Truth.DISPROVED if definiteness(above).truth is Truth.DISPROVED else Truth.UNDECIDED


def seen(V: fmpz_mat, image: fmpz_mat, bits: int, left: Callable[[arb_mat, arb_mat], arb]) -> Few:
    """What V of `FRACTION` bits and `ĜV`, integers times `2^−bits` of V's unit, say; and left, of units and forms."""
    with ctx.workprec(EXACT):
        units = arb_mat(V.transpose() * V) * scale(2 * FRACTION)
        forms = arb_mat(V.transpose() * image) * scale(2 * FRACTION + bits)
        images = arb_mat(image.transpose() * image) * scale(2 * FRACTION + 2 * bits)
        return Few(units, forms, images - forms * forms * 2 + forms * units * forms, left(units, forms))


def rest(square: arb, units: arb_mat, forms: arb_mat) -> arb:
    """`|A − VBVᵀ|_F` of a symmetric A, `square` that of its norm, and `B = VᵀAV`."""
    turned = forms * units * forms
    left = square - (forms * forms).trace() * 2 + (turned * units).trace()
    return left.max(ZERO).sqrt().upper()


def drawn(rows: int, vectors: int) -> fmpz_mat:
    """Columns to begin with; a proposal."""
    start = Random(0)
    return fmpz_mat(rows, vectors, [fmpz(start.getrandbits(FRACTION)) - (1 << FRACTION - 1)
                                    for _ in range(rows * vectors)])


def straightened(W: fmpz_mat) -> fmpz_mat:
    """Nearly orthonormal columns with nearly the same span, with `FRACTION` bits; a proposal."""
    values = W.entries()
    drop = max(0, longest(values) - PLACES)
    W = fmpz_mat(W.nrows(), W.ncols(), [x >> drop for x in values])
    m, gram = W.ncols(), arb_mat(W.transpose() * W)
    with ctx.workprec(EXACT):
        floor = gram.trace() * scale(PLACES) + 1  # columns may be dependent
        R = inverse_factor(gram + arb_mat(m, m, [floor if i % (m + 1) == 0 else ZERO for i in range(m * m)]))
        assert R is not None  # a Gram matrix, and more
        turn = enclosed(R.transpose(), PLACES)
    short = turn.bits - FRACTION
    V = (W * turn.mid).entries()
    return fmpz_mat(W.nrows(), m, [x >> short if short >= 0 else x << -short for x in V])
