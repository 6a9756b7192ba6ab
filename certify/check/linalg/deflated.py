"""Is the largest eigenvalue of a symmetric matrix below a number? Decided from a few vectors, without a factorisation.

Where the matrix is small, or its eigenvalues do not fall off, a factorisation in balls decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from random import Random

from flint import arb, arb_mat, ctx, fmpz, fmpz_mat

from certify.check.linalg.balls import ZERO
from certify.check.linalg.definite import Truth, definiteness, inverse_factor
from certify.check.linalg.fixed import Fixed, enclosed, longest, scale, squares

SMALL, LARGE = 96, 2000
"""Up to so many rows a factorisation alone decides; beyond so many none is tried."""

VECTORS, STEPS = 48, 8

FRACTION, PLACES = 40, 80
"""Bits of the vectors, and of numbers on the way to them."""

EXACT = 400
"""Bits of the arithmetic with the few exact numbers that decide."""


@dataclass(frozen=True)
class Few:
    """Products of the middle Ĝ with exact vectors V, and what is left of it without them.

    Attributes:
        units: `VᵀV`.
        forms: `B = VᵀĜV`.
        away: `NᵀN` for `N = ĜV − VB`.
        left: at least `|Ĝ − VBVᵀ|_F`.
    """

    units: arb_mat
    forms: arb_mat
    away: arb_mat
    left: arb


class Largest:
    """Bounds of the largest eigenvalue of the symmetric matrices in an enclosure.

    Args:
        G: the enclosure; its middle need not be symmetric.
    """

    def __init__(self, G: Fixed) -> None:
        self.plain = G

    @cached_property
    def symmetric(self) -> Fixed:
        """The symmetric part of the middle: no farther from a symmetric matrix."""
        G = self.plain
        return G if G.mid == G.mid.transpose() else Fixed(G.mid + G.mid.transpose(), G.bits + 1, G.radius)

    def below(self, most: arb) -> Truth:
        """Whether `most·I − G ≻ 0` for every member G.

        With `S = most·VᵀV − B` and `τ ≥ |Ĝ − VBVᵀ|_F`: every x is `Vy + z`, `Vᵀz = 0`, and `xᵀ(most·I − Ĝ)x ≥ yᵀSy −
        2⟨z, Ny⟩ + (most − τ)|z|²`, positive if `S ≻ 0` and `tr(NS⁻¹Nᵀ) < most − τ`. With R for S the trace is at most
        `tr(RNᵀNRᵀ)/(1 − ε)`. The radius of G is taken from `most` first. A negative value of S is one of the whole.
        """
        N = self.plain.shape[0]
        if not self.plain.radius.is_finite() or not most.is_finite():
            return Truth.UNDECIDED
        found = self.by_vectors(most) if N > SMALL else Truth.UNDECIDED
        return found if found is not Truth.UNDECIDED or N > LARGE else self._factored(most)

    def by_vectors(self, most: arb) -> Truth:
        """The same by the vectors alone, of more rows than there are vectors."""
        if not self.plain.radius.is_finite() or not most.is_finite():
            return Truth.UNDECIDED
        few = self.few
        with ctx.workprec(EXACT):
            least = arb((most - self.plain.radius).lower())
            S = few.units * least - few.forms
            found = definiteness(S)
            if found.R is not None and (found.R * few.away * found.R.transpose()).trace() < (
                    1 - found.defect) * (least - few.left):
                return Truth.PROVED
            above = few.units * arb((most + self.plain.radius).upper()) - few.forms
            return Truth.DISPROVED if definiteness(above).truth is Truth.DISPROVED else Truth.UNDECIDED

    def _factored(self, most: arb) -> Truth:
        """The same by a factorisation of `(most − radius)I − Ĝ`; a vector must still do with `most + radius`."""
        G, r = self.symmetric, self.plain.radius
        N, flat = G.shape[0], (arb_mat(G.mid) * -scale(G.bits)).entries()
        for j in range(N):
            flat[j * N + j] += arb((most - r).lower())
        found = definiteness(arb_mat(N, N, flat), sharp=False)
        if found.truth is Truth.DISPROVED and found.v is not None:
            v, A = found.v, arb_mat(N, N, flat)
            return Truth.DISPROVED if (v * A * v.transpose() + v * v.transpose() * (2 * r))[0, 0] < 0 else (
                Truth.UNDECIDED)
        return found.truth

    @cached_property
    def few(self) -> Few:
        """For vectors from a few steps of subspace iteration, which is only a proposal."""
        G, start = self.symmetric, Random(0)
        N = G.shape[0]
        V = fmpz_mat(N, VECTORS, [fmpz(start.getrandbits(FRACTION)) - (1 << FRACTION - 1) for _ in range(N * VECTORS)])
        for _ in range(STEPS):
            V = straightened(G.mid * V)
        image = G.mid * V
        with ctx.workprec(EXACT):
            units = arb_mat(V.transpose() * V) * scale(2 * FRACTION)
            forms = arb_mat(V.transpose() * image) * scale(2 * FRACTION + G.bits)
            images = arb_mat(image.transpose() * image) * scale(2 * FRACTION + 2 * G.bits)
            turned = forms * units * forms
            away = images - forms * forms * 2 + turned
            rest = squares(G.mid.entries(), G.bits) - (forms * forms).trace() * 2 + (turned * units).trace()
            return Few(units, forms, away, rest.max(ZERO).sqrt().upper())


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
