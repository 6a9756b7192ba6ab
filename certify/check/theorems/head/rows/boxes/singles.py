"""D6, the last level: which single rows may be deleted as well, by one step for each and without a box.

Bounds are doubles that count upwards: all of their terms are nonnegative, a formula has far fewer than 2^20 of them,
and `UP` exceeds what so many roundings can take. Whole numbers stand for products of rows, see `fixed_rows`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import exp, inf, isfinite, ldexp, sqrt
from operator import mul

from flint import arb, fmpz_mat

from certify.check.theorems.head.rows.boxes.fixed_rows import WEIGHT, few, forms, forms_of
from certify.check.theorems.head.rows.boxes.leaves import Base
from certify.check.theorems.head.rows.boxes.margins import Points

UP = 1.0 + 2.0**-30
NEAR, LEVERAGE, FARTHEST, SMALL = 1.05, 2.0**-10, 2.0, 0.5
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


def up(x: arb) -> float:
    """A double above the absolute value."""
    return float(x.abs_upper()) * UP


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
        self.lengths = [sqrt((max(float(x.upper()), 0.0) + self.off * r * r) * UP) * UP
                        for x, r in zip(forms_of(s, [(b.X, bound)])[0], self.norms, strict=True)]
        self.longest = max((x for x, kept in zip(self.lengths, c.kept, strict=True) if kept), default=0.0)
        self.sizes = [up(x) for x in e.norms]
        self.reach = [sqrt((max(float(x.upper()), 0.0) + self.off * r * r) * UP) * UP
                      for x, r in zip(forms(e.short, e.norms, b.X, bound), self.sizes, strict=True)]
        margins = (e.exact * c.w).entries()
        self.margins = [float(x.lower()) - abs(float(x.mid())) * (UP - 1.0) for x in margins]
        self.D, self.p, self.t = [up(x) for x in c.D], [up(x) for x in c.p], [float(x.abs_lower()) / UP for x in c.t]
        # a ball that is no point is rounded down from its lower end
        blur = max((up(x.rad()) for x, kept in zip(c.D, c.kept, strict=True) if kept), default=0.0)
        self.bent = (BENT + 2.0 * blur) * UP
        self.steps = [self._rough(i) for i in free]

    def open(self) -> dict[int, list[int]]:
        """For each row the points that its deletion is not proved to leave positive; rows without any are left out."""
        tight = min((m / r if r > 0.0 else inf for m, r in zip(self.margins, self.reach, strict=True)), default=inf)
        if not all(map(isfinite, (*self.margins, *self.reach, *self.lengths))):
            tight = -inf  # a comparison with what is no number would leave it out
        hot = [x for x in self.steps if not (x.length * x.pull + x.radius / sqrt(x.left)) * UP * UP < tight / UP]
        return self._sharp(hot) if hot else {}

    def _rough(self, i: int) -> Step:
        """From norms alone: `|τ_j| ≤ π|s_i||s_j|`, and `Σ D_jτ_j² ≤ π²|s_i|²`."""
        length = self.lengths[i]
        left = (1.0 - self.D[i] * length * length * UP) / UP
        if not left > LEVERAGE:
            return Step(i, length, 1.0, inf, inf, inf)
        pull = self.p[i] / left * UP
        root = sqrt(left) / UP
        rest = (self._gradient * sqrt(self.big) / root
                + 8.0 * self.bent * len(self.norms) * self.longest / root) * UP
        moved = pull * length * UP
        far = moved * self.longest * UP
        step = Step(i, length, left, pull, rest, inf)
        if not far < FARTHEST:
            return step
        rho = 0.5 * far * moved / (1.0 - far / 3.0) * UP
        twice = 2.0 * (rho + rest)
        if (far + twice * self.longest / root) * UP * UP < 0.5:  # e^½ < 2
            return Step(i, length, left, pull, rest, twice)
        return Step(i, length, left, pull, rest, self._within(step, rho, far))

    def _within(self, x: Step, rho: float, away: float) -> float:
        """An a with `e^{away + a·(longest row)}(ρ + rest) < a`, or infinity."""
        longest = self.longest / sqrt(x.left) * UP
        whole = (rho + x.rest) * UP
        a = whole
        for _ in range(6):
            a = exp(min(away + longest * a, 50.0)) * whole
        a = a * NEAR + 2.0**-60
        power = (away + longest * a) * UP
        return a if power < 50.0 and arb(power).exp() * arb(whole) < arb(a) else inf

    def _sharp(self, hot: list[Step]) -> dict[int, list[int]]:
        """From every margin's own change, and products with the points."""
        s, e, p = self.b.c.sums, self.e, self.b.c.sums.p
        epsilon = up(s.short.epsilon)
        coarse = few(self.b.X, p)
        wide = (coarse.mat * fmpz_mat(len(hot), p, [x for h in hot for x in s.short.rows[h.row]]).transpose())
        columns, units, errors = [], [], []
        for h, column in zip(hot, wide.transpose().tolist(), strict=True):
            shift = max(max(int(abs(x)) for x in column).bit_length() - (61 - p.bit_length()) // 2, 0)
            columns.append([int(x) >> shift for x in column])
            units.append(s.short.unit[h.row] + coarse.unit + shift)
            r = self.norms[h.row]
            error = (self.big * epsilon + up(coarse.off) * (1.0 + epsilon)) * r + sqrt(p) * ldexp(1.0, units[-1])
            errors.append((error + self.off * r + epsilon * (self.big * r + error) * UP) * UP)
        Z = fmpz_mat([list(row) for row in zip(*columns, strict=True)])
        K, C = (s.short.mat * Z).transpose().tolist(), (e.short.mat * Z).transpose().tolist()
        found = {}
        for h, unit, error, k, c in zip(hot, units, errors, K, C, strict=True):
            one, pushes = ldexp(1.0, unit), list(map(int, c))
            open_ = self._points(h, h.radius, pushes, one, error)
            if open_ and h.pull < inf and error < inf:
                products = [x * one for x in map(mul, map(int, k), self._scales)]
                products[h.row] = 0.0
                open_ = self._points(h, self._middle(h, products, error), pushes, one, error)
                if open_:
                    open_ = self._points(h, self._radius(h, products, error), pushes, one, error)
            if open_:
                found[h.row] = open_
        return found

    @cached_property
    def _scales(self) -> list[float]:
        """What a unit of a row is; 0 for rows that are out."""
        return [ldexp(1.0, u) if kept else 0.0 for u, kept in zip(self.b.c.sums.short.unit, self.b.c.kept, strict=True)]

    def _middle(self, h: Step, k: list[float], error: float) -> float:
        """The radius a of a row from the largest of its products, and `Σ D_jτ_j² ≤ π²|s_i|²`."""
        far = (max(max(k), -min(k)) + error * self._longest_row) * h.pull * UP
        if not far < FARTHEST:
            return inf
        return self._within(h, 0.5 * far * h.pull * h.length / (1.0 - far / 3.0) * UP, far)

    @cached_property
    def _gradient(self) -> float:
        return up(self.b.c.gradient)

    @cached_property
    def _longest_row(self) -> float:
        return max(self.norms)

    def _radius(self, h: Step, k: list[float], error: float) -> float:
        """The radius a of a row from its products with all rows."""
        pull, more = h.pull * UP, error * h.pull * UP
        xs = [abs(v) * pull + more * r for v, r in zip(k, self._kept_norms, strict=True)]
        xs[h.row] = 0.0
        farthest = max(xs)
        if not farthest < FARTHEST:
            return inf
        # towards the peak of l'' curvature falls beyond it only
        beyond = [x - t if v * sign > 0.0 else x
                  for x, v, t, sign in zip(xs, k, self._doubled, self._signs, strict=True)]
        away = (max(max(beyond), 0.0) + more * self._longest_row) * UP
        if farthest < SMALL:
            squares = list(map(mul, xs, xs))
            total = sum(map(mul, self._weights, map(mul, squares, squares))) * 0.25 / (1.0 - SMALL / 3.0) ** 2
        else:
            total = 0.0
            for x, bend, D in zip(xs, self._bends, self.D, strict=True):
                bend = min(bend + 0.5 * x, 1.0)
                part = 0.5 * bend * x * x / (1.0 - bend * x / 3.0)
                total += D * part * part
        return self._within(h, sqrt(total * UP * UP) * UP, away)

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

    def _points(self, h: Step, radius: float, c: list[int], unit: float, error: float) -> list[int]:
        """The points that the step leaves open: roughly first, with `√(x² + y²) ≤ x + y`."""
        if not radius < inf:
            return list(range(len(c)))
        bent = self.D[h.row] / h.left * UP
        slope = (h.pull + sqrt(bent) * radius) * UP * UP * UP
        steep, flat, radial = slope * unit, slope * error, radius * UP * UP
        margins, sizes, reach = self._scaled
        found = []
        for at in [at for at, (x, m, z, r) in enumerate(zip(c, margins, sizes, reach, strict=True))
                   if not steep * abs(x) + flat * z + radial * r < m]:
            x, more = c[at] * ldexp(unit, self.e.short.unit[at]), error * self.sizes[at]
            both = (abs(x) + more) * UP
            drop = max(x + more, 0.0) * h.pull + sqrt(self.reach[at] ** 2 + bent * both * both) * radius
            if not drop * UP * UP < self.margins[at]:
                found.append(at)
        return found

    @cached_property
    def _scaled(self) -> tuple[list[float], list[float], list[float]]:
        """Margins, norms and norms in the inverse Hessian in units of the points."""
        scales = [ldexp(1.0, -u) for u in self.e.short.unit]
        return (list(map(mul, self.margins, scales)), list(map(mul, self.sizes, scales)),
                list(map(mul, self.reach, scales)))
