"""Doubles of balls, however small or large these are: none that is rounded to 0, or to fewer bits, goes unseen."""

from __future__ import annotations

from collections.abc import Iterable

from flint import arb, arb_mat

from certify.check.theorems.head.rows.head import Head
from certify.format.canonical import show
from certify.format.methods import ANY_SIZE, LEAST, MOST
from certify.format.refusal import Invalid

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


def check_ordinary(head: Head, name: str, where: str) -> None:
    """A method in doubles is stated for a head without a number that is tiny, or huge.

    There is no double between 0 and 2^-1075, so that a product of a few tiny numbers may be 0 where a bound has to be
    above it. Such methods round up, add what is lost and refuse what is infinite, each where it multiplies; that none
    of all this was forgotten is one thing to read. That they never meet such numbers is another, and stands here.

    Args:
        head: the head.
        name: the method.
        where: where it is stated, for messages.

    Raises:
        Invalid: an input, a weight of a row, a target, the decay or the threshold is not 0 and beyond both ends.
    """
    if name in ANY_SIZE:
        return
    for what, numbers in _numbers(head):
        for x in numbers:
            if x and not LEAST <= abs(x) <= MOST:
                raise Invalid(where, f"{name} is stated",
                              f"that is for numbers between 1e-90 and 1e90, and {what} is {show(x)}")


def _numbers(head: Head) -> Iterable[tuple[str, Iterable[float]]]:
    """All numbers of a head: what they are, and the middles of their balls."""
    for i, row in enumerate(head.rows):
        yield f"an input of row {i}", map(float, row)
    for j, row in enumerate(head.evaluated.tolist()):
        yield f"an input of evaluation row {j}", map(float, row)
    yield "the decay", [float(head.mu())]
    yield "the threshold", [head.threshold]
    yield "the weight of a row", map(float, (*(head.weights or ()), *(head.labelled or ())))
    yield "a target", (y for row in head.targets for y in row)
    for rows in (head.rows, head.evaluated.tolist()):
        yield "what is known of an input", (float(x.rad()) for row in rows for x in row if x.rad() > MOST)
