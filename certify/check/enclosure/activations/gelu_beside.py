"""The slope of gelu from its value, of many numbers."""

from __future__ import annotations

from functools import cache

from flint import arb, ctx

from certify.check.enclosure.activations.gelu import OWN

LESS = arb(-0.5)

LOST = 24
"""Bits that a number of which the quotient `φ(x)/x` is taken may lack: near 0 the quotient is far wider than Φ."""


def slope_beside(x: arb, value: arb) -> arb:
    """`Φ(x) + xΦ'(x)` with `Φ(x) = φ(x)/x`, which lies in the quotient of the balls; none is taken for x near 0.

    >>> x, gelu = arb(0.75), OWN["gelu"]
    >>> slope_beside(x, gelu.value(x)).overlaps(gelu.slope(x)), slope_beside(arb(0), arb(0)) == 0.5
    (True, True)
    """
    if x.is_zero() or x.rel_accuracy_bits() < ctx.prec - LOST:
        return OWN["gelu"].slope(x)
    return value / x + x * (x * x * LESS).exp() * _unit(ctx.prec)


@cache
def _unit(bits: int) -> arb:
    """`1/√(2π)` with so many bits."""
    with ctx.workprec(bits):
        return 1 / (2 * arb.pi()).sqrt()
