"""The product of x and the distribution function of the standard normal law."""

from __future__ import annotations

from flint import arb

from certify.check.enclosure.activation import Activation


def _normal(x: arb) -> arb:
    """The distribution function."""
    return (-x / arb(2).sqrt()).erfc() / 2


def _density(x: arb) -> arb:
    """The density."""
    return (-x * x / 2).exp() / (2 * arb.pi()).sqrt()


def _gelu_slope(x: arb) -> arb:
    return _normal(x) + x * _density(x)


OWN = {"gelu": Activation(lambda x: x * _normal(x), _gelu_slope, lambda x: (2 - x * x) * _density(x),
                          steepest=1.12890415, gentlest=-0.1289042, bend=0.7978845608028655, third=0.7787697)}
