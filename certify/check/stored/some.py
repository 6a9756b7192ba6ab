"""Influences of the rows that deletions may take most with, and of those that are named (D4c, D4a)."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import nlargest
from math import isqrt
from operator import mul

from flint import arb, fmpz_mat

from certify.check.limits.shares import groups, shared
from certify.check.linalg.balls import ZERO
from certify.check.linalg.fixed import scale
from certify.check.stored.beside import Beside
from certify.check.stored.conditions import Margin
from certify.check.stored.ground import Ground
from certify.check.stored.largest import POINTS, Point
from certify.check.stored.single.heaviest import CUT, FINE, Heaviest
from certify.check.stored.whole import matrix
from certify.format.refusal import Invalid

TRIED = (1.0, 0.6, 1.6)
"""Multiples of a first guess of σ."""

FEW = 64
"""One row in so many has a residual that is large by itself."""

ROOM, EACH = 2**28, 130
"""Bytes for rows that are kept, and of each of them."""


@dataclass(frozen=True)
class Taken:
    """What deletions may take, whatever the point.

    Attributes:
        kappa, lam: bounds of the eigenvalues of `K_MM`, and `κ/(1 − κ)`.
        length: at least `|r_M|`.
        both: at least `Σ_M √K_ii|r_i|`.
        alone: whether M is one row, and residuals are divided by `1 − K_ii`.
    """

    kappa: arb
    lam: arb
    length: arb
    both: arb
    alone: bool = False

    def most(self, energy: arb, size: arb) -> arb:
        """At most `c_MᵀN⁻¹r_M`: by lengths, or by leverages row by row.

        `|c_i| ≤ √K_ii|e|`, so `|c_M| ≤ √κ|e|`, and `cᵀN⁻¹r ≤ Σ|c_i||r_i| + λ|c_M||r_M|`.
        """
        reach = self.kappa.sqrt() * energy
        whole = reach.min(size) * self.length / (1 if self.alone else 1 - self.kappa)
        return whole.min(energy * self.both + self.lam * reach * self.length).upper()


@dataclass
class Open:
    """An evaluation row that single rows have to decide."""

    number: int
    margins: list[Margin]
    point: Point
    energy: arb


@dataclass(frozen=True)
class Weighing:
    """`w = (1 + ½λ)cr + ¼λ(σc² + τr²)` of integers, times `2^52`: `once·cr + c2·c² + r2·r²`, `στ ≥ 1`, rounded up."""

    once: int
    c2: int
    r2: int

    def of(self, c: int, r: int) -> int:
        """Of one row."""
        return c * (self.once * r + self.c2 * c) + self.r2 * r * r

    def over(self, other: Weighing) -> int:
        """A whole number by which those of this one exceed those of another one at most, times `2^10`."""
        return 1 + max(-(-(mine << 10) // max(1, its)) for mine, its in ((self.c2, other.c2), (self.r2, other.r2),
                                                                        (self.once, other.once)))


def weighing(half: int, sigma: float) -> Weighing:
    """With `λ = half·2^−30`.

    >>> weighing(0, 1.0).of(3, 5) == 15 << 52
    True
    """
    s = max(1, int(min(sigma, 2.0**40) * 2.0**20))
    return Weighing(((1 << 31) + half) << 21, half * s, half * -(-(1 << 40) // s))


@dataclass
class _Kept:
    """The rows of a point with the largest bounds of w, whatever the contrast; `x·unit` are their influences.

    Attributes:
        rows: w, their numbers, and x.
        unit: of x.
        drop, short: bits that products have more, and that the solution loses.
        by: coefficients of w in units of `2^−10`, rounded up.
        bar: what no other row exceeds.
    """

    rows: list[tuple[int, int, int]]
    unit: arb
    drop: int
    short: int
    by: tuple[int, int, int]
    bar: int

    def take(self, more: list[tuple[int, int, int]], count: int) -> None:
        """Others that exceed the bar."""
        self.rows += more
        if len(self.rows) > count:
            self.rows.sort(reverse=True)
            del self.rows[count:]
            self.bar = self.rows[-1][0]


def screened(ground: Ground, beside: Beside, taken: Taken, rows: Sequence[Open], count: int, kept: int,
             bits: tuple[int, int], among: Heaviest) -> list[bool]:
    """Which evaluation rows are proved to keep their label, by one reading for as many as fit.

    Args:
        ground, beside, taken: of the training rows.
        rows: the evaluation rows.
        count: how many rows go.
        kept: how many rows are looked at for each contrast.
        bits: of features and solutions.
        among: the training rows whose influences are formed. Where those others may take too much by what is known of
            them alone, an evaluation row is left.
    """
    half, bits = _up(taken.lam * 2**FINE), (min(bits[0], ground.bits), bits[1])
    begun = [_begun(one, weighing(half, _ratio(taken.length, one.energy * taken.kappa.sqrt(), one.energy)), bits, among,
                    count) for one in rows]
    asked = [(one, *mine) for one, mine in zip(rows, begun, strict=True) if mine is not None]
    parts = groups(len(asked), ROOM // (EACH * kept))

    def group(number: int) -> list[bool]:
        some = [asked[j] for j in parts[number]]
        each = _read(ground, beside, [(one, mine) for one, mine, _ in some], kept, bits, among)
        return [_stays(beside, taken, one, mine, w, count, half, off)
                for (one, mine, w), off in zip(some, each, strict=True)]

    found = iter([yes for found in shared(group, len(parts)) for yes in found])
    return [mine is not None and next(found) for mine in begun]


def _begun(one: Open, w: Weighing, bits: tuple[int, int], among: Heaviest, count: int) -> tuple[_Kept, Weighing] | None:
    """Where a point begins; None where rows whose influences are not formed may take too much."""
    short = max(0, max(map(abs, one.point.u), default=0).bit_length() - bits[1])
    drop = bits[0] + one.point.bits - short - FINE + round(math.log2(_power(one.energy)))
    unit, by = scale(bits[0] + one.point.bits - short - drop), (-(-w.once >> 42), -(-w.c2 >> 42), -(-w.r2 >> 42))
    bar = among.bar(one.energy, unit, by)
    if bar is None:
        return None
    least = arb(count * bar) * scale(FINE + 10) * unit
    return (_Kept([], unit, drop, short, by, bar), w) if all(m.value > least for m in one.margins) else None


def _ratio(above: arb, below: arb, energy: arb) -> float:
    """σ in the units of integers: residuals in `2^−FINE`, influences in `energy·2^−FINE` about."""
    value = float(above) / max(float(below), 1e-300) * _power(energy)
    return value if math.isfinite(value) and value > 0 else 1.0


def _power(energy: arb) -> float:
    """A power of two about as large as the length of a point."""
    return math.ldexp(1.0, math.frexp(max(float(energy), 2.0**-900))[1])


def _read(ground: Ground, beside: Beside, some: Sequence[tuple[Open, _Kept]], most: int, bits: tuple[int, int],
          among: Heaviest) -> list[arb]:
    """Fill in what is kept; what each influence errs by."""
    p = ground.rows.shape[1]
    short = [fmpz_mat([[x >> mine.short for x in one.point.u] for one, mine in some[at:at + POINTS]])
             for at in range(0, len(some), POINTS)]
    for numbers, part in ground.rows.picked(ground.system.shifts, bits[0], among.rows):
        across = matrix(part, p).transpose()
        size = across.ncols()
        widest = [(beside.widest[i] >> CUT) + 2 for i in numbers]
        for at, us in zip(range(0, len(some), POINTS), short, strict=True):
            values = list(map(int, (us * across).entries()))
            for r, (_, mine) in enumerate(some[at:at + POINTS]):
                _take(mine, values[r * size:(r + 1) * size], widest, numbers, most)
    features = arb(p).sqrt() * scale(bits[0]) if bits[0] < ground.bits else ZERO
    return [(features * one.point.size + (p * scale(one.point.bits - mine.short) if mine.short else ZERO)
             + mine.unit).upper() for one, mine in some]


def _take(mine: _Kept, values: list[int], widest: list[int], numbers: Sequence[int], most: int) -> None:
    """The rows of a part whose bound of w exceeds the bar."""
    once, c2, r2 = mine.by
    bar, drop = mine.bar, mine.drop
    own = values if drop >= 0 else [x << -drop for x in values]
    drop = max(drop, 0)
    more = [(w, numbers[i], x) for i in _possible(own, widest, mine.by, bar, drop)
            if (w := (a := abs(x := own[i] >> drop)) * (once * (r := widest[i]) + c2 * a) + r2 * r * r) > bar]
    if more:
        mine.take(more, most)


def _possible(values: list[int], widest: list[int], by: tuple[int, ...], bar: int, drop: int) -> Iterable[int]:
    """The places of all rows whose bound may exceed the bar, and a few more.

    Among rows whose residual is no larger than r those whose influence is at most a have no bound above
    `a·(once·r + c2·a) + r2·r²`; r is what all but a few have.
    """
    once, c2, r2 = by
    r = nlargest(1 + len(widest) // FEW, widest)[-1]
    left = bar - r2 * r * r
    if left <= 0 or not (c2 or once * r):
        return range(len(values))
    a = (isqrt((once * r) ** 2 + 4 * c2 * left) - once * r) // (2 * c2) if c2 else left // (once * r)
    high, low = a + 1 << drop, -a << drop
    return sorted({i for i, x in enumerate(values) if x >= high or x < low} | {
        i for i, x in enumerate(widest) if x > r})


def _stays(beside: Beside, taken: Taken, one: Open, mine: _Kept, first: Weighing, count: int, half: int, each: arb,
           ) -> bool:
    """Whether every contrast is proved to stay: by the bounds that are kept, which serve all, or by its own terms."""
    c = [x for _, _, x in mine.rows]
    # of all rows, not of those that are kept alone
    size = ((one.energy * taken.kappa.sqrt()).upper() + one.margins[0].off + arb(count).sqrt() * each).upper()
    by, bar = (count, each, size), mine.bar << 42
    bounds = nlargest(count, [w << 42 for w, _, _ in mine.rows])
    for margin in one.margins:
        if _holds(beside, taken, margin, mine, first, bounds, bar, by):
            continue
        r = [beside.contrast(margin.condition, i) >> CUT for _, i, _ in mine.rows]
        more = None if beside.xi is None else [(beside.xi[i] >> CUT) + 1 for _, i, _ in mine.rows]
        tried = [first]
        if half:  # else w is the same whatever σ is
            products = list(map(mul, c, r))
            top = nlargest(count, range(len(c)), key=products.__getitem__)
            guess = math.sqrt((sum(float(r[i]) ** 2 for i in top) + 1) / (sum(float(c[i]) ** 2 for i in top) + 1))
            tried += [weighing(half, guess * f) for f in TRIED]
        if not any(_holds(beside, taken, margin, mine, w, _terms(w, c, r, more), (mine.bar * w.over(first)) << 32, by)
                   for w in tried):
            return False
    return True


def _terms(w: Weighing, c: list[int], r: list[int], more: list[int] | None) -> list[int]:
    """w of some rows; what others may add to a row is `|c_i|ξ_i` where there is a comparison, and then λ = 0."""
    own = list(map(w.of, c, r))
    return own if more is None else [x + w.once * abs(y) * z for x, y, z in zip(own, c, more, strict=True)]


def _holds(beside: Beside, taken: Taken, margin: Margin, mine: _Kept, w: Weighing, terms: list[int], bar: int,
           by: tuple[int, arb, arb]) -> bool:
    """Whether a contrast stays, with one σ: by terms of rows that are kept, where no other takes more than the bar."""
    count, each, size = by
    unit = mine.unit * scale(FINE)
    sum_ = arb(sum((x for x in nlargest(count, [*terms, *[bar] * count]) if x > 0), 0)) * scale(52) * unit
    dc = margin.off + arb(count).sqrt() * each
    dr = beside.off_of(margin.condition) + arb(count).sqrt() * scale(FINE) * 2
    c2, r2, once = (arb(x) * scale(52) for x in (w.c2, w.r2, w.once))
    ratio = scale(FINE) / mine.unit
    length = taken.length + dr
    slack = once * (size * dr + length * dc + dc * dr) + c2 * ratio * (2 * size + dc) * dc
    slack += r2 / ratio * (2 * length + dr) * dr
    return bool(margin.left(sum_ + slack, 0, ZERO) > 0)


def _up(x: arb) -> int:
    """A number that is not negative, rounded up."""
    found = x.upper().ceil().upper().unique_fmpz()
    if found is None:  # 0 would say that deletions take nothing
        raise Invalid("witness file", "it has an inverse", "one is needed by which deletions take a share below 1")
    return int(found)


@dataclass(frozen=True)
class Named:
    """Rows that are named for a point.

    Attributes:
        rows: their numbers.
        influences: of them on the point, in units of `unit`.
        leverages: of them.
        unit: of the influences.
        features: of the rows in whole numbers, where they are wanted.
    """

    rows: tuple[int, ...]
    influences: list[int]
    leverages: list[int]
    unit: arb
    features: tuple[array[int], ...] = ()


def named(ground: Ground, beside: Beside, points: Sequence[Point], rows: Sequence[tuple[int, ...]],
          whole: bool = False) -> list[Named]:
    """The influences of some rows on some points, by one reading.

    Args:
        ground, beside: of the training rows.
        points: the points.
        rows: for each of them.
        whole: whether their features are wanted too.
    """
    if not points:
        return []
    wanted = sorted({i for those in rows for i in those})
    asked: dict[int, list[int]] = {i: [] for i in wanted}
    for j, those in enumerate(rows):
        for i in those:
            asked[i].append(j)
    found: list[dict[int, int]] = [{} for _ in points]
    features: dict[int, array[int]] = {}
    p = ground.rows.shape[1]
    for numbers, part in ground.rows.picked(ground.system.shifts, ground.bits, wanted):
        for at, i in enumerate(numbers):
            row = part[at * p:(at + 1) * p]
            if whole:
                features[i] = array("q", row)
            for j in asked[i]:
                found[j][i] = sum(map(mul, row, points[j].u))
    return [Named(those, [mine[i] for i in those], [beside.leverages[i] for i in those],
                  scale(ground.bits + point.bits), tuple(features[i] for i in those if whole))
            for those, mine, point in zip(rows, found, points, strict=True)]
