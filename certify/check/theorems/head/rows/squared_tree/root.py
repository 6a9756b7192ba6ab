"""D4d in integers, before any deletion: diagonal and columns of the hat matrix, residuals, influences and contrasts.

Numbers are integers times `2^−BITS` times a power of two of their own: K has none, residuals have one, influences one
for each point, and contrasts that of their product.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from heapq import nlargest
from math import isqrt

from flint import arb, fmpz, fmpz_mat

from certify.check.linalg.balls import ZERO, norm
from certify.check.linalg.fixed import scale
from certify.check.theorems.head.rows.head import Head
from certify.check.theorems.head.rows.squared.node import BITS
from certify.check.theorems.head.rows.squared.ridge import (
    FEATURE_BITS,
    Ridge,
    Solution,
    Whole,
    influences,
    nearest,
    whole_rows,
)
from certify.check.theorems.head.rows.squared.root import bottom, ceiling, units
from certify.check.theorems.head.rows.squared.roots import weighed
from certify.check.theorems.head.rows.squared_tree.influences import Influences, exponent
from certify.check.theorems.head.rows.squared_tree.leverages import leverages
from certify.check.theorems.head.rows.squared_tree.majorant import Majorant, majorant

Contrasts = tuple[list[tuple[int, int, int]], list[int], list[int]]
"""Outputs and signs, values and errors."""


@dataclass(frozen=True)
class Point:
    """One evaluation row.

    Attributes:
        c: influences of the rows that may go, on all evaluation rows.
        place: of this one among these.
        ec: what each errs by.
        reach, least: bounds of `eᵀH⁻¹e` from above and from below, in the units of c twice.
        shift: these units are `2^(shift − BITS)`.
        pairs: `(a, b, sign)` of its contrasts; b is −1 with one output.
        z, ez: of each its value and error.
    """

    c: Influences
    place: int
    ec: int
    reach: int
    least: int
    shift: int
    pairs: list[tuple[int, int, int]]
    z: list[int]
    ez: list[int]

    def every(self) -> Sequence[int]:
        """The influences of all rows that may go on this one."""
        return self.c.all(self.place)


@dataclass(frozen=True)
class Outputs:
    """Residuals of every output on the rows that may go, and what contrasts are made of.

    `wrong` is what the targets of an output err by, in length, where they are times roots of weights.
    """

    R: list[list[int]]
    er: int
    shift: int
    products: list[list[fmpz]]
    bits: int
    lengths: list[arb]
    wrong: list[arb]


@dataclass(frozen=True)
class Root:
    """Everything before deletions.

    Attributes:
        hat: bounds of the hat matrix.
        d: its diagonal.
        columns: by row of an order its column.
        eK: error of every entry of `d` and of columns.
        R, er: residuals of every output, and what each errs by.
        points: by number.
    """

    hat: Majorant
    d: list[int]
    columns: dict[int, list[int]]
    eK: int
    R: list[list[int]]
    er: int
    points: dict[int, Point]


def root_of(head: Head, system: Ridge, rows: list[int], hot: list[int], at: list[int],
            few: int | None = None, outputs: Outputs | None = None, bounds: Mapping[int, float] | None = None) -> Root:
    """That of the rows that may go, for points `at`; `hot` are places in `rows` of the rows of orders.

    Outputs are those of the head's targets unless they are given. Of the hat matrix so few columns with the largest
    leverages are formed, and as many with large residuals as well. With bounds contrasts are those of the one output's
    fall and rise, which start there (D23); else those that keep labels.
    """
    own = leverages(system, rows)
    d, wrong = own.d, own.wrong
    outputs = outputs_of(head, system, rows) if outputs is None else outputs
    hat = majorant(system, rows, own, formed_of(d, outputs.R, hot, few))
    del own  # it holds the largest numbers here
    named = [rows[q] for q in hot]
    own_roots = system.roots and system.roots.of(named)
    solutions = system.of_rows([head.rows[i] for i in named], own_roots)[1] if hot else []
    columns, worst = {}, ZERO
    for q, s, column in zip(hot, solutions, influences(system, solutions), strict=True):
        columns[q] = [units(column[i], FEATURE_BITS + s.bits) for i in rows]
        worst = worst.max(s.off)
    return Root(hat, d, columns, max(wrong, ceiling(worst, 0) + 1), outputs.R, outputs.er,
                points_of(head, system, rows, at, outputs, bounds))


def formed_of(d: Sequence[int], R: Sequence[Sequence[int]], hot: Sequence[int], few: int | None) -> list[int]:
    """Which columns of the hat matrix are formed: all, or some, and so many of the largest leverages and pulls."""
    every = list(range(len(d)))
    if few is None:
        return every
    ranges = [max(r) - min(min(r), 0) if len(r) > 1 else abs(r[0]) for r in zip(*R, strict=True)]
    roots = [isqrt(max(x, 0)) for x in d]
    return sorted({*hot, *nlargest(few, every, key=roots.__getitem__),
                   *nlargest(few, every, key=lambda i: roots[i] * ranges[i])})


def outputs_of(head: Head, system: Ridge, rows: list[int]) -> Outputs:
    """The refit of every output."""
    columns = [[Fraction(y[a]) for y in head.targets] for a in range(head.k)]
    bits = max(x.denominator.bit_length() - 1 for column in columns for x in column)
    across = system.phi.mid.transpose()
    residuals, products, lengths, off, fine, wrong = [], [], [], ZERO, [], []
    whole = [weighed(system.roots, [int(x * (1 << bits)) for x in column], bits) for column in columns]
    bits = whole[0][1]
    for T, _, wide in whole:
        right = across * fmpz_mat(len(T), 1, T)
        size = (norm(map(arb, T)) * scale(bits)).upper()
        (v,) = system.solved(Whole(right.transpose(), FEATURE_BITS + bits, ZERO), [(system.loose * size).upper()])
        (fitted,) = influences(system, [v])
        deep = FEATURE_BITS + v.bits
        residuals.append([(T[i] << max(deep - bits, 0)) - (int(fitted[i]) << max(bits - deep, 0)) for i in rows])
        fine.append(max(deep, bits))
        products.append(right.entries())
        lengths.append(size)
        wrong.append(wide)
        off = off.max(v.off + wide)
    shift = max(max((x.bit_length() for x in r), default=0) - f for r, f in zip(residuals, fine, strict=True))
    R = [[units(x, f + shift) for x in r] for r, f in zip(residuals, fine, strict=True)]
    return Outputs(R, ceiling(off, shift) + 1, shift, products, bits, lengths, wrong)


def points_of(head: Head, system: Ridge, rows: list[int], at: list[int], outputs: Outputs,
              bounds: Mapping[int, float] | None = None) -> dict[int, Point]:
    """Influences, reach and contrasts of some evaluation rows."""
    evaluated = head.evaluated.tolist()
    floats, loose = nearest([evaluated[j] for j in at])
    solutions = system.solutions(floats, loose)
    whole = whole_rows(floats, system.shifts, FEATURE_BITS)
    ends = []
    for row, off, s in zip(whole.mid.tolist(), loose, solutions, strict=True):
        form = arb(sum([x * y for x, y in zip(row, s.u, strict=True)], fmpz(0))) * scale(FEATURE_BITS + s.bits)
        near = whole.radius + off * arb(2) ** -min(system.shifts)
        # eᵀH⁻¹e = e·u + eᵀH⁻¹ρ, so that |e|_H⁻¹ is the root of e·u to within |ρ|_H⁻¹
        far, least = (form + near * s.size).max(ZERO).sqrt(), (form - near * s.size).max(ZERO).sqrt()
        ends.append(((least - s.off).max(ZERO).lower(), (far + s.off).upper()))
    # |φᵀH⁻¹e| ≤ |φ|_H⁻¹|e|_H⁻¹, and the former is at most 1
    shifts = [exponent((most + s.off).upper()) for (_, most), s in zip(ends, solutions, strict=True)]
    c = Influences(system, rows, solutions, shifts)
    found = {}
    for place, j in enumerate(at):
        both = outputs.shift + shifts[place]
        contrasts = (_labelled(head, outputs, solutions[place], head.today[j], both) if bounds is None
                     else _bounded(bounds[j], both))
        low, high = ends[place]
        found[j] = Point(c, place, ceiling(solutions[place].off, shifts[place]) + 1,
                         (ceiling(high, shifts[place]) + 1) ** 2, bottom(low, shifts[place]) ** 2, shifts[place],
                         *contrasts)
    return found


def _bounded(bound: float, both: int) -> Contrasts:
    """The fall and the rise of the one output, which start at a bound and lose what deletions take; rounded down."""
    z = Fraction(bound) * Fraction(2) ** (BITS - both)
    return [(0, -1, 1), (0, -1, -1)], [z.numerator // z.denominator] * 2, [0, 0]


def _labelled(head: Head, outputs: Outputs, solution: Solution, today: int, both: int) -> Contrasts:
    """Those that keep the label of today, in units of `2^(both − BITS)`."""
    fine = FEATURE_BITS + solution.bits
    values, errors = [], []
    for products, size, wide in zip(outputs.products, outputs.lengths, outputs.wrong, strict=True):
        total = sum((x * y for x, y in zip(solution.u, products, strict=True)), fmpz(0))
        values.append(arb(total) * scale(fine + outputs.bits))
        errors.append(solution.off * size + (solution.length + solution.off) * wide)
    pairs, z, ez = [], [], []
    for b in [-1] if head.k == 1 else [b for b in range(head.k) if b != today]:
        if b < 0:
            threshold = Fraction(head.threshold)
            sign = 1 if today == 1 else -1
            value = sign * (values[0] - arb(threshold.numerator) / threshold.denominator)
            off = errors[0]
        else:
            sign, value, off = 1, values[today] - values[b], errors[today] + errors[b]
        middle = (value.mid() * arb(2) ** (BITS - both)).mid()
        mantissa, e = middle.man_exp()
        pairs.append((today if b >= 0 else 0, b, sign))
        z.append(int(mantissa) << int(e) if e >= 0 else int(mantissa) >> -int(e))
        ez.append(ceiling(value.rad() + off + abs(value.mid()) * arb(2) ** -50, both) + 2)
    return pairs, z, ez
