"""Products of matrices of whole numbers that stand for real ones up to a radius, for which no entry is looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from flint import arb, arb_mat, fmpz, fmpz_mat

from certify.check.linalg.balls import ZERO
from certify.check.linalg.fixed import cut, enclosed, longest, scale
from certify.check.linalg.large.products import whole
from certify.check.linalg.small.spectral import spectral

WIDTH = 26
"""Bits of a factor: products of two, and sums of some hundred of these, are small numbers."""

MARGIN, SOME = 3, 199
"""Bits by which entries may exceed those looked at before they take more room, and how many are passed over."""


@dataclass(frozen=True)
class Image:
    """All real matrices M with `|M − mid·2^−bits|_F ≤ radius`.

    Attributes:
        mid: integers.
        bits: of the fraction.
        reach, size: upper bounds of the operator norm and of the Frobenius norm of the middle.
        radius: exact.
    """

    mid: fmpz_mat
    bits: int
    reach: arb
    size: arb
    radius: arb

    @cached_property
    def turned(self) -> Image:
        """The transposes."""
        return replace(self, mid=self.mid.transpose())

    def __mul__(self, other: Image) -> Image:
        """All products: `|MN − M̂N̂|_F ≤ ‖M̂‖r_N + r_M(|N̂|_F + r_N)`."""
        radius = self.reach * other.radius + self.radius * (other.size + other.radius)
        return Image(self.mid * other.mid, self.bits + other.bits, (self.reach * other.reach).upper(),
                     (self.reach * other.size).upper(), radius.upper())

    def __add__(self, other: Image) -> Image:
        """All sums."""
        bits = max(self.bits, other.bits)
        mid = self.mid * (fmpz(1) << (bits - self.bits)) + other.mid * (fmpz(1) << (bits - other.bits))
        return Image(mid, bits, (self.reach + other.reach).upper(), (self.size + other.size).upper(),
                     (self.radius + other.radius).upper())

    def short(self) -> Image:
        """The same with entries of about `WIDTH` bits: what is cut off counts."""
        values = self.mid.entries()
        drop = max(0, longest(values[::SOME]) + MARGIN - WIDTH)
        if not drop:
            return self
        shape, bits = (self.mid.nrows(), self.mid.ncols()), self.bits - drop
        lost = cut(shape, bits)
        return Image(fmpz_mat(*shape, [x >> drop for x in values]), bits, (self.reach + lost).upper(),
                     (self.size + lost).upper(), (self.radius + lost).upper())


@dataclass(frozen=True)
class Diagonal:
    """Exact numbers, as a diagonal matrix: integers times `2^−bits`.

    Attributes:
        values: the integers.
        bits: of the fraction.
        most: upper bound of their size.
    """

    values: list[fmpz]
    bits: int
    most: arb

    def __mul__(self, M: Image) -> Image:
        """The rows of every member times these numbers."""
        D = fmpz_mat(len(self.values), len(self.values))
        for at, value in enumerate(self.values):
            D[at, at] = value
        return Image(D * M.mid, self.bits + M.bits, (self.most * M.reach).upper(), (self.most * M.size).upper(),
                     (self.most * M.radius).upper())


def image(M: arb_mat) -> Image | None:
    """Balls in fixed point; None where they are not finite."""
    found = enclosed(M, WIDTH)
    if not found.radius.is_finite():
        return None
    return Image(found.mid, found.bits, (spectral(M) + found.radius).upper(), found.size, found.radius)


def raised(values: Sequence[arb]) -> Diagonal | None:
    """Numbers that are not negative, each rounded up; None where one is negative or not finite.

    >>> found = raised([arb(3), arb(1) / 3])
    >>> found.values[0] * scale(found.bits) == 3, found.values[1] * scale(found.bits) > arb(1) / 3
    (True, True)
    >>> raised([arb(-1)]) is raised([arb("inf")]) is raised([arb("nan"), arb(1)]) is None
    True
    """
    if not all(x >= 0 and x.is_finite() for x in values):
        return None
    tops = [x.upper() for x in values]
    most = max(tops, default=ZERO)
    if most == 0:
        return Diagonal([fmpz(0)] * len(tops), 0, ZERO)
    man, exp = most.man_exp()
    bits = WIDTH - int(exp) - int(man).bit_length()
    unit = scale(-bits)
    return Diagonal([whole((x * unit).upper().ceil()) for x in tops], bits, (most + scale(bits)).upper())
