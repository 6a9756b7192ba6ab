"""How far the rows together move a critical point, where C is known and `XC` is not made: by vectors (W3, W4)."""

from __future__ import annotations

from flint import arb, fmpz_mat

from certify.check.linalg.applied import Applied
from certify.check.linalg.balls import ZERO
from certify.check.linalg.definite import Truth
from certify.check.linalg.fixed import Fixed, scale
from certify.check.linalg.probes import Apply, Image, shortened

WORTH = 400
"""`XCCᵀXᵀ` is made with less work where the columns and the rows of C are few beside this."""

PLACES = 60
"""Bits that are kept of a vector between two products."""

VECTORS, STEPS, SHARE = 8, 6, 9
"""Of the search: what is left out need not be small, and is bounded by vectors that see `2^−9`."""

SMALLEST = -400
"""The binary logarithm of a radius that is always added: that `XC` does nothing to vectors does not prove C = 0."""


def worth(X: Fixed, C: Fixed) -> bool:
    """Whether vectors take less work than `XC` and its square; X must be exact, and of a C that is 0 more is known."""
    p, n = C.shape
    return bool(X.radius == 0) and p * n > WORTH * (p + n) and not C.vanishes


class Together(Applied):
    """`XCCᵀXᵀ` of every C, by what `XĈĈᵀXᵀ` does to vectors.

    Args:
        apart: at least `|‖XC‖ − ‖XĈ‖|` of every C.
        rows, exactly, apply: of the second, as of `Applied`.
    """

    def __init__(self, apart: arb, rows: int, exactly: Apply, apply: Apply) -> None:
        super().__init__("XCCᵀXᵀ", rows, exactly, apply, arb(2) ** SMALLEST, None, VECTORS, STEPS, SHARE)
        self._apart = apart

    def below(self, most: arb) -> Truth:
        """Whether `‖XC‖² < most` for every C: `‖XĈ‖ < √most − apart` proves it, `> √most + apart` the contrary."""
        low, high = most.sqrt() - self._apart, most.sqrt() + self._apart
        if low > 0 and self.by_vectors(low ** 2) is Truth.PROVED:
            return Truth.PROVED
        return Truth.DISPROVED if self.by_vectors(high ** 2) is Truth.DISPROVED else Truth.UNDECIDED


def together(X: Fixed, C: Fixed) -> Together:
    """Of exact X: `‖XC‖` lies within `‖X‖r` of `‖XĈ‖`."""
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

    return Together((X.reach * C.radius).upper(), X.shape[0], exactly, apply)


def _cut(entries: int, bits: int, drop: int) -> arb:
    """The length of what is cut off of a column; 0 of nothing."""
    return arb(entries).sqrt() * scale(bits) if drop else ZERO
