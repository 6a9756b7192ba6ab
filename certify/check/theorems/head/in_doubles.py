"""Doubles of balls, however small or large these are: none that is rounded to 0, or to fewer bits, goes unseen."""

from __future__ import annotations

from collections.abc import Iterable

from flint import arb, arb_mat

ORDINARY = 2.0**-900, 2.0**900
"""Between what the largest entry of a matrix lies whose doubles say all: those that lose bits are `2^-122` of it."""

UP, TINY = 1.0 + 2.0**-30, 2.0**-1000
"""More than what a few roundings take; and a number below which doubles have fewer bits."""


def exponent(values: Iterable[arb]) -> int:
    """The least e with all middles below `2^e` in size; 0 where all are 0.

    >>> exponent([arb(3), arb(-5)]), exponent([arb(2) ** -2000]), exponent([arb(0)])
    (3, -1999, 0)
    """
    return max((m.bit_length() + int(e) for m, e in (x.mid().man_exp() for x in values) if m != 0), default=0)


def doubles(M: arb_mat) -> tuple[list[float], int]:
    """The midpoints of a matrix as doubles times `2^e`, and e: 0, or such that none overflows or loses bits that count.

    >>> doubles(arb_mat([[3, 1]])), doubles(arb_mat([[3, 1]]) * arb(2) ** -1073)
    (([3.0, 1.0], 0), ([0.75, 0.25], -1071))
    """
    values = [float(x) for x in M.entries()]
    if ORDINARY[0] < max(map(abs, values), default=0.0) < ORDINARY[1]:
        return values, 0
    e = exponent(M.entries())
    return [float(x) for x in (M * arb(2) ** -e).entries()], e


def raised(x: arb) -> float:
    """A double above a number that is not negative, however small; 0 of 0.

    >>> raised(arb(2) ** -1076) > 0, raised(arb(3) * arb(2) ** -1075) >= 2.0**-1073, raised(arb(0)), raised(arb(3)) > 3
    (True, True, 0.0, True)
    """
    found = float(x) * UP
    return found if not found < TINY or x == 0 else found + 2.0**-1073
