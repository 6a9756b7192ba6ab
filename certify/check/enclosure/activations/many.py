"""Values of the activation at many numbers of a sublevel set, with 5/8 of the bits: nothing is inverted there."""

from __future__ import annotations

from functools import cache

from flint import arb, ctx

from certify.check.enclosure.activation import ACTIVATIONS


def values(activation: str, numbers: list[arb]) -> list[arb]:
    """φ of all of them."""
    with ctx.workprec(ctx.prec * 5 // 8):
        return list(map(MANY.get(activation, ACTIVATIONS[activation].value), numbers))


def _gelu(x: arb) -> arb:
    """`x·erfc(−x/√2)/2` with a root that is made once.

    >>> _gelu(arb(0.75)).overlaps(ACTIVATIONS["gelu"].value(arb(0.75)))
    True
    """
    return x * (x * _root(ctx.prec)).erfc() / 2


@cache
def _root(bits: int) -> arb:
    """`−1/√2` with so many bits."""
    with ctx.workprec(bits):
        return -1 / arb(2).sqrt()


MANY = {"gelu": _gelu}
"""Those that take less work so."""
