"""D4d: influences of rows on evaluation rows, `Φ̂u`, formed when they are asked for: most of them never are.

A row is formed for all evaluation rows at once, or an evaluation row for all rows; what is then looked up are integers
times `2^−BITS` times the power of two of the evaluation row.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence

from flint import arb, fmpz_mat

from certify.check.theorems.head.rows.squared.node import BITS
from certify.check.theorems.head.rows.squared.ridge import FEATURE_BITS, Ridge, Solution, influences
from certify.check.theorems.head.rows.squared.root import ceiling


def exponent(reach: arb) -> int:
    """The least e with `reach < 2^e`, or a little more; 0 of 0.

    Raises:
        Invalid: it is no finite number.

    >>> exponent(arb(3)), exponent(arb(0.25)), exponent(arb(0))
    (2, -1, 0)
    """
    ceiling(reach, 0)  # refuses what is not finite
    mantissa, e = reach.upper().man_exp()
    return int(mantissa).bit_length() + int(e)


class Influences:
    """Those of the rows that may go.

    Args:
        system: the normal matrix.
        rows: the rows that may go.
        solutions: `u` of every evaluation row.
        shifts: for each e with all influences below `2^e` in size.
    """

    def __init__(self, system: Ridge, rows: Sequence[int], solutions: Sequence[Solution],
                 shifts: Sequence[int]) -> None:
        self._system, self._rows, self._solutions = system, rows, solutions
        self._downs = [FEATURE_BITS + s.bits + e - BITS for s, e in zip(solutions, shifts, strict=True)]
        self._across = fmpz_mat(len(solutions), system.p, [x for s in solutions for x in s.u]).transpose()
        self._formed: dict[int, array[int]] = {}
        self._whole: dict[int, array[int]] = {}

    def at(self, point: int, i: int) -> int:
        """Of one row on one evaluation row, by their places."""
        whole = self._whole.get(point)
        if whole is not None:
            return whole[i]
        if i not in self._formed:
            self.form([i])
        return self._formed[i][point]

    def form(self, some: Iterable[int]) -> None:
        """Those of some rows on all evaluation rows."""
        new = [i for i in some if i not in self._formed]
        if not new:
            return
        p, phi = self._system.p, self._system.phi.mid
        features = fmpz_mat(len(new), p, [phi[self._rows[i], a] for i in new for a in range(p)])
        for i, line in zip(new, (features * self._across).tolist(), strict=True):
            self._formed[i] = array("q", [_shifted(int(x), down) for x, down in zip(line, self._downs, strict=True)])

    def form_all(self, point: int) -> None:
        """Those of all rows on one evaluation row, to be looked up."""
        if point not in self._whole:
            (q,), down = influences(self._system, [self._solutions[point]]), self._downs[point]
            self._whole[point] = array("q", [_shifted(int(q[i]), down) for i in self._rows])

    def all(self, point: int) -> array[int]:
        """Those of all rows on one evaluation row."""
        self.form_all(point)
        return self._whole[point]


def _shifted(x: int, down: int) -> int:
    return x >> down if down >= 0 else x << -down
