"""D24: what changes take along some vectors, if the form of bending rows is below its share of `H_low`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import frexp, inf, isfinite, ldexp
from operator import add, mul

from flint import arb, arb_mat, fmpz_mat

from certify.check.linalg.balls import norm
from certify.check.theorems.head.in_doubles import raised
from certify.check.theorems.head.rows.bent_box.forms import ROUNDED, below
from certify.check.theorems.head.rows.bent_box.linear import UP, Bent
from certify.check.theorems.head.rows.boxes.fixed_rows import few
from certify.check.theorems.head.rows.boxes.products import rounding

SPLIT = 2.0**-20
"""Share of the squared pull that the mixed term with the gradient takes."""
BITS, FINEST = 40, -500
"""Of the largest bend of a vector: whole numbers that stand for bends; and the least exponent of their unit."""
TINY = 2.0**-900
"""More than what underflows."""
AT_ONCE = 1 << 19
"""Bends that are held at once."""

Vector = tuple[Sequence[float], arb, Sequence[float]]
"""Entries, their norm at most, and λ of the vector itself and, where there is another, of its negative."""


@dataclass(frozen=True)
class Taken:
    """What changes take along a vector at most.

    Attributes:
        pull, rest: of each free row by its pull, and by what it bends and how far it moves all.
        fixed: whatever changes.
        most: of each free row what the vector is along it at most: `x_l`.
    """

    pull: list[float]
    rest: list[float]
    fixed: float
    most: list[float]

    @property
    def each(self) -> list[float]:
        """Both parts of each free row."""
        return [x * UP for x in map(add, self.pull, self.rest)]


def taken(b: Bent, vectors: Sequence[Vector]) -> Iterator[list[Taken | None]]:
    """For each vector what is taken along it, and along its negative where it has two λ; None: λ is too small."""
    step = max(1, AT_ONCE // (2 * b.c.sums.n))
    for start in range(0, len(vectors), step):
        lines, bends, units = [], list[list[int]](), list[int]()
        for entries, length, shares in vectors[start : start + step]:
            line = _line(b, entries, length)
            for sign, _ in zip((1.0, -1.0), shares, strict=False):
                whole, unit = line.bends(sign)
                bends.append(whole)
                units.append(unit)
            lines.append((line, shares))
        forms, at = (fmpz_mat(bends) * b.squares.across).tolist() if bends else [], 0
        for line, shares in lines:
            found: list[Taken | None] = []
            for sign, share in zip((1.0, -1.0), shares, strict=False):
                good = 0.0 <= share < inf and line.finite and below(b, forms[at], bends[at], units[at], share)
                found.append(line.taken(b, sign, bends[at], units[at], share) if good else None)
                at += 1
            yield found


@dataclass(frozen=True)
class _Line:
    """A vector e against the rows: `x_l = s_l·H_D⁻¹e` within `off`, and bends `c_lx_lg_l`, `along` up to `wide`."""

    x: list[float]
    off: list[float]
    along: list[float]
    wide: list[float]
    length: float

    @property
    def finite(self) -> bool:
        """Whether all numbers are some."""
        return isfinite(sum(self.wide)) and isfinite(self.length)

    def bends(self, sign: float) -> tuple[list[int], int]:
        """Whole numbers of `2^unit` not below the bends of e, or of −e, and the unit."""
        if not self.finite:
            return [0] * len(self.x), 0
        values = [sign * x + y for x, y in zip(self.along, self.wide, strict=True)]
        unit = max(frexp(max(map(abs, values)))[1] - BITS, FINEST)
        scale = ldexp(1.0, -unit)
        return [int(x * scale) + 1 for x in values], unit

    def taken(self, b: Bent, sign: float, bends: list[int], unit: int, share: float) -> Taken:
        """What changes take along e, or −e, with a λ that holds."""
        one, grown = ldexp(1.0, unit), 0.5 * share * (1.0 + SPLIT) * UP
        some = [(sign * self.x[i], self.off[i]) for i in b.free]
        pull = [max(x + off, b.back * (off - x), 0.0) * size * UP for (x, off), size in zip(some, b.pull, strict=True)]
        rest = [grown * rho for rho in b.rho]
        if not b.c.sums.relabels:  # what deleted rows bend is not in the sum: where that is below 0 it adds
            rest = [(y + max(-bends[i], 0) * one * gone) * UP for y, i, gone in zip(rest, b.free, b.gone, strict=True)]
        rough = sum([(abs(x) + off) * y for x, off, y in zip(self.x, self.off, b.bent, strict=True)])
        fixed = 0.5 * share * (1.0 + 1.0 / SPLIT) * b.rest * b.rest + self.length * b.gradient + rough
        return Taken(pull, rest, fixed * UP * UP + TINY, [(x + off) * UP for x, off in some])


def _line(b: Bent, entries: Sequence[float], length: arb) -> _Line:
    """A vector, times the inverse at the centre, against all rows."""
    s = b.c.sums
    u = b.X * arb_mat(s.p, 1, [arb(x) for x in entries])
    coarse = few(u.mid(), s.p)
    error = raised((rounding(s.short, u, coarse) + b.off * length).upper())
    whole = (s.short.mat * coarse.mat).entries()
    x = [ldexp(float(int(y)), unit + coarse.unit) for y, unit in zip(whole, s.short.unit, strict=True)]
    sizes = list(map(abs, x))
    off = [(r * error + ROUNDED * y) * UP + TINY for r, y in zip(b.norms, sizes, strict=True)]
    wide = [(y * (h + ROUNDED * abs(m)) + o * (h + abs(m))) * UP + TINY
            for y, h, m, o in zip(sizes, b.half, b.mid, off, strict=True)]
    return _Line(x, off, list(map(mul, x, b.mid)), wide, raised((norm(u.entries()).upper() + b.off * length).upper()))
