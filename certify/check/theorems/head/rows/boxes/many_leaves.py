"""D6, leaves of large heads in whole numbers: many refits at once, of rows that are whole multiples of one number.

Pixels, counts and one-hot columns are so. Margins are then exact, slopes come from a table, and what is rounded on the
way is counted row by row in the norm of the inverse Hessian. Leaves that this does not prove are looked at in balls.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import frexp
from operator import add, mul, sub

from flint import arb, arb_mat, ctx, fmpz, fmpz_mat

from certify.check.linalg.balls import ZERO, largest, norm
from certify.check.theorems.head.rows.boxes.fixed_rows import forms_of, power
from certify.check.theorems.head.rows.boxes.leaves import FIRST, Base, Lengths, distance, held, own_share
from certify.check.theorems.head.rows.boxes.margins import Points
from certify.check.theorems.head.rows.boxes.trap import integer

MANY, LARGE = 32, 1 << 21
"""Leaves, and entries of the rows, from which on it is done so."""

AT_ONCE = 1 << 21
"""Margins that are held at once."""

WEIGHT, SLOPE, CELL, LAST = 30, 38, 12, 27
"""Negative binary logarithms of the units of weights and slopes and of the width of a table's cell; and the margin
beyond which a slope is less than a unit from 0 or 1: `e^−27·2^38 < 1`."""

UNITS, POINTS, LONGEST = (2.0**-200, 2.0 ** (WEIGHT - CELL - 8)), (2.0**-200, 2.0**200), 2.0**200
"""Between what the units of rows (a margin's unit is far below the width of a cell) and of points lie, and the largest
weight of a leaf: whole numbers of other sizes would not fit doubles. Others are looked at in balls."""

CURVED = 2.0 ** (-2 * CELL - 2)
"""Of the slope, or of what it is from 1: what a chord over a cell is off by, twice, as `|p''| ≤ min(p, 1 − p)`."""

MOST = 4096
"""Different sizes of entries, and the largest multiple."""

NEAR, EXACT = 1e-9, 2.0**-45
"""How near a whole number a quotient is to look, and of the largest entry, how far a multiple may be off."""


@dataclass(frozen=True)
class WholeRows:
    """Rows `unit` times whole numbers.

    Attributes:
        mat: the whole numbers.
        unit: positive.
        off: what a row may be off by, in length.
    """

    mat: fmpz_mat
    unit: arb
    off: arb


def whole_rows(rows: list[list[float]], p: int) -> WholeRows | None:
    """Rows of p entries; None where they are no such multiples.

    >>> found = whole_rows([[1.0, 0.2, -0.4]], 3)
    >>> found is not None and found.mat.tolist() == [[5, 1, -2]], whole_rows([[1.0, 0.123456789]], 2)
    (True, None)
    """
    sizes = {abs(x) for row in rows for x in row}
    top = max(sizes, default=0.0)
    if not 0.0 < top < 2.0**500 or len(sizes) > MOST or any(0.0 < x < top * 0.5 / MOST for x in sizes):
        return None
    for parts in range(1, MOST + 1):
        by = parts / top
        if all(abs(x * by - round(x * by)) < NEAR for x in sizes):
            break
    else:
        return None
    unit = arb(top) / parts
    number = {x: round(x * by) for x in sizes}
    off = max((float((arb(x) - unit * k).abs_upper()) for x, k in number.items()), default=0.0) * (1 + 2.0**-50)
    if not off <= EXACT * top:
        return None
    number |= {-x: -k for x, k in number.items() if k}
    mat = fmpz_mat(len(rows), p, [number[x] for row in rows for x in row])
    return WholeRows(mat, unit, (arb(off) * arb(p).sqrt()).upper())


@dataclass(frozen=True)
class Table:
    """Slopes `2^SLOPE/(1 + e^t)` of margins in whole numbers of some unit, by chords.

    Attributes:
        cell: binary logarithm of the numbers in a cell.
        first: minus the least number in the table.
        at, falls: the value at the lower end of each cell, rounded down, and what it falls by to the next.
    """

    cell: int
    first: int
    at: list[int]
    falls: list[int]

    def slopes(self, margins: list[int]) -> list[int]:
        """Within 3 units and `CURVED` of the slope, or of its complement.

        A unit is lost where ends are rounded down, one where a part of a fall is, and one beyond the table.
        """
        cell, first, at, falls = self.cell, self.first, self.at, self.falls
        mask, end, one = (1 << cell) - 1, len(at) << cell, 1 << SLOPE
        moved = [x + first for x in margins]
        return [at[x >> cell] - (falls[x >> cell] * (x & mask) >> cell) if 0 <= x < end else 0 if x > 0 else one
                for x in moved]


def table(unit: arb) -> Table:
    """For margins in multiples of a unit far below the width of a cell."""
    return _table(unit.mid().man_exp(), unit.rad().man_exp(), ctx.prec)


@lru_cache(maxsize=1)
def _table(middle: tuple[fmpz, fmpz], radius: tuple[fmpz, fmpz], _: int) -> Table:
    """Of a unit `middle ± radius`, made once for all nodes of a tree: they share its rows, and it takes seconds."""
    unit = arb(middle, radius)
    cell = -CELL - frexp(float(unit.upper()))[1]
    width = unit * power(cell)
    half = int(float((arb(LAST) / width).upper())) + 1
    ends = [int(float((1 / (1 + (width * c).exp())).lower() * power(SLOPE)) * (1 - 2.0**-50))
            for c in range(-half, half + 1)]
    return Table(cell, half << cell, ends[:-1], list(map(sub, ends, ends[1:])))


class ManyLeaves:
    """Leaves at a centre of which no label is changed yet, where rows count alike.

    Args:
        b: the inverse at the centre.
        e: points.
        s: the rows in whole numbers; `seen` the points.
    """

    def __init__(self, b: Base, e: Points, s: WholeRows, seen: WholeRows) -> None:
        self.b, self.s, self.seen = b, s, seen
        bound = (b.big + b.off).upper()
        lengths = [(x + b.off * r * r).max(ZERO).upper().sqrt().upper() for x, r in zip(
            forms_of(b.c.sums, [(b.X, bound)])[0], b.c.sums.norms, strict=True)]
        self.long, self.longest = sum(lengths, ZERO).upper(), largest(lengths)
        self.unit = s.unit * power(-WEIGHT)
        self.table = table(self.unit)
        near = [float((abs(t) / self.unit).lower()) * (1 - 2.0**-50) for t in b.c.t]
        self.near = [int(min(max(0.0, x), 2.0**400)) for x in near]
        self.points = [float((x / (seen.unit * power(-WEIGHT))).upper()) * (1 + 2.0**-50)
                       for x in Lengths(b, e).sharp]
        self.levels = [integer((x / (seen.unit * power(-WEIGHT))).upper().ceil()) for x in e.levels]
        self.across = s.mat.transpose()
        self.seen_across = seen.mat.transpose()

    @cached_property
    def decay(self) -> arb_mat:
        """The decay of every column, on a diagonal."""
        return self.b.c.sums.diagonal

    def some(self, leaves: Sequence[tuple[int, Sequence[float], Sequence[int]]]) -> Iterator[list[bool]]:
        """Which of the points wanted each leaf proves; a leaf is a row, weights, and the points."""
        rows, wanted = [i for i, _, _ in leaves], [at for _, _, at in leaves]
        if not rows:
            return
        fits = [all(abs(x) <= LONGEST for x in w) for _, w, _ in leaves]
        whole = [round(x * 2.0**WEIGHT) if fit else 0 for fit, (_, w, _) in zip(fits, leaves, strict=True) for x in w]
        W = fmpz_mat(len(rows), self.s.mat.ncols(), whole)
        size = [norm(line).upper() for line in (arb_mat(W) * power(-WEIGHT)).tolist()]
        moved = self._moved(rows, W, size)
        lines = (W * self.seen_across).tolist()
        for line, x, r, which, fit in zip(lines, moved, size, wanted, fits, strict=True):
            if not (fit and x.is_finite()):
                yield [False] * len(which)
                continue
            margins, reach = list(map(int, line)), float(x.upper()) * (1 + 2.0**-50)
            lost = float((self.seen.off * r / (self.seen.unit * power(-WEIGHT))).upper()) + 1.0
            yield [margins[j] - self.levels[j] > (self.points[j] * reach + lost) * (1 + 2.0**-50) for j in which]

    def _moved(self, rows: Sequence[int], W: fmpz_mat, size: Sequence[arb]) -> list[arb]:
        """How far each minimiser may lie from its weights, in the norm of the Hessian at the centre."""
        b, relabels, one, off = self.b, self.b.c.sums.relabels, 1 << SLOPE, self.s.off
        pulls, lost, total = [], [], []
        for a, line in enumerate((W * self.across).tolist()):
            margins, i = list(map(int, line)), rows[a]
            slopes = self.table.slopes(margins)
            slopes[i] = slopes[i] - one
            for j in () if relabels else (i, *b.c.out):
                slopes[j] = margins[j] = 0
            total.append(sum(slopes) + (one if relabels else 0))
            lost.append(self._lost(margins, off * size[a]))
            pulls.append(slopes)
        # margins are off by |s − ŝ||w|, slopes by no more, and the sum of rows by |s − ŝ| times their slopes
        G = arb_mat(fmpz_mat(pulls) * self.s.mat) * (self.s.unit * power(-SLOPE))
        G = arb_mat(W) * power(-WEIGHT) * self.decay - G
        found, root = [], b.big.sqrt()
        for a, (g, y) in enumerate(zip(G.tolist(), (G * b.X).tolist(), strict=True)):
            slope = arb(total[a]) * power(-SLOPE) + 3 * len(self.near) * power(-SLOPE)
            wrong = (self.long * (3 * power(-SLOPE) + off * size[a]) + self.longest * slope * CURVED
                     + root * off * (slope + 1))
            length = (sum(map(mul, g, y), ZERO).max(ZERO) + b.off * norm(g) ** 2).sqrt() + wrong
            farther = held(b, lost[a], ZERO if relabels else own_share(b, rows[a]))
            found.append(distance(b, length.upper(), *farther))
        return found

    def _lost(self, margins: list[int], off: arb) -> list[float]:
        """At least how much farther from 0 than at the centre each margin is; only the most where that is little."""
        one, more = float(self.unit.upper()) * (1 + 2.0**-50), float(off.upper()) * (1 + 2.0**-50)
        most = max(max(map(sub, margins, self.near)), -min(map(add, margins, self.near)), 0) * one + more
        most *= 1 + 2.0**-50
        if most <= FIRST:  # as it is returned: above that every row needs a number of its own
            return [most]
        return [((abs(x) - t) * one + more) * (1 + 2.0**-50) if abs(x) > t else more
                for x, t in zip(margins, self.near, strict=True)]


def many(b: Base, e: Points, count: int) -> ManyLeaves | None:
    """The same where leaves are many and rows allow it; else None."""
    s = b.c.sums
    if count < MANY or s.n * s.p < LARGE or s.weights is not None or (b.c.out and s.relabels):
        return None
    own, seen = whole_rows(s.rows, s.short.mat.ncols()), whole_rows(e.rows, s.p)
    if own is None or seen is None or not (_between(own.unit, UNITS) and _between(seen.unit, POINTS)):
        return None
    return ManyLeaves(b, e, own, seen)


def _between(x: arb, ends: tuple[float, float]) -> bool:
    return bool(x > ends[0]) and bool(x < ends[1])
