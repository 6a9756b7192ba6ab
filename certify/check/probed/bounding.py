"""Is the operator norm of a matrix below a number? A proposed factor and what it does to random vectors (W7).

R with `R(c²I − XXᵀ)Rᵀ ≈ I` comes from another process. `‖R(c²I − XXᵀ)Rᵀ − I‖ < 1` proves `‖X‖ < c`; it is seen by what
these exact matrices do to vectors that are drawn, and no product of two of them is made.
"""

from __future__ import annotations

from math import inf

from flint import arb, fmpz, fmpz_mat

from certify.check.linalg.balls import ZERO
from certify.check.linalg.fixed import Fixed, scale
from certify.check.linalg.large.products import whole
from certify.check.linalg.probes import Image, bound_of

LONG = 1 << 12
"""Bits of the number 1 in the product beyond which, or below 0, a factor was made for another matrix."""

ROUGH = 9
"""Some vector sees `2^−9` of its largest entry of any direction: a bound below 1 is asked for, of what is far below."""


def is_below(X: Fixed, R: Fixed, most: float) -> bool:
    """Whether R proves `‖X‖ < most`, of exact X and R of as many rows; else nothing is known."""
    bits, own = 2 * R.bits, 2 * X.bits
    if not (X.radius == 0 and R.radius == 0 and 0 < most < inf and 0 <= bits + own <= LONG):
        return False
    c, one = whole((arb(most) ** 2 * scale(-own)).lower().floor().mid()), fmpz(1) << bits + own
    turned, across = R.mid.transpose(), X.mid.transpose()

    def off(V: fmpz_mat) -> Image:
        image = turned * V
        return R.mid * (image * c - X.mid * (across * image)) - V * one, bits + own, ZERO

    return bool(bound_of("R(c²I − XXᵀ)Rᵀ − I", X.shape[0], off, share=ROUGH) < 1)
