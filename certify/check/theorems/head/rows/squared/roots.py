"""D4h: roots of the weights of rows in whole numbers. Rows and targets times `√c` count the same, and H stays as it is.

All weights, and the decay, are divided by a power of four first, so that no root exceeds 1: minimisers stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flint import arb, ctx, fmpz, fmpz_mat

from certify.check.linalg.balls import ZERO, norm
from certify.check.linalg.fixed import cut, scale
from certify.check.theorems.head.rows.head import Head
from certify.format.refusal import Invalid

BITS, PRECISION = 72, 256
"""Bits of roots, and those with which they are drawn."""


@dataclass(frozen=True)
class Roots:
    """Those of some rows: `√c_i = numbers_i·2^(half − BITS)`, off by less than `slack` of these units.

    Attributes:
        numbers: whole.
        half: weights are at most `4^half`.
        slack: the same for all rows.
    """

    numbers: list[int]
    half: int
    slack: arb

    @property
    def off(self) -> arb:
        """The slack in units of 1."""
        return self.slack * scale(BITS)

    @property
    def least(self) -> arb:
        """What the decay is multiplied by: `4^−half`."""
        return arb(2) ** (-2 * self.half)

    def of(self, rows: Sequence[int]) -> Roots:
        """Those of some of the rows, by their places."""
        return Roots([self.numbers[i] for i in rows], self.half, self.slack)

    def ball(self, i: int) -> arb:
        """One of them, times `2^−half`."""
        return arb(self.numbers[i], self.slack) * scale(BITS)

    def times(self, A: fmpz_mat, bits: int, radius: arb) -> tuple[fmpz_mat, arb]:
        """Rows times their roots, in units of `2^−bits` again, and how far they are off, in length as before.

        Roots are at most 1; an entry loses less than a unit, and what the root is off times its size.
        """
        lines = A.tolist()
        found = fmpz_mat([[x * number >> BITS for x in line] for line, number in zip(lines, self.numbers, strict=True)]
                         ) if lines else A
        size = arb(sum([x * x for line in lines for x in line], fmpz(0))).sqrt() * scale(bits)
        most = arb(max([1 << BITS, *self.numbers])) * scale(BITS) + self.slack * scale(BITS)
        return found, (most * radius + self.slack * scale(BITS) * size + cut((len(lines), A.ncols()), bits)).upper()

    def targets(self, T: Sequence[int], bits: int) -> tuple[list[int], int, arb]:
        """Targets `T·2^−bits` times roots, as whole numbers, their bits, and how long their error is."""
        off = norm([arb(t) for t in T]) * scale(bits + BITS) * self.slack
        return [t * number for t, number in zip(T, self.numbers, strict=True)], bits + BITS, off.upper()


def weighed(roots: Roots | None, T: list[int], bits: int) -> tuple[list[int], int, arb]:
    """The same; as they are where all rows count the same."""
    return (T, bits, ZERO) if roots is None else roots.targets(T, bits)


def roots_of(head: Head) -> Roots | None:
    """Those of all rows of a head, made once; None where all rows count the same.

    Raises:
        Invalid: weights that do not stay with their rows, or one that is not above 0.
    """
    if head.weights is None:
        return None
    if head.balanced or (head.labelled is not None and head.relabels):
        raise Invalid("weights of rows", "a change of rows changes them", "weights that stay are needed")
    if "roots" not in head.made:
        with ctx.workprec(PRECISION):
            head.made["roots"] = _drawn(head.weights)
    found: Roots = head.made["roots"]
    return found


def _drawn(weights: Sequence[arb]) -> Roots:
    """The roots in units of the least power of two that none exceeds."""
    if not all(c > 0 and c.is_finite() for c in weights):
        raise Invalid("weights of rows", "one is not proved to be above 0", "finite weights above 0 are needed")
    roots = [c.sqrt() for c in weights]
    mantissa, e = max(root.upper() for root in roots).man_exp()
    half = int(mantissa).bit_length() + int(e)
    units = [root * arb(2) ** (BITS - half) for root in roots]
    numbers = [_whole(x) for x in units]
    slack = ZERO
    for x, number in zip(units, numbers, strict=True):
        slack = slack.max(abs(x - number).upper())
    return Roots(numbers, half, slack.upper())


def _whole(x: arb) -> int:
    """A whole number near the middle of a ball."""
    mantissa, e = x.mid().man_exp()
    return int(mantissa) << int(e) if e >= 0 else int(mantissa) >> -int(e)
