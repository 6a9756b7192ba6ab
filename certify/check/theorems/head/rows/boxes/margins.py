"""D5 in balls, margins: what a proved box leaves of the margins of evaluation rows."""

from __future__ import annotations

from dataclasses import dataclass

from flint import arb, arb_mat, fmpz_mat

from certify.check.linalg.balls import ZERO
from certify.check.theorems.head.rows.boxes.fixed_rows import (
    Short,
    Squares,
    few,
    forms,
    lengths,
    power,
    short,
    size,
    square_forms,
    squares,
)
from certify.check.theorems.head.rows.boxes.largest import BACK
from certify.check.theorems.head.rows.boxes.products import rounding
from certify.check.theorems.head.rows.boxes.trap import WIDE, Box, above_ratio, integer, most, whole_above

ALIKE = 2.0**20
"""How far apart norms of rows may be before whole numbers of one unit lose more than those in few bits."""


@dataclass(frozen=True)
class Points:
    """Oriented evaluation rows.

    Attributes:
        rows, norms, short, exact: the rows, bounds of their norms, the rows in few bits, and as a matrix.
        levels: what the output of each has to exceed: the threshold, with the sign of the row.
        every: the products of the entries of all evaluation rows, None where there are too many.
        at: which of these the rows are.
    """

    rows: list[list[float]]
    norms: list[arb]
    short: Short
    exact: arb_mat
    levels: list[arb]
    every: Squares | None
    at: list[int]

    def some(self, at: list[int]) -> Points:
        """Some of them."""
        if len(at) == len(self.rows):
            return self
        p, rows, whole_rows = self.exact.ncols(), [self.rows[j] for j in at], [self.short.rows[j] for j in at]
        few_bits = Short(fmpz_mat(len(at), p, [x for row in whole_rows for x in row]), whole_rows,
                         [self.short.unit[j] for j in at], self.short.epsilon)
        return Points(rows, [self.norms[j] for j in at], few_bits,
                      arb_mat(len(at), p, [x for row in rows for x in row]), [self.levels[j] for j in at],
                      self.every, [self.at[j] for j in at])

    def margins(self, w: arb_mat) -> list[arb]:
        """How far the outputs at a column of weights lie above what they have to exceed."""
        return [x - level for x, level in zip((self.exact * w).entries(), self.levels, strict=True)]

    def forms(self, M: arb_mat, bound: arb) -> list[arb]:
        """Upper bounds of `eᵀMe`, M symmetric with `‖M‖ ≤ bound`, its radii left out."""
        if self.every is None:
            return forms(self.short, self.norms, M, bound)
        found = square_forms(self.every, self.exact.ncols(), [M])[0]
        return [found[j] for j in self.at]


def points(rows: list[list[float]], p: int, levels: list[float] | None = None) -> Points:
    """Rows e of which `e·w > 0` is in question, or `e·w` above a level of each."""
    norms = lengths(rows)
    sizes = [float(x) for x in norms]
    alike = max(sizes, default=0.0) <= ALIKE * min(sizes, default=0.0)
    each = squares(rows, norms, p) if alike else None
    return Points(rows, norms, short(rows, p), arb_mat(len(rows), p, [x for row in rows for x in row]),
                  [arb(x) for x in levels or [0.0] * len(rows)], each, list(range(len(rows))))


class Margins:
    """What a box leaves of the margins of points: `e·w − (the k largest pushes) − fixed`.

    Attributes:
        margin: `e·w` at the centre, above the level of e.
        fixed: what does not depend on the rows.
    """

    def __init__(self, found: Box, e: Points) -> None:
        self.found, self.e = found, e
        c = found.c
        self.margin = e.margins(c.w)
        beta = e.forms(found.half, (size(found.half) + found.off).upper())
        seen = e.forms(found.mean, found.bound)
        self.seen = [(x + found.off * r * r).max(ZERO).upper().sqrt() for x, r in zip(seen, e.norms, strict=True)]
        self.fixed = [(x + found.off * r * r).max(ZERO).upper().sqrt() * found.spread + r * (found.loose + found.still)
                      for x, r in zip(beta, e.norms, strict=True)]
        order = sorted(found.free, key=lambda i: -float(found.root[i] * found.sizes[i]))
        self.order = order
        self.ratio = above_ratio(found.back)
        wide = max(WIDE, 2 * found.k)
        self._some = _Pushes(self, order[:wide], order[wide:])
        self._rows: dict[int, dict[int, arb]] = {}

    def _all(self, at: int) -> dict[int, arb]:
        """Upper bounds of the pushes of all free rows at a point: with `u = Ae`, `|s·u − ŝ·û| ≤ |s|ζ`."""
        if at not in self._rows:
            found, s = self.found, self.found.c.sums
            u = found.mean * arb_mat(s.p, 1, [arb(x) for x in self.e.rows[at]])
            coarse = few(u.mid(), s.p)
            zeta = rounding(s.short, u, coarse)
            x = (s.short.mat * coarse.mat).entries()
            pushes = {}
            for i in found.free:
                c = arb(x[i]) * power(s.short.unit[i] + coarse.unit)
                pushes[i] = (c.max(-c * found.back) + s.norms[i] * zeta) * found.sizes[i]
            self._rows[at] = pushes
        return self._rows[at]

    def holds(self, at: int, without: set[int]) -> bool:
        """Whether the margin of a point is proved to stay positive if none of some rows changes."""
        if self._some.holds(at, without):
            return True
        push = most([x for i, x in self._all(at).items() if i not in without], self.found.k)
        return bool(self.margin[at] - self.fixed[at] > push)

    def still(self, at: int) -> bool:
        """Whether the margin of a point is proved to be positive if no further row changes."""
        return bool(self.margin[at] - self.fixed[at] > 0)

    def blocking(self, at: int) -> list[int]:
        """Free rows whose change alone is not proved to leave the margin positive (for boxes with k = 1)."""
        found = self._some.blocking(at)
        if found is None:
            room = self.margin[at] - self.fixed[at]
            found = [i for i, x in self._all(at).items() if not room > x]
        return found


class _Pushes:
    """Products of points with some rows; the others share the bound `|e|_A·max |s|_Aσ`."""

    def __init__(self, margins: Margins, cols: list[int], left: list[int]) -> None:
        found, e = margins.found, margins.e
        self.margins, self.cols, self.left = margins, cols, left
        s = found.c.sums
        Z = found.mean * arb_mat([[arb(x) * found.sizes[i] for x in s.rows[i]] for i in cols]).transpose()
        coarse = few(Z.mid(), s.p)
        self.unit = coarse.unit
        self.flat = [int(x) for x in (e.short.mat * coarse.mat).entries()]
        self.zeta = rounding(e.short, Z, coarse)
        self.others = ZERO
        for i in left:
            self.others = self.others.max((found.root[i] * found.sizes[i]).upper())

    def _room(self, at: int) -> arb:
        m = self.margins
        return m.margin[at] - m.fixed[at] - m.found.k * self.zeta * m.e.norms[at]

    def _row(self, at: int) -> tuple[list[int], int, int]:
        """Pushes of a point in whole numbers, the bound of the other rows, and the unit."""
        m, width = self.margins, len(self.cols)
        unit = m.e.short.unit[at] + self.unit
        row = self.flat[at * width : (at + 1) * width]
        values = [x if x > 0 else (-x * m.ratio >> BACK) + 1 for x in row]
        return values, (whole_above(m.seen[at] * self.others, unit) if self.left else 0), unit

    def holds(self, at: int, without: set[int]) -> bool:
        k = self.margins.found.k
        values, floor, unit = self._row(at)
        if without:
            values = [x for x, i in zip(values, self.cols, strict=True) if i not in without]
        if self.left:
            values = [max(x, floor) for x in values] + [floor] * k
        top = sum(sorted(values)[-k:])
        return bool(self._room(at) > top * power(unit))

    def blocking(self, at: int) -> list[int] | None:
        values, floor, unit = self._row(at)
        room = self._room(at)
        if not room > 0:
            return list(self.margins.found.free)
        most_allowed = integer((room.lower() * power(-unit)).floor())
        if floor >= most_allowed and self.left:
            return None
        return [i for x, i in zip(values, self.cols, strict=True) if x >= most_allowed]
