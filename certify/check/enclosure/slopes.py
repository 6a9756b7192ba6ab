"""Derivatives of the activation of a layer from its inputs and values, of many numbers: less work than without them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from flint import arb, ctx

from certify.check.enclosure.activation import ACTIVATIONS
from certify.check.enclosure.activations.tanh import sech_squared
from certify.check.linalg.balls import ONE

if TYPE_CHECKING:
    from certify.check.enclosure.network import Forward

LEAST = arb(2) ** -12
"""Of `1 − tanh²`: it has lost some 12 bits then."""

LESS = arb(-0.5)

SHARP = 32
"""Bits to which a number is known of which the quotient `φ(x)/x` is taken: its ball is a little wider."""


def beside(activation: str, passed: Forward, h: int) -> list[arb]:
    """`φ'` at the inputs of hidden layer h, row-major: of tanh or gelu."""
    of = _of_tanh if activation == "tanh" else _of_gelu
    return list(map(of, passed.before[h - 1], passed.inputs[h].entries()))


def _of_tanh(x: arb, value: arb) -> arb:
    """`1 − tanh²` of the value's ball, where that is not near 0."""
    found = ONE - value * value
    return found if found > LEAST else sech_squared(x)


def _of_gelu(x: arb, value: arb) -> arb:
    """`Φ(x) + xΦ'(x)` with `Φ(x) = φ(x)/x`, which lies in the quotient of the balls; none is taken for x near 0.

    >>> x, gelu = arb(0.75), ACTIVATIONS["gelu"]
    >>> _of_gelu(x, gelu.value(x)).overlaps(gelu.slope(x)), _of_gelu(arb(0), arb(0)) == 0.5
    (True, True)
    """
    if x.is_zero() or x.rel_accuracy_bits() < SHARP:
        return ACTIVATIONS["gelu"].slope(x)
    return value / x + x * (x * x * LESS).exp() * _unit(ctx.prec)


@cache
def _unit(bits: int) -> arb:
    """`1/√(2π)` with so many bits."""
    with ctx.workprec(bits):
        return 1 / (2 * arb.pi()).sqrt()
