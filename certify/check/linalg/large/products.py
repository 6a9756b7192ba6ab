"""Products and sums of matrices in fixed point: exact but for what is cut off, which is counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flint import arb, fmpz, fmpz_mat

from certify.check.linalg.balls import ZERO
from certify.check.linalg.fixed import Fixed, Integers, banded, cut, longest

MARGIN, SOME = 3, 10**5
"""Bits by which entries of a product may exceed those looked at, which are so many, before they take more room."""





def whole(x: arb) -> fmpz:
    """An exact number that is an integer."""
    found = x.unique_fmpz()
    assert found is not None
    return found


def bands(A: fmpz_mat, B: fmpz_mat) -> Iterator[Integers]:
    """The entries of `AB`, exact, some rows at a time."""
    for rows in banded(A):
        yield (rows * B).entries()


def product(A: Fixed, B: Fixed, width: int) -> Fixed:
    """`AB` for all members, cut to about `width` bits.

    `|AB − ÂB̂|_F ≤ r_A‖B̂‖ + ‖Â‖r_B + r_A r_B`, and what is cut off.
    """
    shape, bits, drop = (A.shape[0], B.shape[1]), A.bits + B.bits, None
    radius = _off(A, B)
    values: Integers = []
    for band in bands(A.mid, B.mid):
        if drop is None:
            drop = max(0, longest(band[::1 + len(band) // SOME]) + MARGIN - width)
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


def _off(A: Fixed, B: Fixed) -> arb:
    """`r_A‖B̂‖ + ‖Â‖r_B + r_A r_B`."""
    found = A.radius * B.radius
    found = found if A.radius.is_zero() else found + A.radius * B.reach
    return found if B.radius.is_zero() else found + A.reach * B.radius
