"""How far the rows together move a critical point, where C is known and `XC` is not made: by vectors (W3, W4)."""

from __future__ import annotations

from flint import arb, fmpz_mat

from certify.check.linalg.applied import Applied
from certify.check.linalg.balls import ZERO
from certify.check.linalg.fixed import Fixed, scale
from certify.check.linalg.probes import Image, shortened

WORTH = 400
"""`XCCᵀXᵀ` is made with less work where the columns and the rows of C are few beside this."""

PLACES = 60
"""Bits that are kept of a vector between two products."""

VECTORS, STEPS, SHARE = 12, 6, 9
"""Of the search: what is left out need not be small, and is bounded by vectors that see `2^−9`."""

SMALLEST = -400
"""The binary logarithm of a radius that is always added: that `XC` does nothing to vectors does not prove C = 0."""


def worth(X: Fixed, C: Fixed) -> bool:
    """Whether vectors take less work than `XC` and its square; X must be exact."""
    p, n = C.shape
    return bool(X.radius == 0) and p * n > WORTH * (p + n)


def together(X: Fixed, C: Fixed) -> Applied:
    """`XCCᵀXᵀ` of exact X: within `‖X‖²(2|Ĉ|r + r²)` of `XĈĈᵀXᵀ`, as `|CCᵀ − ĈĈᵀ|_F ≤ 2‖Ĉ‖r + r²`."""
    back, across = X.mid.transpose(), C.mid.transpose()
    p, n = C.shape

    def exactly(V: fmpz_mat) -> Image:
        return X.mid * (C.mid * (across * (back * V))), 2 * (X.bits + C.bits), ZERO

    def apply(V: fmpz_mat) -> Image:
        """With what is cut off: less than a unit an entry, three times, and the products after it stand before that."""
        first, drop = shortened(back * V, PLACES)
        bits = X.bits - drop
        lost = X.reach * C.size ** 2 * _cut(p, bits, drop)
        second, drop = shortened(across * first, PLACES)
        bits += C.bits - drop
        lost += X.reach * C.size * _cut(n, bits, drop)
        third, drop = shortened(C.mid * second, PLACES)
        bits += C.bits - drop
        lost += X.reach * _cut(p, bits, drop)
        return X.mid * third, bits + X.bits, lost.upper()

    radius = X.reach ** 2 * (2 * C.size * C.radius + C.radius ** 2) + arb(2) ** SMALLEST
    return Applied("XCCᵀXᵀ", X.shape[0], exactly, apply, radius.upper(), None, VECTORS, STEPS, SHARE)


def _cut(entries: int, bits: int, drop: int) -> arb:
    """The length of what is cut off of a column; 0 of nothing."""
    return arb(entries).sqrt() * scale(bits) if drop else ZERO
