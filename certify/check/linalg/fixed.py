"""Real matrices in fixed point: integers times one power of two, and one radius for all entries together.

What the large matrices of the critical map are kept in. An entry of less than 62 bits takes eight bytes, products of
integers are exact, and what is cut off afterwards is counted (proofs/certificate-format.md, section 12).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import cast

from flint import arb, arb_mat, ctx, fmpz, fmpz_mat

from certify.check.linalg.balls import ONE, ZERO, largest
from certify.check.linalg.definite import frobenius as frobenius

BAND = 1024
"""Rows of a product that are held at full length at a time, or up to twice as many where these are all."""

FEW, BELOW, BEYOND = 1000, 1 - 2.0**-10, (0, 1, 2, 3, 4, 6, 8, 12, 16)
"""Entries of balls that are looked at first, how far below a power of two the others must lie, and which are tried."""

NARROW, TALL, FAR = 8, 16, 1 << 60
"""Rows or columns below which the Frobenius norm is soon made, and times which the others do for the operator norm;
bits that no entry has: cut off together with any more, 0 or −1 is left."""

Integers = list[fmpz]


@dataclass(frozen=True)
class Fixed:
    """All real matrices M with `|M − mid·2^−bits|_F ≤ radius`.

    Attributes:
        mid: integers.
        bits: of the fraction.
        radius: exact; infinite where nothing is known.
    """

    mid: fmpz_mat
    bits: int
    radius: arb

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return int(self.mid.nrows()), int(self.mid.ncols())

    @cached_property
    def size(self) -> arb:
        """Upper bound of the Frobenius norm of the middle."""
        return norm_of(self).upper()

    @cached_property
    def reach(self) -> arb:
        """Upper bound of the operator norm of the middle: `size` where that is soon made."""
        flat = min(self.shape) < NARROW or max(self.shape) > TALL * min(self.shape)
        return self.size if flat else (reach_of(banded(self.mid)) * scale(self.bits)).upper()

    @property
    def vanishes(self) -> bool:
        """Whether it is the zero matrix, exactly."""
        return bool(self.radius == 0) and bool(self.mid.is_zero())

    @property
    def turned(self) -> Fixed:
        """The transposes."""
        return Fixed(self.mid.transpose(), self.bits, self.radius)

    def balls(self) -> arb_mat:
        """Balls of the common radius around every entry."""
        return arb_mat(self.mid) * scale(self.bits) + filled(self.shape, arb(0, self.radius))

    def at(self, bits: int) -> Fixed:
        """The same with another fraction: exact if it is longer, else with what is cut off in the radius."""
        if self.mid.is_zero():
            return Fixed(self.mid, bits, self.radius)
        if bits >= self.bits:
            return Fixed(self.mid * (fmpz(1) << (bits - self.bits)), bits, self.radius)
        drop = min(self.bits - bits, FAR)
        mid = fmpz_mat(*self.shape, [x >> drop for x in self.mid.entries()])
        return Fixed(mid, bits, (self.radius + cut(self.shape, bits)).upper())


def scale(bits: int) -> arb:
    """`2^−bits`."""
    return arb(2) ** -bits


def cut(shape: tuple[int, int], bits: int) -> arb:
    """Frobenius norm of what is cut off where every entry loses less than `2^−bits`."""
    return (arb(shape[0] * shape[1]).sqrt() * scale(bits)).upper()


def squares(values: Sequence[fmpz], bits: int) -> arb:
    """The sum of the squares of integers times `2^−bits`."""
    return arb(((row := fmpz_mat(1, len(values), values)) * row.transpose())[0, 0]) * scale(2 * bits)


def norm_of(M: Fixed) -> arb:
    """The Frobenius norm of the middle."""
    return squares(M.mid.entries(), M.bits).sqrt()


def reach_of(parts: Iterable[fmpz_mat]) -> arb:
    """Upper bound of the operator norm of integers, some rows after the others.

    `‖M‖² ≤ (largest sum of a row)·(largest sum of a column)`, sums of absolute values: an entry x times the ball ±1 is
    a ball around 0 that contains `±|x|`, and these add up without cancelling.
    """
    rows, columns = ZERO, ZERO
    across: arb_mat | None = None
    for part in parts:
        sizes = arb_mat(part) * arb(0, 1)
        rows = largest([rows, *(x.abs_upper() for x in (sizes * filled((part.ncols(), 1), ONE)).entries())])
        more = filled((1, part.nrows()), ONE) * sizes
        across = more if across is None else across + more
    if across is not None:
        columns = largest([x.abs_upper() for x in across.entries()])
    return (rows * columns).sqrt().upper()


def filled(shape: tuple[int, int], x: arb) -> arb_mat:
    """A number everywhere."""
    return arb_mat(shape[0], 1, [ONE] * shape[0]) * arb_mat(1, shape[1], [x] * shape[1])


def enclosed(M: arb_mat, width: int) -> Fixed:
    """Balls in fixed point, the largest entry with about `width` bits.

    The radius is the Frobenius norm of the balls' own radii and of what is cut off: with `width + 2` bits an entry is
    scaled, and added to a number so large that its last bit is a unit, both within one unit. Balls without a finite
    middle or radius give an infinite radius.
    """
    shape, middle = (M.nrows(), M.ncols()), M.mid()
    loose = frobenius(M - middle)
    if not loose.is_finite():
        return Fixed(fmpz_mat(*shape), 0, arb("inf"))
    top = _length(middle)
    if top is None:
        return Fixed(fmpz_mat(*shape), 0, loose)
    bits = width - 1 - top
    with ctx.workprec(width + 2):
        high = filled(shape, arb(fmpz(3) << width))
        lifted = (middle * scale(-bits) + high).mid()
    with ctx.workprec(width + 4):  # where the difference is exact
        values = cast("Integers", [x.unique_fmpz() for x in (lifted - high).entries()])  # None would be no integer
    return Fixed(fmpz_mat(*shape, values), bits, (loose + 2 * cut(shape, bits)).upper())


def _length(M: arb_mat) -> int | None:
    """The largest `⌊log₂|x|⌋ + 1` of exact numbers x that are not 0, or a few more; None if all are.

    Some of them say what it may be, and whether all lie below is then seen at once.
    """
    (m, n), step = (M.nrows(), M.ncols()), 1 + M.nrows() * M.ncols() // FEW
    most = max((abs(float(M[at // n, at % n])) for at in range(0, m * n, step)), default=0.0)
    if 0 < most < math.inf:
        for top in (math.frexp(most)[1] + more for more in BEYOND):
            if filled((m, n), arb(0, arb(2) ** top * BELOW)).contains(M):
                return top
    return max((x.bit_length() + int(e) for x, e in (y.man_exp() for y in M.entries()) if x != 0), default=None)


def banded(A: fmpz_mat) -> Iterator[fmpz_mat]:
    """The matrix, some rows at a time."""
    m, q = A.nrows(), A.ncols()
    if m <= 2 * BAND:
        yield A
        return
    flat = A.entries()
    for start in range(0, m, BAND):
        rows = min(BAND, m - start)
        yield fmpz_mat(rows, q, flat[start * q:(start + rows) * q])


def longest(values: Integers) -> int:
    """The length of the largest entry, of which the largest or the smallest number is one."""
    return max(max(values).bit_length(), min(values).bit_length()) if values else 0
