"""The hyperbolic tangent."""

from __future__ import annotations

from flint import arb

from certify.check.enclosure.activation import Activation
from certify.check.linalg.balls import ONE

LOST = 12
"""Bits that a slope may lose by being 1 less a square near 1."""

LEAST = arb(2) ** -LOST


def sech_squared(x: arb) -> arb:
    """`1/cosh²`; Arb's own gives up on wide balls far out."""
    root = x.sech()
    square = root * root
    if square.is_finite():
        return square
    t = (-2 * abs(x)).exp()
    return 4 * t / (1 + t) ** 2


def _slope_beside(x: arb, value: arb) -> arb:
    """`1 − tanh²` where that keeps all but `LOST` bits."""
    found = ONE - value * value
    return found if found > LEAST else sech_squared(x)


OWN = {"tanh": Activation(arb.tanh, sech_squared, lambda x: -2 * x.tanh() * sech_squared(x),
                          slope_beside=_slope_beside, bend=0.7698003589195011, third=2.0, spread=2.0)}
