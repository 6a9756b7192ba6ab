"""Is the largest eigenvalue of a symmetric matrix below a number? Decided from a few vectors, without a factorisation.

Where the matrix is small, or its eigenvalues do not fall off, a factorisation in balls decides.
"""

from __future__ import annotations

from functools import cached_property

from flint import arb, arb_mat

from certify.check.linalg.definite import Truth, definiteness
from certify.check.linalg.fixed import Fixed, scale, squares
from certify.check.linalg.large.few_vectors import Few, drawn, rest, seen, straightened

SMALL, LARGE = 96, 2000
"""Up to so many rows a factorisation alone decides; beyond so many none is tried."""

VECTORS, STEPS = 48, 8


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
        """Whether `most·I − G ≻ 0` for every member G."""
        N = self.plain.shape[0]
        if not self.plain.radius.is_finite() or not most.is_finite():
            return Truth.UNDECIDED
        found = self.by_vectors(most) if N > SMALL else Truth.UNDECIDED
        return found if found is not Truth.UNDECIDED or N > LARGE else self._factored(most)

    def by_vectors(self, most: arb) -> Truth:
        """The same by the vectors alone, of more rows than there are vectors."""
        if not self.plain.radius.is_finite() or not most.is_finite():
            return Truth.UNDECIDED
        return self.few.below(most, self.plain.radius)

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
        G = self.symmetric
        V = drawn(G.shape[0], VECTORS)
        for _ in range(STEPS):
            V = straightened(G.mid * V)
        return seen(V, G.mid * V, G.bits, lambda *products: rest(squares(G.mid.entries(), G.bits), *products))
