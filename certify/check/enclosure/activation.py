"""The activations in ball arithmetic: values, slopes, curvatures, kinks, and the constants of P3.

They are the exact real functions of proofs/activations.md: elu with α = 1, gelu with the error function, leaky relu
with the double nearest 0.01 as slope, softplus everywhere `ln(1 + e^x)`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flint import arb

from certify.check.linalg.balls import ONE, ZERO

LEAK = arb(0.01)
"""The slope of leaky relu for x < 0: the double, not 1/100."""


@dataclass(frozen=True)
class Activation:
    """A real function φ.

    Attributes:
        value, slope: φ and φ' of a ball. At a kink the slope is the ball of both sides.
        curvature: φ'' of a ball that does not touch 0 if φ is not C² there.
        kinked: whether φ has a kink, which is then at 0 alone; φ is C¹ elsewhere.
        broken: whether φ is not C² at 0; it is C² elsewhere (relu and leaky relu, and elu, whose φ'' jumps).
        steepest: upper bound of `sup|φ'|`.
        gentlest: lower bound of `inf φ'`.
        bend: upper bound of `sup|φ''|`, the Lipschitz constant of φ' (between kinks).
        third: upper bound of `sup|φ'''|` where φ is C³ everywhere; None where it is not.
        jump: the jump of φ' at the kink.
        spread: the largest difference of two values of φ; None if it has no bound.
    """

    value: Callable[[arb], arb]
    slope: Callable[[arb], arb]
    curvature: Callable[[arb], arb]
    kinked: bool = False
    broken: bool = False
    steepest: float = 1.0
    gentlest: float = 0.0
    bend: float = 0.0
    third: float | None = None
    jump: arb = ZERO
    spread: float | None = None


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
    return x.max(ZERO) + (-abs(x)).exp().log1p()


def _sech_squared(x: arb) -> arb:
    """`1/cosh²`; Arb's own gives up on wide balls far out."""
    square = x.sech() ** 2
    t = (-2 * abs(x)).exp()
    return square if square.is_finite() else 4 * t / (1 + t) ** 2


def _step(left: arb) -> Callable[[arb], arb]:
    """1 above 0, `left` below; the ball of both where the sign is not proved."""

    def slope(x: arb) -> arb:
        return ONE if x > 0 else left if x < 0 else left.union(ONE)

    return slope


def _normal(x: arb) -> arb:
    """The distribution function of the standard normal law."""
    return (-x / arb(2).sqrt()).erfc() / 2


def _density(x: arb) -> arb:
    """The density of the standard normal law."""
    return (-x * x / 2).exp() / (2 * arb.pi()).sqrt()


def _silu_slope(x: arb) -> arb:
    return sigmoid(x) * (1 + x * sigmoid(-x))


def _gelu_slope(x: arb) -> arb:
    return _normal(x) + x * _density(x)


def _sigmoid_slope(x: arb) -> arb:
    return _sech_squared(x / 2) / 4


ACTIVATIONS = {
    "identity": Activation(lambda x: x, lambda x: ONE, lambda x: ZERO, gentlest=1.0, third=0.0),
    "relu": Activation(lambda x: x.max(ZERO), _step(ZERO), lambda x: ZERO, kinked=True, broken=True, jump=ONE),
    "leaky_relu": Activation(lambda x: x.max(LEAK * x), _step(LEAK), lambda x: ZERO, kinked=True, broken=True,
                             gentlest=0.01, jump=1 - LEAK),
    "elu": Activation(lambda x: x.max(ZERO) + x.min(ZERO).expm1(), lambda x: x.min(ZERO).exp(),
                      lambda x: ZERO if x > 0 else x.exp(), broken=True, bend=1.0),
    "tanh": Activation(arb.tanh, _sech_squared, lambda x: -2 * x.tanh() * _sech_squared(x),
                       bend=0.7698003589195011, third=2.0, spread=2.0),
    "sigmoid": Activation(sigmoid, _sigmoid_slope, lambda x: -(x / 2).tanh() * _sigmoid_slope(x), steepest=0.25,
                          bend=0.09622504486493764, third=0.125, spread=1.0),
    "softplus": Activation(softplus, sigmoid, _sigmoid_slope, bend=0.25, third=0.09622505),
    "gelu": Activation(lambda x: x * _normal(x), _gelu_slope, lambda x: (2 - x * x) * _density(x),
                       steepest=1.12890415, gentlest=-0.1289042, bend=0.7978845608028655, third=0.7787697),
    "silu": Activation(lambda x: x * sigmoid(x), _silu_slope,
                       lambda x: _sigmoid_slope(x) * (2 - x * (x / 2).tanh()), steepest=1.09983933,
                       gentlest=-0.0998394, bend=0.5, third=0.30818152),
}
"""Every activation by the name used in specs; why the constants hold: proofs/activations.md, A2 to A12."""
