"""What rows pull at the last layer: `y_i = R(g_i ⊗ φ_i)` of every row that may leave or count less (Q6c).

First as whole numbers with one radius for all, which takes a tenth of the time; where that proves nothing, in balls.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from heapq import nlargest
from typing import cast

from flint import arb, arb_mat, ctx, fmpz_mat

from certify.check.linalg.balls import ZERO, norm
from certify.check.linalg.definite import Truth
from certify.check.linalg.deflated import SMALL, Largest
from certify.check.linalg.fixed import Fixed, enclosed, product, scale
from certify.check.linalg.fixed import squares as squares_of
from certify.check.linalg.outer import facing
from certify.check.linalg.small.topmost import Topmost
from certify.check.theorems.head.norms import Rows, longest_row, top_of_gram, total_of

WIDE = 60
"""Bits of whole numbers."""

SLACKS = (40, 30, 20, 10)
"""Binary digits to which the largest eigenvalue is bounded from what is seen of it, one after the other."""


class Pulls(ABC):
    """The rows `y_i`.

    Args:
        g, phi: slopes and inputs of the rows.
        R: exact.
    """

    @abstractmethod
    def __init__(self, g: arb_mat, phi: arb_mat, R: arb_mat) -> None: ...

    @property
    @abstractmethod
    def sizes(self) -> list[arb]:
        """At least their lengths."""

    @abstractmethod
    def beside(self, falling: bool, count: int) -> list[arb]:
        """For every row at least the sum of the `count` largest sizes of its products with others.

        Args:
            falling: whether products below 0 count as 0.
            count: of others.
        """

    @abstractmethod
    def top(self) -> arb:
        """An upper bound of the largest eigenvalue of `Σ y_iy_iᵀ`."""

    @abstractmethod
    def along(self, phi: list[arb]) -> Rows:
        """`⟨R(e_a ⊗ φ), y_i⟩` of every a, all i."""


class InBalls(Pulls):
    """Each number with a radius of its own."""

    def __init__(self, g: arb_mat, phi: arb_mat, R: arb_mat) -> None:
        self._R, self._Y = R, arb_mat([[x * y for x in u for y in v] for u, v in zip(
            g.tolist(), phi.tolist(), strict=True)]) * R.transpose()

    @cached_property
    def sizes(self) -> list[arb]:
        """By every row's entries."""
        return [norm(row) for row in self._Y.tolist()]

    def beside(self, falling: bool, count: int) -> list[arb]:
        """With half of the bits, as they are only added up."""
        with ctx.workprec(ctx.prec // 2):
            return [total_of([x.max(ZERO) if falling else abs(x) for j, x in enumerate(row) if j != i], count)
                    for i, row in enumerate((self._Y * self._Y.transpose()).tolist())]

    def top(self) -> arb:
        """By the trace of a high power."""
        return top_of_gram(self._Y.transpose() * self._Y)

    @cached_property
    def _across(self) -> arb_mat:
        return self._Y.transpose()

    def along(self, phi: list[arb]) -> Rows:
        """By the columns of R that belong to each a."""
        m, q, rows = len(phi), self._R.nrows(), self._R.tolist()
        column = arb_mat(m, 1, phi)
        images = [(arb_mat([row[at:at + m] for row in rows]) * column).entries() for at in range(0, q, m)]
        return cast("Rows", (arb_mat(images) * self._across).tolist())


class Whole(Pulls):
    """Whole numbers, all of them off by no more than one radius together."""

    def __init__(self, g: arb_mat, phi: arb_mat, R: arb_mat) -> None:
        self._R, self._blocks = enclosed(R, WIDE), cast("Fixed | None", None)
        self._Y = product(facing(enclosed(g, WIDE), enclosed(phi, WIDE), WIDE), self._R.turned, WIDE)

    @cached_property
    def sizes(self) -> list[arb]:
        """A row is off by no more than all are."""
        Y = self._Y
        return [(squares_of(row, Y.bits).sqrt() + Y.radius).upper() for row in Y.mid.tolist()]

    def beside(self, falling: bool, count: int) -> list[arb]:
        """Two rows within r of ŷ_i and ŷ_j have a product within `(2 max|ŷ| + r)r` of that of these."""
        Y, found = self._Y, []
        off = (Y.radius * (2 * longest_row(Y) + Y.radius)).upper()
        for i, row in enumerate((Y.mid * Y.mid.transpose()).tolist()):
            row[i] = 0
            most = sum((max(x, 0) for x in nlargest(count, row if falling else map(abs, row))), 0)
            found.append((arb(most) * scale(2 * Y.bits) + count * off).upper())
        return found

    def top(self) -> arb:
        """From a few vectors (W3), near the value that these see; else by the trace of a high power."""
        Y = self._Y
        G = Fixed(Y.mid.transpose() * Y.mid, 2 * Y.bits, (Y.radius * (2 * Y.size + Y.radius)).upper())
        if G.shape[0] > SMALL:
            known = Largest(G)
            for digits in SLACKS:
                most = (Topmost(known.few.forms).theta * (1 + arb(2) ** -digits)).upper()
                if most > 0 and known.by_vectors(most) is Truth.PROVED:
                    return most
        return top_of_gram(G.balls())

    @cached_property
    def _across(self) -> Fixed:
        return self._Y.turned

    def along(self, phi: list[arb]) -> Rows:
        """By the columns of R that belong to each a, one block beside the other."""
        m, q = len(phi), self._R.shape[0]
        image = product(enclosed(arb_mat(1, m, phi), WIDE), self._beside(m), WIDE)
        images = Fixed(fmpz_mat(q // m, q, image.mid.entries()), image.bits, image.radius)
        return cast("Rows", product(images, self._across, WIDE).balls().tolist())

    def _beside(self, m: int) -> Fixed:
        if self._blocks is None:
            rows = self._R.mid.tolist()
            blocks = fmpz_mat([row[at:at + m] for at in range(0, len(rows), m) for row in rows])
            self._blocks = Fixed(blocks.transpose(), self._R.bits, self._R.radius)
        return self._blocks
