"""`1/(1 + e^−z)` of many numbers, in whole numbers: chords between proved values (D7, Lemma 4)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from flint import arb, ctx

PLACES, CELLS, BITS, FINE = 26, 10, 30, 46
"""Bits after the point of z; of a cell's width; of values; and of chords."""
LARGEST = 32
"""Of |z|: beyond it values are those at it, which are off by less than `e^−32 < 2^-46`."""
ZERO = LARGEST << PLACES
"""What is added to z, so that no cell has a number below 0."""
WIDE, STEEP, ROUNDED = 2.0 ** (-2 * CELLS - 3), 0.0963, 2.0**-29
"""A chord is off by at most `WIDE·|σ''|`, and `|σ''| ≤ σ'`, `|σ''| ≤ 1/(6√3) < STEEP`. What rounding adds: a cell's
slope is off by half of `2^(PLACES − FINE)`, over a cell by 2^-31, its first value by 2^-45 and a value by 2^-BITS."""


@cache
def chords() -> list[tuple[int, int]]:
    """Of every cell a and b: `2^FINE σ` is about `a + b·z`, z as in :func:`values`."""
    with ctx.workprec(64):
        unit, step = arb(2) ** FINE, arb(2) ** -CELLS
        below = [unit / (1 + (k * step).exp()) for k in range((LARGEST << CELLS) + 2)]  # at −k steps
    low = [int(float(x)) for x in below]  # numbers below 2^46 are soon exact
    whole = [*low[:0:-1], *((1 << FINE) - x for x in low)]
    width, found = PLACES - CELLS, list[tuple[int, int]]()
    for k, (x, y) in enumerate(zip(whole[1:], whole[2:], strict=False)):
        b = (y - x + (1 << width - 1)) >> width
        found.append((x - b * (k << width), b))
    return found


def values(numbers: Iterable[int], away: int, drop: int) -> list[int]:
    """`2^BITS/(1 + e^−z)` for `z = (⌊(x + away)/2^drop⌋ − ZERO)/2^PLACES`, none beyond LARGEST, about.

    >>> values([0], ZERO, 0)[0] == 1 << BITS - 1
    True
    """
    table, cell, cut = chords(), PLACES - CELLS, FINE - BITS
    return [a + b * z >> cut for x in numbers for z in (x + away >> drop,) for a, b in (table[z >> cell],)]


def steepness(least: float) -> float:
    """Above `σ'(z)` for all z at least so far from 0: `σ' < σ(−|z|)`, and a quarter at most."""
    if not least > 0:
        return 0.25
    z = ZERO - int(min(least, float(LARGEST)) * 2.0**PLACES)
    return min(0.25, values([z], 0, 0)[0] * 2.0**-BITS + STEEP * WIDE + ROUNDED)


def curvature(most: arb) -> arb:
    """Below `σ'(z)` for all z at most so far from 0."""
    t = (-most).exp()
    return (t / (1 + t) ** 2).lower()
