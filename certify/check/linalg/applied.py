"""The largest eigenvalue of a symmetric matrix that is never formed: W3 with what it does to vectors alone."""

from __future__ import annotations

from functools import cached_property

from flint import arb, fmpz, fmpz_mat

from certify.check.linalg.definite import Truth
from certify.check.linalg.deflated import Largest
from certify.check.linalg.fixed import Fixed
from certify.check.linalg.large.few_vectors import FRACTION, Few, drawn, seen, straightened
from certify.check.linalg.probes import SHARE, Apply, Image, bound_of

VECTORS, STEPS = 24, 12
"""Fewer vectors than of a matrix that is there: the rest need not be small, as its operator norm is bounded."""

PART = arb(0.75)
"""A bound of what is left that is such a part of the number in question is near enough."""

POWER, MORE = 8, 24
"""Steps of the bound of what is left: it is at most some 1.6 times too large, and 1.2 times where that leaves open."""


class Applied(Largest):
    """Bounds of the largest eigenvalue of the symmetric matrices near one that is known by its products with vectors.

    Args:
        what: its name.
        rows: of it, more than there are vectors.
        exactly: integers times it, without an error; it is symmetric.
        apply: integers times it.
        radius: at least the Frobenius norm of the difference.
        near: columns that are proposed for V; None: they are looked for.
        vectors, steps: of that search.
        share: of the bound of what is left, as in `bound_of`.
    """

    def __init__(
        self, what: str, rows: int, exactly: Apply, apply: Apply, radius: arb, near: Fixed | None = None,
        vectors: int = VECTORS, steps: int = STEPS, share: int = SHARE,
    ) -> None:
        super().__init__(Fixed(fmpz_mat(1, 1, [1]), 0, radius))  # not 0, whatever it is
        self._what, self._rows, self._exactly, self._apply, self._near = what, rows, exactly, apply, near
        self._search, self._share, self._steps, self._enough = (vectors, steps), share, POWER, arb(0)

    def below(self, most: arb) -> Truth:
        """By the vectors alone."""
        return self.by_vectors(most)

    def by_vectors(self, most: arb) -> Truth:
        """As of a matrix that is there; what is left is bounded more sharply, once, where it may be what leaves open.

        That is where it is not below `most`, and where its steps ended early: a larger number was asked, or `PART` of
        this one leaves too little to the vectors.
        """
        if "few" not in vars(self):
            self._enough = most * PART
        found = super().by_vectors(most)
        told = self.plain.radius.is_finite() and most.is_finite()
        if found is not Truth.UNDECIDED or not told or self._steps == MORE:
            return found
        before = self.few
        if not before.left.is_finite() or (before.left < most and not before.left < self._enough):
            return found
        self._steps, self._enough = MORE, arb(0)
        del self.few
        if not self.few.left.is_finite():  # no bound more may rest on chance
            self.few = before
        return super().by_vectors(most)

    @cached_property
    def few(self) -> Few:
        """As for a matrix that is there; what is left of it is bounded by probes, drawn when V is fixed."""
        V, image, B, bits = self._projected

        def left(y: fmpz_mat) -> Image:
            """`(Ĝ − VBVᵀ)y`."""
            moved, more, error = self._apply(y)
            one, own = fmpz(1) << max(0, bits - more) + 4 * FRACTION, fmpz(1) << max(0, more - bits)
            return moved * one - V * (B * (V.transpose() * y)) * own, max(bits, more) + 4 * FRACTION, error

        rest = bound_of(f"what is left of {self._what}", self._rows, left, self._steps, self._share,
                        self._enough)
        return seen(V, image, bits, lambda *_: rest)

    @cached_property
    def _projected(self) -> tuple[fmpz_mat, fmpz_mat, fmpz_mat, int]:
        """V, `ĜV` and `VᵀĜV`, and the bits of these two."""
        V = self._found() if self._near is None else self._near.at(FRACTION).mid
        image, bits, _ = self._exactly(V)
        return V, image, V.transpose() * image, bits

    def _found(self) -> fmpz_mat:
        """Columns from a few steps of subspace iteration."""
        count, steps = self._search
        V = drawn(self._rows, count)
        for _ in range(steps):
            V = straightened(self._apply(V)[0])
        return V
