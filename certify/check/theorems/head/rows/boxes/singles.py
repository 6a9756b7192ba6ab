"""D6, the last level: which single rows may be deleted as well, by one step for each and without a box.

Bounds are doubles that count upwards: all of their terms are nonnegative, a formula has far fewer than 2^20 of them,
and `UP` exceeds what so many roundings can take. Whole numbers stand for products of rows, see `fixed_rows`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import exp, inf, ldexp, sqrt

from flint import arb, fmpz_mat

from certify.check.theorems.head.rows.boxes.fixed_rows import WEIGHT, few, forms, forms_of
from certify.check.theorems.head.rows.boxes.leaves import Base
from certify.check.theorems.head.rows.boxes.margins import Points

UP = 1.0 + 2.0**-30
NEAR, LEVERAGE, FARTHEST, SMALL = 1.05, 2.0**-10, 2.0, 0.5
BENT = 2.0 ** (3 - WEIGHT)
"""What a curvature in whole numbers leaves of the true one."""


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
        self.big, self.off = up(b.big), up(b.off)
        self.norms = [up(x) for x in s.norms]
        self.lengths = [sqrt((max(float(x.upper()), 0.0) + self.off * r * r) * UP) * UP
                        for x, r in zip(forms_of(s, [(b.X, b.big)])[0], self.norms, strict=True)]
        self.longest = max((x for x, kept in zip(self.lengths, c.kept, strict=True) if kept), default=0.0)
        self.sizes = [up(x) for x in e.norms]
        self.reach = [sqrt((max(float(x.upper()), 0.0) + self.off * r * r) * UP) * UP
                      for x, r in zip(forms(e.short, e.norms, b.X, b.big), self.sizes, strict=True)]
        margins = (e.exact * c.w).entries()
        self.margins = [float(x.lower()) - abs(float(x.mid())) * (UP - 1.0) for x in margins]
        self.D, self.p, self.t = [up(x) for x in c.D], [up(x) for x in c.p], [float(x.abs_lower()) / UP for x in c.t]
        self.steps = [self._rough(i) for i in free]

    def open(self) -> dict[int, list[int]]:
        """For each row the points that its deletion is not proved to leave positive; rows without any are left out."""
        tight = min((m / r if r > 0.0 else inf for m, r in zip(self.margins, self.reach, strict=True)), default=inf)
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
        rest = (up(self.b.c.gradient) * sqrt(self.big) / root
                + 8.0 * BENT * len(self.norms) * self.longest / root) * UP
        moved = pull * length * UP
        far = moved * self.longest * UP
        step = Step(i, length, left, pull, rest, inf)
        if not far < FARTHEST:
            return step
        rho = 0.5 * far * moved / (1.0 - far / 3.0) * UP
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
        scale_s = [ldexp(1.0, u) for u in s.short.unit]
        scale_e = [ldexp(1.0, u) for u in e.short.unit]
        found = {}
        for h, unit, error, k, c in zip(hot, units, errors, K, C, strict=True):
            if h.pull < inf:
                one = ldexp(1.0, unit)
                pushes = [int(x) * f * one for x, f in zip(c, scale_e, strict=True)]
                products = [int(x) * f * one for x, f in zip(k, scale_s, strict=True)]
                open_ = self._points(h, self._middle(h, products, error), pushes, error)
                if open_:
                    open_ = self._points(h, self._radius(h, products, error), pushes, error)
            else:
                open_ = list(range(len(self.margins)))
            if open_:
                found[h.row] = open_
        return found

    def _middle(self, h: Step, k: list[float], error: float) -> float:
        """The radius a of a row from the largest of its products, and `Σ D_jτ_j² ≤ π²|s_i|²`."""
        k = [x if kept else 0.0 for x, kept in zip(k, self.b.c.kept, strict=True)]
        k[h.row] = 0.0
        far = (max(max(k), -min(k)) + error * self._longest_row) * h.pull * UP
        if not far < FARTHEST:
            return inf
        return self._within(h, 0.5 * far * h.pull * h.length / (1.0 - far / 3.0) * UP, far)

    @cached_property
    def _longest_row(self) -> float:
        return max(self.norms)

    def _radius(self, h: Step, k: list[float], error: float) -> float:
        """The radius a of a row from its products with all rows."""
        kept, out = self.b.c.kept, h.row
        pull = h.pull * UP
        xs = [(abs(v) + error * r) * pull for v, r in zip(k, self.norms, strict=True)]
        away, slack, farthest = 0.0, 0.0, 0.0
        signs = self._signs
        for j, (x, v, t, sign) in enumerate(zip(xs, k, self.t, signs, strict=True)):
            if kept[j] and j != out:
                farthest = x if x > farthest else farthest
                a = x - 2.0 * t if v * sign > 0.0 else x  # towards the peak of l'' curvature falls beyond it only
                away = a if a > away else away
                slack = error * self.norms[j] if error * self.norms[j] > slack else slack
        if not farthest < FARTHEST:
            return inf
        away = (away + slack * pull) * UP
        rows = [j for j in range(len(xs)) if kept[j] and j != out]
        if farthest < SMALL:
            total = sum(self._weights[j] * xs[j] ** 4 for j in rows) * 0.25 / (1.0 - SMALL / 3.0) ** 2
        else:
            total = 0.0
            for j in rows:
                bend = min(self._bends[j] + 0.5 * xs[j], 1.0)
                part = 0.5 * bend * xs[j] ** 2 / (1.0 - bend * xs[j] / 3.0)
                total += self.D[j] * part * part
        return self._within(h, sqrt(total * UP * UP) * UP, away)

    @cached_property
    def _signs(self) -> list[float]:
        return [1.0 if x > 0 else -1.0 if x < 0 else 0.0 for x in self.b.c.t]

    @cached_property
    def _bends(self) -> list[float]:
        return [up(1 - 2 * x) for x in self.b.c.p]

    @cached_property
    def _weights(self) -> list[float]:
        return [d * min(b + 0.5 * SMALL, 1.0) ** 2 * UP for d, b in zip(self.D, self._bends, strict=True)]

    def _points(self, h: Step, radius: float, c: list[float], error: float) -> list[int]:
        """The points that the step leaves open."""
        bent = self.D[h.row] / h.left * UP
        found = []
        for at, (x, size, reach, margin) in enumerate(zip(c, self.sizes, self.reach, self.margins, strict=True)):
            more = error * size
            both = (abs(x) + more) * UP
            drop = max(x + more, 0.0) * h.pull + sqrt(reach * reach + bent * both * both) * radius
            if not drop * UP * UP < margin:
                found.append(at)
        return found
