"""The product of x and the distribution function of the standard normal law."""

from __future__ import annotations

from functools import cache

from flint import arb, ctx

from certify.check.enclosure.activation import Activation

HALF = arb(0.5)

SHARP = 32
"""Bits to which a number is known of which the quotient `φ(x)/x` is taken: its ball is a little wider."""


@cache
def _units(bits: int) -> tuple[arb, arb]:
    """`−√½` and `1/√(2π)` with so many bits."""
    with ctx.workprec(bits):
        return -HALF.sqrt(), 1 / (2 * arb.pi()).sqrt()


def _normal(x: arb) -> arb:
    """The distribution function."""
    return (x * _units(ctx.prec)[0]).erfc() * HALF


def _density(x: arb) -> arb:
    """The density."""
    return (x * x * -HALF).exp() * _units(ctx.prec)[1]


def _gelu_slope(x: arb) -> arb:
    return _normal(x) + x * _density(x)


def _slope_beside(x: arb, value: arb) -> arb:
    """With the distribution function `φ(x)/x`, which lies in the quotient of the balls; none is taken for x near 0."""
    sharp = not x.is_zero() and x.rel_accuracy_bits() >= SHARP
    return value / x + x * _density(x) if sharp else _gelu_slope(x)


OWN = {"gelu": Activation(lambda x: x * _normal(x), _gelu_slope, lambda x: (2 - x * x) * _density(x),
                          slope_beside=_slope_beside, steepest=1.12890415, gentlest=-0.1289042,
                          bend=0.7978845608028655, third=0.7787697)}
