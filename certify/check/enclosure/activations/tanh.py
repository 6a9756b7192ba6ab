"""The hyperbolic tangent."""

from __future__ import annotations

from flint import arb

from certify.check.enclosure.activation import Activation
from certify.check.linalg.balls import ONE

LEAST = arb(2) ** -12
"""Of `1 − tanh²`: it has lost some 12 bits then."""


def sech_squared(x: arb) -> arb:
    """`1/cosh²`; Arb's own gives up on wide balls far out."""
    root = x.sech()
    return root * root if root.is_finite() else 4 * (t := (-2 * abs(x)).exp()) / (1 + t) ** 2


def slope_beside(x: arb, value: arb) -> arb:
    """`1 − tanh²` of the value's ball, where that is not near 0."""
    found = ONE - value * value
    return found if found > LEAST else sech_squared(x)


OWN = {"tanh": Activation(arb.tanh, sech_squared, lambda x: -2 * x.tanh() * sech_squared(x),
                          bend=0.7698003589195011, third=2.0, spread=2.0)}
