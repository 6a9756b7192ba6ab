"""D6, the last level: which single rows may be deleted as well, by one step for each and without a box.

Bounds are doubles that count upwards: all of their terms are nonnegative, a formula has far fewer than 2^20 of them,
and `UP` exceeds what so many roundings can take. Whole numbers stand for products of rows, see `fixed_rows`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from math import exp, inf, isfinite, ldexp, sqrt
from operator import mul

from flint import arb, fmpz_mat

from certify.check.theorems.head.in_doubles import raised
from certify.check.theorems.head.rows.boxes.fixed_rows import WEIGHT, Few, few, forms_of, length_above
from certify.check.theorems.head.rows.boxes.leaves import Base
from certify.check.theorems.head.rows.boxes.margins import Points

UP = 1.0 + 2.0**-30
NEAR, LEVERAGE, FARTHEST, SMALL = 1.05, 2.0**-10, 2.0, 0.5
LOST = 1e-60
"""More than the fourth root of all that underflows in a sum of fourth powers."""
AT_ONCE = 256
"""Rows whose products with all rows are held at a time."""
LONG_ROWS = 64
"""Rows whose products with a hot row are looked at first."""

BENT = 2.0 ** (3 - WEIGHT)
"""What a curvature in whole numbers leaves of the true one, if its ball is a point."""


@dataclass(frozen=True)
class Step:
    """The step for one row.

    Attributes:
        row: the row; `length` its norm in the inverse Hessian, upper bounds here and below.
        left: lower bound of `1 − D|s|²`.
        pull: π; `rest`: what else the gradient there may be.
        radius: a, how far the refit lies from the step, in the norm of `H_i`; infinite where nothing is proved.
    """

    row: int
    length: float
    left: float
    pull: float
    rest: float
    radius: float


@dataclass(frozen=True)
class _Pushes:
    """Products of the points with a step: a column of whole numbers of `2^exponent`, each off by `error|e|`."""

    products: fmpz_mat
    column: int
    exponent: int
    error: float


def _beside(columns: list[list[int]]) -> fmpz_mat:
    """A matrix from its columns."""
    return fmpz_mat([list(row) for row in zip(*columns, strict=True)])


def up(x: arb) -> float:
    """A double above the absolute value."""
    return raised(x.abs_upper())


class Singles:
    """All steps at a centre.

    Args:
        b: the inverse at the centre.
        free: the rows.
        e: points with their margins at the centre.
    """

    def __init__(self, b: Base, free: list[int], e: Points) -> None:
        self.b, self.e, s, c = b, e, b.c.sums, b.c
        bound = (b.big + b.off).upper()
        self.big, self.off = up(bound), up(b.off)
        self.norms = [up(x) for x in s.norms]
        self.lengths = [length_above(x, self.off, r) for x, r in zip(
            forms_of(s, [(b.X, bound)])[0], self.norms, strict=True)]
        self.longest = max((x for x, kept in zip(self.lengths, c.kept, strict=True) if kept), default=0.0)
        self.sizes = [up(x) for x in e.norms]
        self.reach = [length_above(x, self.off, r) for x, r in zip(e.forms(b.X, bound), self.sizes, strict=True)]
        margins = e.margins(c.w)
        self.margins = [float(x.lower()) - abs(float(x.mid())) * (UP - 1.0) for x in margins]
        self.D, self.p, self.t = [up(x) for x in c.D], [up(x) for x in c.p], [float(x.abs_lower()) / UP for x in c.t]
        # a ball that is no point is rounded down from its lower end
        blur = max((up(x.rad()) for x, kept in zip(c.D, c.kept, strict=True) if kept), default=0.0)
        self.bent = (BENT + 2.0 * blur) * UP
        self.steps = [self._rough(i) for i in free]

    def open(self) -> dict[int, list[int]]:
        """For each row the points that its deletion is not proved to leave positive; rows without any are left out."""
        if all(map(isfinite, (*self.margins, *self.reach, *self.lengths))):
            ratios = [m / r if r > 0.0 else inf for m, r in zip(self.margins, self.reach, strict=True)]
        else:  # a comparison with what is no number would leave it out
            ratios = [-inf] * len(self.margins)
        self.order = sorted(range(len(ratios)), key=ratios.__getitem__)
        self.ratios = [ratios[at] / UP for at in self.order]
        hot = [x for x in self.steps if self._near(x, x.radius)]
        found: dict[int, list[int]] = {}
        for start in range(0, len(hot), AT_ONCE):
            found |= self._sharp(hot[start : start + AT_ONCE])
        return found

    def _near(self, x: Step, radius: float) -> list[int]:
        """The points whose margins the step and what follows may reach, all in the norm of `H⁻¹`."""
        reach = (x.length * x.pull + radius / sqrt(x.left)) * UP * UP
        return self.order[: bisect_right(self.ratios, reach)] if reach < inf else self.order

    def _rough(self, i: int) -> Step:
        """From norms alone: `|τ_j| ≤ π|s_i||s_j|`, and `Σ D_jτ_j² ≤ π²|s_i|²`."""
        length, longest = self.lengths[i], self.longest
        left = (1.0 - self.D[i] * length * length * UP) / UP
        if not left > LEVERAGE:
            return Step(i, length, 1.0, inf, inf, inf)
        pull = self.p[i] / left * UP
        root = sqrt(left) / UP
        rest = self._still / root * UP
        moved = pull * length * UP
        far = moved * longest * UP
        if not far < FARTHEST:
            return Step(i, length, left, pull, rest, inf)
        rho = 0.5 * far * moved / (1.0 - far / 3.0) * UP
        twice = 2.0 * (rho + rest)
        if (far + twice * longest / root) * UP * UP < 0.5:  # e^½ < 2
            return Step(i, length, left, pull, rest, twice)
        step = Step(i, length, left, pull, rest, inf)
        return replace(step, radius=self._within(step, rho, far))

    @cached_property
    def _still(self) -> float:
        """What else the gradient may be: that of the centre, and what curvatures in whole numbers leave."""
        return (self._gradient * sqrt(self.big) + 8.0 * self.bent * len(self.norms) * self.longest) * UP

    def _within(self, x: Step, rho: float, away: float) -> float:
        """An a with `e^{away + a·(longest row)}(ρ + rest) < a`, or infinity."""
        longest = self.longest / sqrt(x.left) * UP
        whole = (rho + x.rest) * UP + LOST
        a = whole
        for _ in range(6):
            a = exp(min(away + longest * a, 50.0)) * whole
        a = a * NEAR + 2.0**-60
        power = (away + longest * a) * UP
        return a if power < 50.0 and arb(power).exp() * arb(whole) < arb(a) else inf

    def _sharp(self, hot: list[Step]) -> dict[int, list[int]]:
        """From the products with long rows and with the points, then with all rows."""
        s, columns = self.b.c.sums, self._columns(hot)
        left = self._first(hot, columns)
        if not left:
            return {}
        C, some = self.e.short.mat * _beside([columns[at][0] for at, _ in left]), []
        for column, (at, radius) in enumerate(left):
            h, (_, exponent, error) = hot[at], columns[at]
            pushes, open_ = _Pushes(C, column, exponent, error), self._near(h, radius)
            if radius < inf:
                open_ = self._points(h, radius, open_, pushes)
            if open_:
                some.append((at, pushes, open_))
        if not some:
            return {}
        K, found = (s.short.mat * _beside([columns[at][0] for at, _, _ in some])).transpose().tolist(), {}
        for (at, pushes, open_), k in zip(some, K, strict=True):
            h, (_, exponent, error) = hot[at], columns[at]
            if h.pull < inf and error < inf:
                one = ldexp(1.0, exponent)
                products = list(map(mul, map(float, k), [x * one for x in self._scales]))
                products[h.row] = 0.0
                for sharper in self._radii(h, products, error):
                    if sharper < inf:  # a shorter radius may settle points by itself
                        near = set(self._near(h, sharper))
                        open_ = self._points(h, sharper, [j for j in open_ if j in near], pushes)
                    if not open_:
                        break
            if open_:
                found[h.row] = open_
        return found

    def _columns(self, hot: list[Step]) -> list[tuple[list[int], int, float]]:
        """`H⁻¹s_i` for some rows in few bits: whole numbers, their exponent, and what they are off by."""
        s, p = self.b.c.sums, self.b.c.sums.p
        epsilon, coarse = up(s.short.epsilon), self._coarse
        wide = (coarse.mat * fmpz_mat(len(hot), p, [x for h in hot for x in s.short.rows[h.row]]).transpose())
        found = []
        for h, column in zip(hot, wide.transpose().tolist(), strict=True):
            shift = max(max(int(abs(x)) for x in column).bit_length() - (61 - p.bit_length()) // 2, 0)
            exponent, r = s.short.unit[h.row] + coarse.unit + shift, self.norms[h.row]
            error = (self.big * epsilon + up(coarse.off) * (1.0 + epsilon)) * r + sqrt(p) * ldexp(1.0, exponent)
            found.append(([int(x) >> shift for x in column], exponent,
                          (error + self.off * r + epsilon * (self.big * r + error) * UP) * UP))
        return found

    @cached_property
    def _coarse(self) -> Few:
        return few(self.b.X, self.b.c.sums.p)

    def _first(self, hot: list[Step], columns: list[tuple[list[int], int, float]]) -> list[tuple[int, float]]:
        """Which rows stay hot, and their radii, when products with the longest rows are known.

        `|s_j·H⁻¹s_i| ≤ |s_j||s_i|` in the norm of `H⁻¹` for the others, and `Σ D_jτ_j² ≤ π²|s_i|²`.
        """
        p, (some, rest) = self.b.c.sums.p, self._longest_rows
        bits = fmpz_mat(len(some), p, [x for j in some for x in self.b.c.sums.short.rows[j]])
        K = (bits * _beside([z for z, _, _ in columns])).transpose().tolist()
        scales, found, place = [self._scales[j] for j in some], [], {j: a for a, j in enumerate(some)}
        for at, (h, (_, exponent, error), k) in enumerate(zip(hot, columns, K, strict=True)):
            one = ldexp(1.0, exponent)
            line = list(map(mul, map(int, k), scales))
            if h.row in place:
                line[place[h.row]] = 0.0
            most = max(max(line), -min(line)) * one if line else 0.0
            radius = self._middle(h, max(most + error * self._longest_row, rest * h.length) * h.pull * UP)
            if self._near(h, radius):
                found.append((at, radius))
        return found

    @cached_property
    def _longest_rows(self) -> tuple[list[int], float]:
        """The longest rows in the norm of `H⁻¹`, and the length of the next one."""
        kept = [j for j, there in enumerate(self.b.c.kept) if there]
        kept.sort(key=self.lengths.__getitem__, reverse=True)
        return kept[:LONG_ROWS], self.lengths[kept[LONG_ROWS]] if len(kept) > LONG_ROWS else 0.0

    @cached_property
    def _scales(self) -> list[float]:
        """What a unit of a row is; 0 for rows that are out."""
        return [ldexp(1.0, u) if kept else 0.0 for u, kept in zip(self.b.c.sums.short.unit, self.b.c.kept, strict=True)]

    def _middle(self, h: Step, far: float) -> float:
        """The radius a of a row where no margin changes by more than `far`."""
        if not far < FARTHEST:
            return inf
        return self._within(h, 0.5 * far * h.pull * h.length / (1.0 - far / 3.0) * UP, far)

    @cached_property
    def _gradient(self) -> float:
        return up(self.b.c.gradient)

    @cached_property
    def _longest_row(self) -> float:
        return max(self.norms)

    def _radii(self, h: Step, k: list[float], error: float) -> Iterator[float]:
        """Radii a of a row from its products with all rows: with the largest change for all, then with each its own."""
        pull, more = h.pull * UP, error * h.pull * UP
        farthest = (max(max(k), -min(k)) * pull + more * self._longest_row) * UP
        if not farthest < FARTHEST:
            return
        rho = self._left(k, pull, more, farthest)
        yield self._within(h, rho, farthest)
        # towards the peak of l'' curvature falls beyond it only
        beyond = max(abs(v) * pull - t if v * sign > 0.0 else abs(v) * pull
                     for v, t, sign in zip(k, self._doubled, self._signs, strict=True))
        yield self._within(h, rho, (max(beyond, 0.0) + 2.0 * more * self._longest_row) * UP)

    def _left(self, k: list[float], pull: float, more: float, farthest: float) -> float:
        """At least ρ, where margins change by `pull·|k_j| + more·|s_j|`, `farthest` at most."""
        if farthest < SMALL:  # `(Σ v(x + y)⁴)^¼ ≤ (Σ vx⁴)^¼ + (Σ vy⁴)^¼`
            squares = list(map(mul, k, k))
            fourth = sum(map(mul, self._weights, map(mul, squares, squares)))
            root = ((sqrt(sqrt(fourth) * UP) + LOST) * pull + more * self._rough_rows) * UP
            return 0.5 * root * root / (1.0 - SMALL / 3.0) * UP
        total = 0.0
        for v, r, bend, D in zip(map(abs, k), self._kept_norms, self._bends, self.D, strict=True):
            x = v * pull + more * r
            bend += 0.5 * x
            bend = x if bend > 1.0 else bend * x
            part = bend * x / (1.0 - bend / 3.0)
            total += D * part * part
        total *= 0.25
        return sqrt(total * UP * UP) * UP

    @cached_property
    def _rough_rows(self) -> float:
        """`(Σ v|s_j|⁴)^¼`, v the weights."""
        longest = self._longest_row or 1.0
        total = sum(v * (r / longest) ** 4 for v, r in zip(self._weights, self._kept_norms, strict=True))
        return longest * (sqrt(sqrt(total)) + LOST) * UP

    @cached_property
    def _kept_norms(self) -> list[float]:
        """Norms; 0 for rows that are out, which do not move anything."""
        return [r if kept else 0.0 for r, kept in zip(self.norms, self.b.c.kept, strict=True)]

    @cached_property
    def _doubled(self) -> list[float]:
        return [2.0 * t for t in self.t]

    @cached_property
    def _signs(self) -> list[float]:
        return [1.0 if x > 0 else -1.0 if x < 0 else 0.0 for x in self.b.c.t]

    @cached_property
    def _bends(self) -> list[float]:
        return [up(1 - 2 * x) for x in self.b.c.p]

    @cached_property
    def _weights(self) -> list[float]:
        return [d * min(b + 0.5 * SMALL, 1.0) ** 2 * UP for d, b in zip(self.D, self._bends, strict=True)]

    def _points(self, h: Step, radius: float, which: list[int], c: _Pushes) -> list[int]:
        """Those of some points that the step leaves open."""
        found, bent = [], self.D[h.row] / h.left * UP
        for at in which:
            x = float(c.products[at, c.column]) * ldexp(1.0, c.exponent + self.e.short.unit[at])
            more = c.error * self.sizes[at]
            both = (abs(x) + more) * UP
            drop = max(x + more, 0.0) * h.pull + sqrt(self.reach[at] ** 2 + bent * both * both) * radius
            if not drop * UP * UP < self.margins[at]:
                found.append(at)
        return found
