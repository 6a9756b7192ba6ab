"""Many listed sets at once: whose refits keep the label, by gradients in whole numbers (D7, Lemma 4)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import frexp, inf, ldexp, sqrt
from operator import mul

from flint import arb, arb_mat, fmpz_mat

from certify.check.linalg.balls import ZERO, norm
from certify.check.theorems.head.rows.energy.lines import Lines
from certify.check.theorems.head.rows.energy.sigmoids import (
    BITS,
    CELLS,
    LARGEST,
    PLACES,
    ROUNDED,
    STEEP,
    WIDE,
    curvature,
    steepness,
    values,
)
from certify.check.theorems.head.rows.energy.sigmoids import ZERO as MIDDLE

FEW, AT_ONCE = 16, 256
"""Sets below which each by itself is as soon done; and how many are looked at together."""
TRIES, ROOM = 3, 1.5
"""Balls about weights that are tried, and how much larger one is than the last one needed."""
WORD = 62
"""Bits that sums of products take no more than."""
UP = 1 + 2.0**-30
"""More than the roundings of a sum of millions of numbers that are not negative."""
HUGE, TINY = 2.0**300, 2.0**-700
"""Inputs, weights and moduli beyond are left to balls. Points as short as TINY are, too, and so are margins: doubles
below 2^-1022 lose less of a point, `2^-1074` an entry, times weights. Gradients count as long as its root at least."""


@dataclass(frozen=True)
class Narrow:
    """Inputs in few bits, columns scaled by powers of two so that none is beyond 1.

    Attributes:
        lines: the head's.
    """

    lines: Lines

    @cached_property
    def bits(self) -> tuple[int, int]:
        """Of inputs, and of weights: sums of p products fit a word."""
        both = WORD - self.lines.A.ncols().bit_length()
        return both // 2 - 1, both - both // 2

    @cached_property
    def tops(self) -> list[float]:
        """The largest size in every column."""
        return [max(float(abs(x).upper()) for x in column) for column in self.lines.A.transpose().tolist()]

    @cached_property
    def fits(self) -> bool:
        """Whether the head is one that this is for: of one output, its rows not far from 0 and of usual size."""
        lines = self.lines
        return lines.width == 1 and 1 / HUGE < max(self.tops) < HUGE and not (lines.free and lines.head.far)

    @cached_property
    def powers(self) -> list[int]:
        """e by column: no entry is larger than 2^e."""
        return [max(frexp(x)[1], -300) for x in self.tops]

    @cached_property
    def numbers(self) -> tuple[fmpz_mat, float, float]:
        """`2^(bits − e) A` in whole numbers; what one is off by, in `2^e`; and the most that those of a line are long.

        The length is the sum of the sizes, of the inputs as they are and of the whole numbers.
        """
        A, bits, whole, off, long = self.lines.A, self.bits[0], list[int](), 0.0, 0.0
        back = [ldexp(1.0, -e) for e in self.powers]
        for line in A.tolist():
            scaled = [float(x) * s for x, s in zip(line, back, strict=True)]
            off = max(off, *(float(x.rad()) * s for x, s in zip(line, back, strict=True)))
            long = max(long, sum(map(abs, scaled)))
            whole += [int(ldexp(x, bits)) for x in scaled]
        off = (off + 1.01 * 2.0**-bits) * UP
        return fmpz_mat(A.nrows(), A.ncols(), whole), off, (long + A.ncols() * off) * UP

    @cached_property
    def sizes(self) -> list[float]:
        """At least the length of every line."""
        return [float(norm(line).upper()) * UP for line in self.lines.A.tolist()]


def settled(narrow: Narrow, e: list[arb], sets: list[list[int]], weights: list[list[float]]) -> list[bool]:
    """Which sets have a refit that is proved to keep the label; of many that lie near one another.

    Args:
        narrow: the inputs of a head with one output.
        e: the label stays while `e·w > c`.
        sets: of alternatives, of distinct rows each.
        weights: near their refits.
    """
    if len(sets) < FEW:
        return [False] * len(sets)
    found, count = list[bool](), -(-len(sets) // AT_ONCE)
    for part in range(count):  # of nearly equal size
        at = slice(part * len(sets) // count, (part + 1) * len(sets) // count)
        found += _some(narrow, e, sets[at], weights[at])
    return found


def _some(narrow: Narrow, e: list[arb], sets: list[list[int]], W: list[list[float]]) -> list[bool]:
    lines, nothing = narrow.lines, [False] * len(sets)
    if not narrow.fits or not all(sum(map(abs, w)) < HUGE for w in W):
        return nothing
    columns = list(zip(*W, strict=True))
    at = outputs(narrow, columns)
    if at is None:
        return nothing
    gradient, lost = gradients(narrow, at, sets, columns)
    long = [sqrt(sum(map(mul, g, g))) * UP + lost for g in gradient]
    share, ball = _share(narrow, at, max(long))
    seen = float(norm(e).upper()) * UP
    if not (1 / HUGE < share < inf and seen > TINY):  # of all bits, as are their products with gradients
        return nothing
    reach = [max(max(column), -min(column)) for column in columns]
    about, c = [float(x) for x in e], float(lines.level)
    room = 2.0**-50 * (len(e) + 4) * (sum(abs(x) * y for x, y in zip(about, reach, strict=True)) + abs(c))
    room = (room + float(lines.level.rad()) + sum(float(x.rad()) * y for x, y in zip(e, reach, strict=True))) * UP
    room += TINY
    return [x * share * UP < ball and sum(map(mul, about, w)) - c - room > x * share * UP * seen
            for x, w in zip(long, W, strict=True)]


@dataclass(frozen=True)
class Outputs:
    """Slopes of all lines, each at the weights of several sets, and where the outputs lie.

    Attributes:
        slopes: `2^BITS σ(z)`, line by line, about.
        most, least: of `|z|` over the sets, by line: no more, no less.
        off: by line, what a slope is off by at most.
    """

    slopes: list[list[int]]
    most: list[float]
    least: list[float]
    off: list[float]


def outputs(narrow: Narrow, columns: list[tuple[float, ...]]) -> Outputs | None:
    """Those at weights given column by column, from the middle of each; None where they are too far from each other."""
    S, off, longest = narrow.numbers
    middle = [0.5 * min(c) + 0.5 * max(c) for c in columns]
    wide = [ldexp(max(max(c) - m, m - min(c)), e) for c, m, e in zip(columns, middle, narrow.powers, strict=True)]
    top = max(frexp(max(wide))[1], -100)
    bits = narrow.bits[1] - top
    drop = narrow.bits[0] + bits - PLACES  # a sum of products is a multiple of 2^-(drop + PLACES)
    if not drop >= 0:
        return None
    V = fmpz_mat(len(columns), len(columns[0]), [
        int((x - m) * s) for c, m, e in zip(columns, middle, narrow.powers, strict=True)
        for s in (ldexp(1.0, e + bits),) for x in c])
    blur = off * sum(wide) * UP + longest * 1.01 * 2.0**-bits
    start = (narrow.lines.A * arb_mat([[arb(x)] for x in middle])).entries()
    unit, found = 2.0 ** -(drop + PLACES), Outputs([], [], [], [])
    for row, z in zip((S * V).tolist(), start, strict=True):
        mid = float(z)
        if not abs(mid) < 2.0**20:
            return None
        numbers = list(map(int, row))
        away = int(ldexp(mid, drop + PLACES))
        # the float's rounding, the cut of it, and that of what `values` takes
        error = (blur + float(z.rad()) + 2.0**-50 * abs(mid) + unit + 2.0**-PLACES) * UP
        low, high = (away + min(numbers)) * unit, (away + max(numbers)) * unit
        if max(high, -low) >= LARGEST:
            end = LARGEST << drop + PLACES
            numbers = [min(max(x + away, -end), end) - away for x in numbers]
        found.slopes.append(values(numbers, away + (MIDDLE << drop), drop))
        found.most.append(max(high, -low) * UP + error)
        found.least.append(max(low, -high) * (2 - UP) - error)
        bend = steepness(found.least[-1] - 2.0**-CELLS)  # anywhere in the cells that are met
        found.off.append((bend * error + min(bend, STEEP) * WIDE + ROUNDED) * UP)
    return found


def gradients(narrow: Narrow, at: Outputs, sets: list[list[int]], columns: list[tuple[float, ...]],
              ) -> tuple[list[list[float]], float]:
    """Of every set at its weights, and what each is off by at most."""
    lines, count = narrow.lines, len(sets)
    A, unit, off = lines.whole
    whole = [x - (t << BITS) for line, t in zip(at.slopes, lines.tau, strict=True) for x in line]
    for b, some in enumerate(sets):
        for l in some:
            for i, change in lines.deltas[l]:
                whole[i * count + b] -= change << BITS
    scale, mu, held = float(unit) * 2.0**-BITS, float(lines.mu), set(lines.free)
    parts, n, p = [], A.nrows(), A.ncols()
    for j, (numbers, column) in enumerate(zip((A.transpose() * fmpz_mat(n, count, whole)).tolist(), columns,
                                              strict=True)):
        decay = 0.0 if j in held else mu
        parts.append([float(x) * scale + decay * w for x, w in zip(numbers, column, strict=True)])
    reach = max(max(max(c), -min(c)) for c in columns)
    # slopes less targets are at most 2, and the sum of the lengths bounds every sum of theirs
    total = sum(narrow.sizes)
    lost = sum(map(mul, at.off, narrow.sizes)) + sqrt(p) * (2 * n * float(off.upper()) + float(lines.mu.rad()) * reach)
    lost += 2.0**-48 * (2 * total + sqrt(p) * (2 * n * float(off.upper()) + mu * reach))
    return [list(g) for g in zip(*parts, strict=True)], lost * UP + TINY**0.5


def _share(narrow: Narrow, at: Outputs, longest: float) -> tuple[float, float]:
    """A number and a ball: a gradient no longer than the ball over it has a refit within that many times its length."""
    lines = narrow.lines
    mu = lines.mu
    if not lines.free:
        return float((1 / mu).upper()) * UP, inf
    if not longest < inf:
        return inf, 0.0
    ball = float((16 * arb(longest) / mu).upper()) + 2.0**-200
    for _ in range(TRIES):
        D = [curvature(arb(z) + arb(size) * ball) for z, size in zip(at.most, narrow.sizes, strict=True)]
        s = sum(D, ZERO)
        if not s > 0:
            return inf, 0.0
        t = norm([x for j, x in enumerate((arb_mat([D]) * lines.A).entries()) if j not in lines.free])
        held = (mu * s / (mu + s + t * t / s)).lower()
        if not held > 0:
            return inf, 0.0
        share = float((1 / held).upper()) * UP
        if longest * share * UP < ball:
            return share, ball
        ball = longest * share * ROOM
    return inf, 0.0
