"""Sums of many products at a last layer as whole numbers, with one radius for all (Q6; V40 to V42)."""

from __future__ import annotations

from functools import cached_property
from heapq import nlargest
from typing import cast

from flint import arb, arb_mat, fmpz, fmpz_mat

from certify.check.linalg.balls import ZERO
from certify.check.linalg.definite import Truth
from certify.check.linalg.deflated import SMALL, Largest
from certify.check.linalg.fixed import Fixed, cut, enclosed, scale
from certify.check.linalg.fixed import squares as squares_of
from certify.check.linalg.large.products import product
from certify.check.linalg.outer import facing
from certify.check.linalg.small.topmost import Topmost
from certify.check.theorems.head.layer import Blocks, Layer, pairs
from certify.check.theorems.head.norms import Rows, top_of_gram

WIDE = 60
"""Bits of the numbers."""

SLACKS = (40, 30, 20, 10)
"""Binary digits to which the largest eigenvalue is bounded from what is seen of it, one after the other."""


def longest_row(M: Fixed) -> arb:
    """The length of the longest row of the middle."""
    most = max((sum([x * x for x in row], fmpz(0)) for row in M.mid.tolist()), default=fmpz(0))
    return arb(most).sqrt() * scale(M.bits)


def squared(phi: arb_mat) -> Fixed:
    """The products of two entries of every row φ, on and below the diagonal of `φφᵀ`.

    With `|φ − φ̂| ≤ r` that is off by at most `(2|φ̂| + r)|φ − φ̂|`, of all rows together by `(2 max|φ̂| + r)r`.
    """
    known = enclosed(phi, WIDE)
    rows = [[int(x) for x in row] for row in known.mid.tolist()]
    values = [x * y >> WIDE for row in rows for j, x in enumerate(row, 1) for y in row[:j]]
    shape, bits = (len(rows), len(rows[0]) * (len(rows[0]) + 1) // 2), 2 * known.bits - WIDE
    radius = known.radius * (2 * longest_row(known) + known.radius) + cut(shape, bits)
    return Fixed(fmpz_mat(*shape, values), bits, radius.upper())


def blocks(layer: Layer, factor: arb) -> Blocks:
    """`factor·Σ M_i[a, b]φ_iφ_iᵀ` for b up to a, of the middles; and how far the matrix of all may be from them.

    A sum stands at up to four places, so that its error counts twice in Frobenius norm.
    """
    each, m = pairs(layer.k), layer.m
    curves = enclosed(arb_mat([[M[a][b] for a, b in each] for M in layer.curves]), WIDE)
    sums = product(curves.turned, squared(layer.phi), 2 * WIDE)
    found = (Fixed(sums.mid, sums.bits, ZERO).balls() * factor).tolist()
    place = {jc: at for at, jc in enumerate(pairs(m))}
    return {ab: [[own[place[max(j, c), min(j, c)]] for c in range(m)] for j in range(m)]
            for ab, own in zip(each, found, strict=True)}, (2 * sums.radius * factor).upper()


def forms(layer: Layer, phi: arb_mat) -> dict[tuple[int, int], list[arb]]:
    """`⟨e_a ⊗ φ, P(e_b ⊗ φ)⟩` of every row for b up to a."""
    folded = enclosed(arb_mat([[P[j, c] + P[c, j] if j > c else P[j, j] for j, c in pairs(layer.m)]
                               for P in (layer.parts[ab] for ab in pairs(layer.k))]), WIDE)
    found = product(squared(phi), folded.turned, 2 * WIDE).balls().transpose().tolist()
    return dict(zip(pairs(layer.k), found, strict=True))


class Whole:
    """The rows `y_i = R(g_i ⊗ φ_i)`: all of them off by no more than one radius together."""

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
            row[i] = fmpz(0)
            sizes = row if falling else [abs(x) for x in row]
            most = sum([x for x in nlargest(count, sizes) if x > 0], fmpz(0))
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
        return product(images, self._across, WIDE).balls().tolist()

    def _beside(self, m: int) -> Fixed:
        if self._blocks is None:
            rows = self._R.mid.tolist()
            blocks = fmpz_mat([row[at:at + m] for at in range(0, len(rows), m) for row in rows])
            self._blocks = Fixed(blocks.transpose(), self._R.bits, self._R.radius)
        return self._blocks
