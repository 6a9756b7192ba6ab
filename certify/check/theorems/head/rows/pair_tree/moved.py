"""D12, D13: steps to single refits while they are improved, each with what it does to every row.

The steps are this program's own, `−πH⁻¹s_i` and Newton's method from there: any vectors will do. Where labels change a
row keeps the one that leaves the shortest gradient. A step is whole numbers, which are then exact.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from math import exp as plain
from math import frexp, inf, isfinite, ldexp, sqrt
from operator import mul

from flint import fmpz_mat

from certify.check.theorems.head.rows.boxes.fixed_rows import LONG, apart, short
from certify.check.theorems.head.rows.boxes.leaves import Base
from certify.check.theorems.head.rows.pair_tree.numbers import EXPONENTS, UP, exps, up

FINE, SLOPE = 45, 52
"""Bits of a step's entries, and of a slope, in whole numbers."""

BLURRED = 0.5
"""`e^x − 1 ≤ 2x` for what margins are off by, as slopes are taken to be, holds for small x alone."""
NEAR, NEARER, FIRST = 2.0**-14, 2.0**-40, 64
"""Length of a gradient, in the norm of the inverse Hessian, that is short enough; and where all is spent that of the
first rows, as margins may be thin."""
MORE, LEAST = 0.5, 1e-3
"""What a label's correction may leave of itself that is made up for, half of the next; and the least part of the
curvature along a row that is taken to be left there."""
AT_ONCE = 256
"""Steps at a time."""


def size_of(row: Sequence[float]) -> float:
    """Upper bound of the norm of doubles."""
    return sqrt(sum(map(mul, row, row)) * UP) * UP + 2.0**-500


@dataclass(frozen=True)
class Step:
    """One step.

    Attributes:
        whole, unit: whole numbers of `2^unit`; `size` an upper bound of the norm.
        tau: its changes of all margins, off by at most `off`.
        E: `e^−τ`; P: slopes at the step, off by `blur` of themselves.
        left: the gradient there without its row, off by `left_off`.
    """

    whole: list[int]
    unit: int
    size: float
    tau: array[float]
    off: float
    E: array[float]
    P: array[float]
    blur: float
    left: list[float]
    left_off: float


Cut = tuple[list[int], int, float]
"""A step in whole numbers, their unit, and a bound of its norm."""
Looked = tuple[Step | None, float, list[float]]
"""A step with all of it, the length of the gradient there, and how to correct it."""


class Moved:
    """The steps of some rows.

    Args:
        b: the inverse at the centre.
        rows: the rows.
        t, t_off: margins and what they are off by; `z`: `e^−t`.
        start: by rows, steps of another centre to begin at; elsewhere `−πH⁻¹s_i`.
    """

    def __init__(self, b: Base, rows: list[int], t: list[float], t_off: float,
                 z: Sequence[float], start: Mapping[int, Step]) -> None:
        self.c, self.s, self.rows, self.t_off, self.z = b.c, b.c.sums, rows, t_off, z
        s = self.s
        self.X = [[float(x) for x in row] for row in b.X.tolist()]
        self.Z = self._times([s.rows[i] for i in rows])
        self.D = [float(self.c.D[i].mid()) for i in rows]
        self.across = [sum(map(mul, z, s.rows[i])) for z, i in zip(self.Z, rows, strict=True)]
        pull = [_settled(t[i], x) if s.relabels else float(self.c.p[i].mid()) / max(1.0 - d * x, LEAST)
                for i, d, x in zip(rows, self.D, self.across, strict=True)]
        self.norms = [up(x) for x in s.norms]
        self.decay = [float(x.mid()) for x in s.decay]
        self.decay_off = max((up(d - x) for d, x in zip(s.decay, self.decay, strict=True)), default=0.0)
        self.w = [float(x.mid()) for x in self.c.w.entries()]
        self.kept = None if all(self.c.kept) else [1.0 if there else 0.0 for there in self.c.kept]
        self.long, self.w_size = s.across_long.transpose(), size_of(self.w)
        # slopes cut off, and rows in whole numbers
        self.apart = (2.0**-SLOPE * sum(self.norms) + sqrt(s.p) * ldexp(1.0, s.unit) * UP * s.n) * UP
        self.shift = 126 - FINE - LONG - s.p.bit_length()
        none = [0.0] * s.p
        self.best: list[Step | None] = [None] * len(rows)
        self.least = [inf] * len(rows)
        self.at, self.fix, self.length = [none] * len(rows), [none] * len(rows), [inf] * len(rows)
        self.share = [1.0] * len(rows)
        self._begin([[-x * y for y in z] for z, x in zip(self.Z, pull, strict=True)], start)

    def _times(self, rows: list[list[float]]) -> list[list[float]]:
        """Rows times X: proposals."""
        if not rows:
            return []
        short_ = short(rows, self.s.p)
        e = frexp(max(abs(x) for row in self.X for x in row))[1] - 40
        one = ldexp(1.0, -e)
        M = fmpz_mat([[round(x * one) for x in row] for row in self.X])
        return [[ldexp(float(int(x)), e + u) for x in row]
                for row, u in zip((short_.mat * M).tolist(), short_.unit, strict=True)]

    def _begin(self, steps: list[list[float]], known: Mapping[int, Step]) -> None:
        there = [a for a, i in enumerate(self.rows) if i in known]
        new = [a for a, i in enumerate(self.rows) if i not in known]
        for start in range(0, len(there), AT_ONCE):  # what a step does to margins is the same at every centre
            which = there[start : start + AT_ONCE]
            some = [known[self.rows[a]] for a in which]
            cut = [(one.whole, one.unit, one.size) for one in some]
            self._keep(which, cut, self._left(which, cut, [one.tau for one in some], [one.E for one in some]))
        for start in range(0, len(new), AT_ONCE):
            which = new[start : start + AT_ONCE]
            self._go(which, [steps[a] for a in which])

    def correct(self, fine: bool = False, near: float = NEAR) -> bool:
        """One step of Newton's method for the steps that leave much; False where there are none."""
        which = [a for a, x in enumerate(self.least) if x > (NEARER if fine and a < FIRST else near)]
        for start in range(0, len(which), AT_ONCE):
            some = which[start : start + AT_ONCE]
            self._go(some, [[x - self.share[a] * v for x, v in zip(self.at[a], self.fix[a], strict=True)]
                            for a in some])
        return bool(which)

    def _go(self, which: Sequence[int], steps: list[list[float]]) -> None:
        """Look at steps, and keep them."""
        cut = [_cut(step) for step in steps]
        self._keep(which, cut, self._left(which, cut, *self._moves(cut)))

    def _keep(self, which: Sequence[int], cut: Sequence[Cut], looked: Sequence[Looked]) -> None:
        """Keep steps that were looked at.

        Where a row is left out the method goes on from wherever it came, as the way to a solution may lead far away:
        the curvature is that of the centre, and far from it a short gradient says little. So the last step is kept that
        bounds can use. Where a label changes it goes on from the shortest gradient.
        """
        for a, (whole, unit, _), (found, length, fix) in zip(which, cut, looked, strict=True):
            step = [ldexp(x, unit) for x in whole]
            if self.s.relabels:
                # what a correction leaves of itself along its own way: it was too short, or went beyond
                was = sum(map(mul, self.fix[a], self.fix[a])) or 1.0
                left = sum(map(mul, fix, self.fix[a])) / was if length < self.length[a] else -1.0
                self.share[a] /= 1.0 - min(max(left, -1.0), MORE)
            if length < self.length[a] or not self.s.relabels:
                self.at[a], self.length[a], self.fix[a] = step, length, fix
            if found is not None and (length < self.least[a] or not self.s.relabels):
                self.best[a], self.least[a] = found, length

    def _moves(self, cut: Sequence[Cut]) -> tuple[list[array[float]], list[array[float]]]:
        """What steps in whole numbers do to all margins, and `e^−τ`."""
        s = self.s
        products = (fmpz_mat([[x << self.shift for x in whole] for whole, _, _ in cut]) * s.columns).entries()
        units = [ldexp(1.0, unit + s.unit + 64 - self.shift) for _, unit, _ in cut]
        lines = [array("d", map(mul, apart(x, s.n, 2), repeat(one))) for x, one in zip(products, units, strict=True)]
        far = [max(max(tau), -min(tau)) for tau in lines]
        E = [exps(tau if x < EXPONENTS else array("d", [min(max(y, -EXPONENTS), EXPONENTS) for y in tau]))
             for tau, x in zip(lines, far, strict=True)]
        return lines, E

    def _left(self, which: Sequence[int], cut: Sequence[Cut], lines: Sequence[array[float]],
              E: Sequence[array[float]]) -> list[Looked]:
        """Steps with what they leave, the length of that, and how to correct it; None: too large."""
        s, far = self.s, [max(max(tau), -min(tau)) for tau in lines]
        P = [array("d", [x / (1.0 + x) for x in map(mul, self.z, row)]) for row in E]
        if self.kept:
            P = [array("d", map(mul, row, self.kept)) for row in P]
        pulled = self._pulled([self.rows[a] for a in which], P)
        exact = [[ldexp(x, unit) for x in whole] for whole, unit, _ in cut]
        left = [[d * (w + x) - g for d, w, x, g in zip(self.decay, self.w, step, row, strict=True)]
                for step, row in zip(exact, pulled, strict=True)]
        found: list[Looked] = []
        for at, (a, g, y) in enumerate(zip(which, left, self._times(left), strict=True)):
            whole, unit, size = cut[at]
            # the rows in whole numbers, the words that are cut off, an eighth of that at most, and doubles
            off = (1.25 * s.p * ldexp(1.0, s.unit) * size + 2.0**-51 * far[at] + 2.0**-500) * UP
            blur = (2.0**-46 + 2.0 * self.t_off + 5.0 * off) * UP
            if not all(map(isfinite, (far[at], *g))):
                raise OverflowError
            # the row's own curvature is gone, or that of its new margin
            bent = (P[at][self.rows[a]] * (1.0 - P[at][self.rows[a]]) if s.relabels else 0.0) - self.D[a]
            lift = sum(map(mul, y, s.rows[self.rows[a]])) * bent / max(1.0 + bent * self.across[a], LEAST)
            fix = [v - lift * q for v, q in zip(y, self.Z[a], strict=True)]
            one = None
            if far[at] < EXPONENTS and blur < BLURRED:
                lost = self._lost(self.rows[a], P[at], blur, size, g, pulled[at])
                one = Step(whole, unit, size, lines[at], off, E[at], P[at], blur, g, lost)
            found.append((one, sqrt(max(sum(map(mul, y, g)), 0.0)), fix))
        return found

    def _pulled(self, rows: list[int], P: list[array[float]]) -> list[list[float]]:
        """`Σ P_j s_j` in whole numbers of `2^−SLOPE` without the row itself; −s with p(−t) is s with p(t) − 1."""
        lines = [list(map(int, map(mul, row, repeat(2.0**SLOPE)))) for row in P]
        for i, line in zip(rows, lines, strict=True):
            line[i] = line[i] - (1 << SLOPE) if self.s.relabels else 0
        unit = ldexp(1.0, self.s.unit - SLOPE)
        return [[float(x) * unit for x in row] for row in (fmpz_mat(lines) * self.long).tolist()]

    def _lost(self, i: int, P: array[float], blur: float, size: float, g: list[float], pulled: list[float]) -> float:
        """What the gradient at a step is off by."""
        whole = self.w_size + size
        weigh = sum(map(mul, P, self.norms)) + self.norms[i]
        rounded = 2.0**-50 * (max(map(abs, self.decay), default=0.0) * whole + size_of(pulled) + size_of(g))
        return float((blur * weigh + self.apart + rounded + self.decay_off * whole) * UP * UP)


def _cut(step: Sequence[float]) -> Cut:
    """A step in whole numbers of FINE bits, their unit, and a bound of its norm."""
    e = frexp(max(map(abs, step), default=0.0))[1] - FINE
    one = ldexp(1.0, -e)
    whole = [round(x * one) for x in step]
    return whole, e, size_of([ldexp(x, e) for x in whole])


def _settled(t: float, own: float) -> float:
    """How much of its pull one changed label keeps when its own margin has moved, `own` long: a proposal."""
    slope, tau = plain(-max(min(t, EXPONENTS), -EXPONENTS)), -own
    p = slope / (1.0 + slope)
    D, pull = p * (1.0 - p), 1.0
    for _ in range(6):
        z = plain(-max(min(t + tau, EXPONENTS), -EXPONENTS))
        q = z / (1.0 + z)
        pull = 1.0 + p - q - D * tau
        tau -= (tau + own * pull) / max(1.0 + own * (q * (1.0 - q) - D), 0.1)
    return pull
