"""The logistic function, its integral, and its product with x."""

from __future__ import annotations

from flint import arb

from certify.check.enclosure.activation import Activation
from certify.check.enclosure.activations.tanh import sech_squared
from certify.check.linalg.balls import ZERO


def sigmoid(x: arb) -> arb:
    """`1/(1 + e^−x)`, to relative accuracy on both sides and without `e^|x|`."""
    if x > 0:
        return 1 / (1 + (-x).exp())
    if x < 0:
        t = x.exp()
        return t / (1 + t)
    return (x / 2).exp() * (x / 2).sech() / 2


def softplus(x: arb) -> arb:
    """`ln(1 + e^x)` without `e^|x|`."""
    if x > 0 or x < 0:
        return x + (-x).exp().log1p() if x > 0 else x.exp().log1p()
    return x.max(ZERO) + (-abs(x)).exp().log1p()


def _silu_slope(x: arb) -> arb:
    return sigmoid(x) * (1 + x * sigmoid(-x))


def _sigmoid_slope(x: arb) -> arb:
    return sech_squared(x / 2) / 4


OWN = {
    "sigmoid": Activation(sigmoid, _sigmoid_slope, lambda x: -(x / 2).tanh() * _sigmoid_slope(x), steepest=0.25,
                          bend=0.09622504486493764, third=0.125, spread=1.0),
    "softplus": Activation(softplus, sigmoid, _sigmoid_slope, bend=0.25, third=0.09622505),
    "silu": Activation(lambda x: x * sigmoid(x), _silu_slope,
                       lambda x: _sigmoid_slope(x) * (2 - x * (x / 2).tanh()), steepest=1.09983933,
                       gentlest=-0.0998394, bend=0.5, third=0.30818152),
}
