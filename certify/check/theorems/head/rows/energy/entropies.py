"""Lower bounds of entropies of floats: chords of proved values (D7)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import frexp, fsum

from flint import arb, ctx

CELLS = 128
"""Cells of an octave."""
OCTAVES = 64
"""Below 2^-64 the bound is 0."""
LEAST, TWO, FIRST = 2.0**-OCTAVES, 2.0 * CELLS, (OCTAVES - 2) * CELLS
"""The first node; and what finds the cell of a number, `m·2^e` with m from ½ on."""
ROUNDED = 2.0**-49
"""What evaluating a chord in floats may err by: five roundings of numbers below 1."""


@cache
def chords(binary: bool) -> list[tuple[float, float, float]]:
    """Of every cell `[x, x')`: x, a lower bound at x, and the chord's slope; cells ascend from 2^-64."""
    nodes = [(1 + j / CELLS) * 2.0**e for e in range(-OCTAVES, 0) for j in range(CELLS)] + [1.0]
    with ctx.workprec(80):
        low = [_below(-_part(arb(x)) - (_part(1 - arb(x)) if binary else 0)) for x in nodes]
    return [(x, a, (b - a) / (y - x)) for x, y, a, b in zip(nodes, nodes[1:], low, low[1:], strict=False)] + [
        (1.0, low[-1], 0.0)]


def _part(x: arb) -> arb:
    return x * x.log() if x > 0 else arb(0)


def _below(x: arb) -> float:
    return max(0.0, float(x.lower()) - 2.0**-60)


def height(q: Sequence[float], binary: bool) -> float:
    """A lower bound of `Σ −q log q`, with `−(1 − q) log(1 − q)` added where binary; q in [0, 1].

    >>> 1.38 < height([0.5, 0.5], True) < 1.3863 and height([0.0, 1.0], False) <= 0
    True
    """
    table = chords(binary)
    if binary and max(q) > 0.5:
        q = [x if x <= 0.5 else 1.0 - x for x in q]  # exact
    if not min(q) >= LEAST:
        q = [x for x in q if x >= LEAST]
    terms = [low + slope * (x - node) for x in q for m, e in (frexp(x),)
             for node, low, slope in (table[e * CELLS + int(m * TWO) + FIRST],)]
    return fsum(terms) * (1 - 2.0**-52) - len(terms) * ROUNDED - 2.0**-60
