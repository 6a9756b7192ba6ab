"""Activations that are not C² at 0, and the identity."""

from __future__ import annotations

from collections.abc import Callable

from flint import arb

from certify.check.enclosure.activation import Activation
from certify.check.linalg.balls import ONE, ZERO

LEAK = arb(0.01)
"""The slope of leaky relu for x < 0: the double, not 1/100."""


def _step(left: arb) -> Callable[[arb], arb]:
    """1 above 0, `left` below; the ball of both where the sign is not proved."""

    def slope(x: arb) -> arb:
        return ONE if x > 0 else left if x < 0 else left.union(ONE)

    return slope


OWN = {
    "identity": Activation(lambda x: x, lambda x: ONE, lambda x: ZERO, gentlest=1.0, third=0.0),
    "relu": Activation(lambda x: x.max(ZERO), _step(ZERO), lambda x: ZERO, kinked=True, broken=True, jump=ONE),
    "leaky_relu": Activation(lambda x: x.max(LEAK * x), _step(LEAK), lambda x: ZERO, kinked=True, broken=True,
                             gentlest=0.01, jump=1 - LEAK),
    "elu": Activation(lambda x: x.max(ZERO) + x.min(ZERO).expm1(), lambda x: x.min(ZERO).exp(),
                      lambda x: ZERO if x > 0 else x.exp(), broken=True, bend=1.0),
}
