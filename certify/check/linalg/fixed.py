"""Real matrices in fixed point: integers times one power of two, and one radius for all entries together.

What the large matrices of the critical map are kept in. An entry of less than 62 bits takes eight bytes, products of
integers are exact, and what is cut off afterwards is counted (proofs/certificate-format.md, section 12).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from flint import arb, arb_mat, ctx, fmpz, fmpz_mat

from certify.check.linalg.balls import ZERO

BAND = 1024
"""Rows of a product that are held at full length at a time."""

MARGIN, SOME = 3, 10**5
"""Bits by which entries of a product may exceed those looked at, which are so many, before they take more room."""

FAR = 1 << 60
"""Bits that no entry has: cut off together with any more, 0 or −1 is left."""

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
        error = arb(0, self.radius)
        return arb_mat(*self.shape, [x + error for x in (arb_mat(self.mid) * scale(self.bits)).entries()])

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
    return arb(sum([x * x for x in values], fmpz(0))) * scale(2 * bits)


def norm_of(M: Fixed) -> arb:
    """The Frobenius norm of the middle."""
    return squares(M.mid.entries(), M.bits).sqrt()


def whole(x: arb) -> fmpz:
    """An exact number that is an integer."""
    found = x.unique_fmpz()
    assert found is not None
    return found


def enclosed(M: arb_mat, width: int) -> Fixed:
    """Balls in fixed point, the largest entry with about `width` bits.

    The radius is the Frobenius norm of the balls' own radii and of what is cut off: with `width + 2` bits an entry is
    scaled, and added to a number so large that its last bit is a unit, both within one unit. Balls without a finite
    middle or radius give an infinite radius.
    """
    shape, loose = (M.nrows(), M.ncols()), frobenius(M - M.mid())
    if not loose.is_finite():
        return Fixed(fmpz_mat(*shape), 0, arb("inf"))
    top = _length(M)
    if top is None:
        return Fixed(fmpz_mat(*shape), 0, loose)
    bits, count, high = width - 1 - top, shape[0] * shape[1], fmpz(3) << width
    with ctx.workprec(width + 2):
        lifted = M.mid() * scale(-bits) + arb_mat(*shape, [arb(high)] * count)
        values = [whole(x) for x in lifted.mid().entries()]
    mid = fmpz_mat(*shape, values) - fmpz_mat(*shape, [high] * count)
    return Fixed(mid, bits, (loose + 2 * cut(shape, bits)).upper())


def _length(M: arb_mat) -> int | None:
    """The largest `⌊log₂|x|⌋ + 1` of the middles x that are not 0; None if all are."""
    entries = M.mid().entries()
    most = max(map(abs, map(float, entries)), default=0.0)
    if 0 < most < math.inf:
        return math.frexp(most)[1]
    return max((m.bit_length() + int(e) for m, e in (x.man_exp() for x in entries) if m != 0), default=None)


def frobenius(M: arb_mat) -> arb:
    """Upper bound of the Frobenius norm: the root of the squares of the row sums of absolute values.

    An entry x times the ball ±1 is a ball around 0 that contains `±|x|`, and these add up without cancelling.
    """
    sums = (M * arb(0, 1)) * arb_mat(M.ncols(), 1, [arb(1)] * M.ncols())
    return sum((x.abs_upper() ** 2 for x in sums.entries()), ZERO).sqrt().upper()


def bands(A: fmpz_mat, B: fmpz_mat) -> Iterator[Integers]:
    """The entries of `AB`, exact, some rows at a time."""
    m, q = A.nrows(), A.ncols()
    if m <= BAND:
        yield (A * B).entries()
        return
    flat = A.entries()
    for start in range(0, m, BAND):
        rows = min(BAND, m - start)
        yield (fmpz_mat(rows, q, flat[start * q:(start + rows) * q]) * B).entries()


def _longest(values: Integers) -> int:
    """About the length of the largest entry: of some of them, all over."""
    return max((x.bit_length() for x in values[::1 + len(values) // SOME]), default=0)


def product(A: Fixed, B: Fixed, width: int) -> Fixed:
    """`AB` for all members, cut to about `width` bits.

    `|AB − ÂB̂|_F ≤ r_A|B̂|_F + |Â|_F r_B + r_A r_B`, and what is cut off.
    """
    shape, bits, drop = (A.shape[0], B.shape[1]), A.bits + B.bits, None
    radius = A.radius * B.size + A.size * B.radius + A.radius * B.radius
    values: Integers = []
    for band in bands(A.mid, B.mid):
        if drop is None:
            drop = max(0, _longest(band) + MARGIN - width)
        values += [x >> drop for x in band] if drop else band
    bits -= drop or 0
    radius = radius + (cut(shape, bits) if drop else ZERO)
    return Fixed(fmpz_mat(*shape, values), bits, radius.upper())


def common(parts: Sequence[Fixed]) -> list[Fixed]:
    """Matrices with the shortest of their fractions; one that is 0 has none to speak of."""
    bits = min((part.bits for part in parts if not part.mid.is_zero()), default=0)
    return [part.at(bits) for part in parts]


def total(parts: Sequence[Fixed]) -> Fixed:
    """The sum, with the shortest of the fractions."""
    first, *others = common(parts)
    bits = first.bits
    mid, radius = first.mid, first.radius
    for other in others:
        mid, radius = mid + other.mid, radius + other.radius
    return Fixed(mid, bits, radius.upper())


def facing(A: Fixed, B: Fixed, width: int) -> Fixed:
    """Row by row the products of every entry of A with every entry of B: column `s·(columns of B) + u`.

    Row i errs by at most `r_A,i|b_i| + |a_i|r_B,i + r_A,i r_B,i`, whose squares add up to at most those of the norms.
    """
    shape = (A.shape[0], A.shape[1] * B.shape[1])
    radius = A.radius * B.size + A.size * B.radius + A.radius * B.radius
    rows = list(zip(A.mid.tolist(), B.mid.tolist(), strict=True))
    drop = max(0, _longest(A.mid.entries()) + _longest(B.mid.entries()) - width)
    values = [(x * y) >> drop for u, v in rows for x in u for y in v]
    bits = A.bits + B.bits - drop
    return Fixed(fmpz_mat(*shape, values), bits, (radius + (cut(shape, bits) if drop else ZERO)).upper())
