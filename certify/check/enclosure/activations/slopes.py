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

LOST = 24
"""Bits that a number of which the quotient `φ(x)/x` is taken may lack: near 0 the quotient is far wider than Φ."""


def beside(activation: str, passed: Forward, h: int, below: bool = False) -> list[arb]:
    """`φ'` at the inputs of hidden layer h, row-major, of an activation without kinks; made once a precision.

    With `below` that has fewer bits.
    """
    kept: dict[tuple[int, int], list[arb]] = passed.__dict__.setdefault("slopes", {})
    with ctx.workprec(ctx.prec * 5 // 8 if below else ctx.prec):
        key, (of, slope) = (h, ctx.prec), (BESIDE.get(activation), ACTIVATIONS[activation].slope)
        if key not in kept:
            inputs = passed.inputs[h].entries()
            kept[key] = list(map(of or (lambda x, _: slope(x)), passed.before[h - 1], inputs))
    return kept[key]


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
    if x.is_zero() or x.rel_accuracy_bits() < ctx.prec - LOST:
        return ACTIVATIONS["gelu"].slope(x)
    return value / x + x * (x * x * LESS).exp() * _unit(ctx.prec)


@cache
def _unit(bits: int) -> arb:
    """`1/√(2π)` with so many bits."""
    with ctx.workprec(bits):
        return 1 / (2 * arb.pi()).sqrt()


BESIDE = {"tanh": _of_tanh, "gelu": _of_gelu}
"""Those that take less work so."""
