"""Rows that may take most, by what is known of each alone, and what none of the others exceeds (D4c, D4a).

An influence is no larger than `√K_ii|e|` (Cauchy–Schwarz), whatever the evaluation row. So where a few rows carry most,
the influences of all others need not be formed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import mul

from flint import arb

from certify.check.linalg.balls import ZERO
from certify.check.linalg.fixed import scale
from certify.check.stored.beside import BITS, Beside

FINE = 30
"""Bits of influences, against the length of their point, and of residuals, where they are multiplied."""

CUT = BITS - FINE
"""Bits by which residuals are cut for that."""


@dataclass(frozen=True)
class Heaviest:
    """Some rows, and what no other row exceeds.

    Attributes:
        rows: their numbers, ascending; None: all rows.
        root: `√K_ii` of the others, at most; 0 where there are none.
        wide: their largest residual of a contrast in size, with what a comparison adds, in units of `2^−BITS`.
        both: the product of the two for one row, at most.
    """

    rows: Sequence[int] | None = None
    root: arb = ZERO
    wide: int = 0
    both: arb = ZERO

    def bar(self, energy: arb, unit: arb, by: tuple[int, int, int]) -> int | None:
        """What no other row exceeds of `once·ar + c2·a² + r2·r²`; None where nothing is known.

        Args:
            energy: at least `|e|_{H⁻¹}`.
            unit: of a; those of r are `2^−FINE`.
            by: `once`, `c2` and `r2`, none below 0.
        """
        if self.rows is None:
            return 0
        once, c2, r2 = by
        a, product = rounded_up(energy * self.root / unit), rounded_up(energy * self.both / (unit * scale(FINE)))
        if a is None or product is None:
            return None
        r = (self.wide >> CUT) + 1
        return once * product + c2 * a * a + r2 * r * r


def heaviest(beside: Beside, counts: Sequence[int]) -> list[Heaviest]:
    """So many of the rows with the largest `√K_ii·v_i`, for each of some numbers below that of all rows.

    Args:
        beside: of all rows.
        counts: how many rows, ascending.
    """
    squares = list(map(mul, beside.leverages, map(mul, beside.widest, beside.widest)))
    order, found = sorted(range(len(squares)), key=squares.__getitem__, reverse=True), list[Heaviest]()
    for count in counts:
        rest = order[count:]
        if not rest:
            break
        root = (arb(max(beside.leverages[i] for i in rest)) * scale(BITS)).sqrt().upper()
        both = (arb(squares[rest[0]]).sqrt() * scale(BITS) * scale(BITS).sqrt()).upper()
        found.append(Heaviest(sorted(order[:count]), root, max(beside.widest[i] for i in rest), both))
    return found


def rounded_up(x: arb) -> int | None:
    """A whole number that is no less than x; None where x is not finite, or is no number.

    >>> rounded_up(arb(2.5)), rounded_up(arb(0)), rounded_up(arb("nan")), rounded_up(arb("inf"))
    (3, 0, None, None)
    """
    top = x.upper()
    found = top.ceil().upper().unique_fmpz() if top.is_finite() else None
    return None if found is None else int(found)
