"""What is proved of large matrices where random probes may decide: with a proposed factor, and vectors alone.

`‖RAR' − I‖` and the largest eigenvalues of `RR'` and `RQR'` are those of `definite` and `by_factor`; none of these
products of matrices is made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial

from flint import arb, arb_mat, fmpz, fmpz_mat

from certify.check.linalg.applied import Applied
from certify.check.linalg.balls import ZERO, largest
from certify.check.linalg.by_factor import ByFactor
from certify.check.linalg.definite import Definiteness, Truth
from certify.check.linalg.fixed import Fixed, enclosed, longest, scale
from certify.check.linalg.probes import SHARE, Image, bound_of, may_draw, shortened
from certify.check.linalg.proposals import WORD, proposed, proposed_of_sum
from certify.check.probed.hadamard import Factored

WIDE, FACTOR, PLAIN = 120, 118, 60
"""Bits of a matrix in fixed point, of a sharp factor, and of the one of floats that is asked for first."""

MANY, ROUGH, FINE = 800, 10, arb(2) ** -41
"""Rows beyond which few vectors, which see `2^−10` of any direction, are drawn first for a sharp factor, and how near
to the inverse these are to show it: else as many as usual are drawn."""

LARGE, NEAR = 2000, arb(2) ** -20
"""Rows beyond which a factor of floats comes first, ten times as soon there, and how near to the inverse it must be."""

SHORT = 100
"""Bits of vectors on the way through a sum of products."""

LONG = 1 << 16
"""Bits of the number 1 in a product beyond which, or below 0, a factor was made for another matrix."""

RESIDUAL = "RKRᵀ − I"


@dataclass(frozen=True)
class Found:
    """What was proposed and judged.

    Attributes:
        definite: `A ≻ 0`, and the factor.
        factor: the same, in fixed point.
        near: columns that are proposed for `RR'` and for `RQR'`.
        short: the factor with fewer bits, in one word; None where it has no more than that.
        sharper: the same by a factor of more bits; None where there is none.
    """

    definite: Definiteness
    factor: Fixed
    near: tuple[Fixed, Fixed]
    short: Fixed | None = None
    sharper: Callable[[], Found | None] = lambda: None

    @property
    def sharpest(self) -> Found:
        """That one, or this where there is none."""
        return self.sharper() or self


def factor_found(A: Fixed | Factored | arb_mat, blocks: Mapping[int, list[list[arb]]]) -> Found | None:
    """Of many rows by a factor of floats, with a sharper one behind it; where that is none by a sharper one."""
    A = enclosed(A, WIDE) if isinstance(A, arb_mat) else A
    found = definite_by_proposal(A, blocks, PLAIN) if A.shape[0] > LARGE else None
    if found is None:
        return definite_by_proposal(A, blocks)
    return replace(found, sharper=cache(partial(definite_by_proposal, A, blocks)))


def definite_by_proposal(
    A: Fixed | Factored | arb_mat, blocks: Mapping[int, list[list[arb]]], bits: int = FACTOR,
) -> Found | None:
    """Whether a proposed R proves `A ≻ 0`: `‖RAR' − I‖ ≤ ‖RÂR' − I‖ + ‖R‖²r_A < 1`; None where it does not.

    Args:
        A: the matrix, or what it is a sum of.
        blocks: of Q, by their place.
        bits: of the factor; with `PLAIN` of them it has to be `NEAR`.
    """
    A = enclosed(A, WIDE) if isinstance(A, arb_mat) else A
    if not may_draw(A.shape[0]) or not A.radius.is_finite():
        return None
    sent = [(at * len(Q), [[float(x.mid()) for x in row] for row in Q]) for at, Q in blocks.items()]
    told = proposed("factor", A, bits, sent) if isinstance(A, Fixed) else proposed_of_sum(A, bits, sent)
    if told is None or not told[0].mid.is_lower_triangular():
        return None
    R = told[0]
    turned, whole = R.mid.transpose(), A.bits + 2 * R.bits
    if not 0 <= whole <= LONG:  # made for another matrix
        return None
    one = fmpz(1) << whole

    def off(V: fmpz_mat) -> Image:
        if isinstance(A, Fixed):
            return R.mid * (A.mid * (turned * V)) - V * one, whole, ZERO
        return _cut_short(R, A, turned, V)

    few = bits > PLAIN and A.shape[0] > MANY
    left = bound_of(RESIDUAL, A.shape[0], off, share=ROUGH if few else SHARE)
    left = left.min(bound_of(RESIDUAL, A.shape[0], off)) if few and not left < FINE else left
    defect = (left + R.reach ** 2 * A.radius).upper()
    if not defect < (1 if bits > PLAIN else NEAR):
        return None
    return Found(Definiteness(Truth.PROVED, arb_mat(R.mid) * scale(R.bits), defect), R, (told[1], told[2]),
                 told[3] if len(told) > 3 else None)


def _cut_short(R: Fixed, A: Factored, turned: fmpz_mat, V: fmpz_mat) -> Image:
    """`(RÂRᵀ − I)V` with `RᵀV` and its image cut: each by less than a unit an entry, and R and Â stand before them."""
    image, drop = shortened(turned * V, SHORT)
    image, more = shortened(A.times(image), SHORT)
    left = R.bits + A.bits - drop - more
    lost = R.reach * arb(V.nrows()).sqrt() * (A.reach * scale(R.bits - drop) * bool(drop) + scale(left) * bool(more))
    up = max(0, -left - R.bits)
    bits = left + R.bits + up
    return R.mid * image * (fmpz(1) << up) - V * (fmpz(1) << bits), bits, lost.upper()


class ByProbes(ByFactor):
    """As :class:`ByFactor`, which is asked what this and a sharper factor leave open."""

    def __init__(self, found: Found, blocks: Mapping[int, list[list[arb]]], width: int) -> None:
        assert found.definite.R is not None
        super().__init__(found.definite.R, found.definite.defect, blocks, width)
        self._whole, self._near, self._more, self._short = found.factor, found.near, found.sharper, found.short

    def is_above(self, least: float) -> bool:
        """Whether `K − least²·I ≻ 0` is proved, `least > 0`."""
        return super().is_above(least) or (self._sharper is not None and self._sharper.is_above(least))

    def is_beyond(self, most: arb) -> bool:
        """Whether `most²K − Q ≻ 0` is proved."""
        return super().is_beyond(most) or (self._sharper is not None and self._sharper.is_beyond(most))

    @cached_property
    def _sharper(self) -> ByProbes | None:
        found = self._more()
        return None if found is None else ByProbes(found, self._blocks, self._width)

    @cached_property
    def _factor(self) -> Fixed:
        """With fewer bits."""
        if self._short is not None and self._width <= WORD:
            return self._short
        R = self._whole
        return R.at(R.bits - max(0, longest(R.mid.entries()) - self._width))

    @cached_property
    def _turned(self) -> Fixed:
        return self._factor.turned

    @cached_property
    def _squared(self) -> Applied:
        """`RR'`, of a factor that lies within a radius: off by `2‖R̂‖r + r²`."""
        R = self._factor

        def exactly(V: fmpz_mat) -> Image:
            return R.mid * (self._turned.mid * V), 2 * R.bits, ZERO

        def apply(V: fmpz_mat) -> Image:
            return self._back(*shortened(self._turned.mid * V, self._width), R.bits)

        radius = (2 * R.reach * R.radius + R.radius ** 2).upper()
        return Applied("RRᵀ", R.shape[0], exactly, apply, radius, self._near[0])

    def _back(self, W: fmpz_mat, drop: int, bits: int) -> Image:
        """R times what is W before its last bits are cut off: short by less than a unit an entry, `√N‖R̂‖` of them."""
        R, bits = self._factor, bits - drop
        lost = (arb(W.nrows()).sqrt() * scale(bits) * R.reach).upper() if drop else ZERO
        return R.mid * W, R.bits + bits, lost

    @cached_property
    def _moved(self) -> Applied:
        """`RQR'`, off by `‖R̂‖²r_Q + (2‖R̂‖r + r²)(‖Q̂‖ + r_Q)`."""
        R, places = self._factor, list(self._blocks)
        k = len(self._blocks[places[0]])
        Q = enclosed(arb_mat([row for at in places for row in self._blocks[at]]), self._width)
        rows = Q.mid.tolist()
        blocks = [fmpz_mat(rows[j * k:j * k + k]) for j in range(len(places))]
        blocks = [block + block.transpose() for block in blocks]  # symmetric, and no farther from what is

        def moved(V: fmpz_mat) -> fmpz_mat:
            image = (self._turned.mid * V).tolist()
            found = [[fmpz(0)] * V.ncols() for _ in image]
            for at, block in zip(places, blocks, strict=True):
                found[at * k:at * k + k] = (block * fmpz_mat(image[at * k:at * k + k])).tolist()
            return fmpz_mat(found)

        def exactly(V: fmpz_mat) -> Image:
            return R.mid * moved(V), 2 * R.bits + Q.bits + 1, ZERO

        def apply(V: fmpz_mat) -> Image:
            return self._back(*shortened(moved(V), self._width), R.bits + Q.bits + 1)

        size = largest([Fixed(block, Q.bits + 1, ZERO).size for block in blocks]) + Q.radius
        radius = R.reach ** 2 * Q.radius + (2 * R.reach * R.radius + R.radius ** 2) * size
        return Applied("RQRᵀ", R.shape[0], exactly, apply, radius.upper(), self._near[1])
