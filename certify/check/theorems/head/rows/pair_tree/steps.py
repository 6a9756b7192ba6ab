"""D12 in whole numbers and doubles that bound: the single refits of a node and what they leave.

The steps are this program's own, `−πH⁻¹s_i` and Newton's method from there: any vectors will do. Slopes at sums of
steps are `z/(1 + z)` with `z = e^{−t}e^{−τ}`, off by as much of themselves as z is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from math import exp as plain
from math import frexp, inf, isfinite, ldexp, sqrt
from operator import mul

from flint import arb, fmpz_mat

from certify.check.theorems.head.rows.boxes.fixed_rows import (
    Sums,
    few,
    forms,
    forms_of,
    length_above,
    short,
)
from certify.check.theorems.head.rows.boxes.leaves import Base
from certify.check.theorems.head.rows.boxes.trap import Centre
from certify.check.theorems.head.rows.pair_tree.numbers import EXPONENTS, UP, exp, up

LONG, TURNS, ONCE, LABELS = 64, 7, 2, 4
"""Steps of Newton's method for the first rows of the order, and for the others; for the others where labels change,
whose steps are longer, and are shortened where a gradient grows, and then eight times as many rows are first."""

FINE, SLOPE = 45, 52
"""Bits of a step's entries, and of a slope, in whole numbers."""

SURE = 1.0 - 2.0**-10
BLURRED = 0.5
"""`e^x − 1 ≤ 2x` for what margins are off by, as slopes are taken to be, holds for small x alone."""
STILL, LESS = 2.0**-30, 0.3
"""Of a step's length: what moves less is not moved again. And of a correction where it did not help."""
AT_ONCE = 256
"""Far rows at a time."""


Pair = tuple[list[float], float, float]
"""A vector, its size and what it is off by."""


@dataclass(frozen=True)
class Steps:
    """The single refits of a node.

    Attributes:
        b: the inverse at the centre.
        rows: rows with a step of their own, `far` the other free rows.
        lengths: upper bounds of `|s_j|` in the norm of the inverse.
        delta, unit: whole numbers of `2^unit`, row by row of the steps; `sizes` upper bounds of their norms.
        tau: for each step its changes of all margins, off by at most `off`.
        E: `e^−τ`; z: `e^−t`; P: slopes at the step; still: at the centre; blur: what they are off by, of themselves.
        left: gradients at the steps without their rows, and `left_off` what they are off by.
        formed: pairs of steps that are known with their signs.
        reach: the longest step of a far row; `most`: how far one moves a margin, `across`: that of another row.
    """

    b: Base
    rows: list[int]
    far: list[int]
    lengths: list[float]
    delta: list[list[int]]
    unit: list[int]
    sizes: list[float]
    tau: list[list[float]]
    off: float
    E: list[list[float]]
    z: list[float]
    P: list[list[float]]
    still: list[float]
    blur: float
    left: list[list[float]]
    left_off: list[float]
    reach: float
    most: list[float]
    across: list[float]
    t: list[float]
    t_off: float
    formed: dict[tuple[int, int], Pair] = field(default_factory=dict)

    @property
    def c(self) -> Centre:
        """The centre."""
        return self.b.c


def lengths(rows: list[list[float]], norms: list[float], M: tuple[object, arb, arb]) -> list[float]:
    """Upper bounds of the lengths of rows in the norm of a matrix X up to off, of norm at most `big`."""
    X, off, big = M
    if not rows:
        return []
    balls = [arb(r) for r in norms]
    found = forms(short(rows, len(rows[0])), balls, X, (big + off).upper())  # type: ignore[arg-type]
    return [length_above(x, up(off), r) for x, r in zip(found, norms, strict=True)]


def row_lengths(s: Sums, M: tuple[object, arb, arb]) -> list[float]:
    """The same for all rows of the sum."""
    X, off, big = M
    found = forms_of(s, [(X, (big + off).upper())])[0]  # type: ignore[list-item]
    return [length_above(x, up(off), up(r)) for x, r in zip(found, s.norms, strict=True)]


def size_of(row: list[float]) -> float:
    """Upper bound of the norm of doubles."""
    return sqrt(sum(map(mul, row, row)) * UP) * UP + 2.0**-500


def steps(b: Base, order: list[int], count: int, turns: int = TURNS, products: int | None = None,
          size: Sequence[float] = ()) -> Steps | None:
    """The steps of the free rows, the first `count` of the order their own; None where numbers are too large.

    Args:
        b: the inverse at the centre.
        order: the free rows.
        count: how many of them have steps of their own.
        turns: of Newton's method.
        products: of how many far rows products with all rows are formed, of those that are moved most; None: of all.
        size: lengths of all rows in the norm of the inverse, where they are known.
    """
    try:
        return _steps(b, order, count, turns, products, size)
    except (OverflowError, ValueError):  # stated weights may be so large that decay times weights is infinite
        return None


def _steps(b: Base, order: list[int], count: int, turns: int, products: int | None,
           size: Sequence[float]) -> Steps | None:
    c, s = b.c, b.c.sums
    rows, far = order[:count], order[count:]
    size = list(size or row_lengths(s, (b.X, b.off, b.big)))
    t = [float(x.mid()) for x in c.t]
    t_off = max((up(x - float(x.mid())) for x in c.t), default=0.0)
    if not all(abs(x) < EXPONENTS for x in t):
        return None
    own = [0.0 if s.relabels else min(up(c.D[i]) * size[i] * size[i] * UP, SURE) for i in range(s.n)]
    moved = _Moved(b, rows, own, t)
    for turn in range(turns):
        few, all_of_them = (8 * LONG, LABELS) if s.relabels else (LONG, ONCE - 1)
        moved.correct(len(rows) if turn < all_of_them else min(few, len(rows)))
    if s.relabels:
        moved.end()
    tau = moved.changes(range(len(rows)))
    if not all(-EXPONENTS < x < EXPONENTS for row in tau for x in row):
        return None
    longest = max(moved.sizes, default=0.0)
    off = (sqrt(s.p) * ldexp(1.0, s.unit) * sqrt(s.p) * longest * UP + 2.0**-51 * max(
        (max(max(row), -min(row)) for row in tau), default=0.0)) * UP
    blur = (2.0**-46 + 2.0 * t_off + 5.0 * off) * UP
    if not blur < BLURRED:
        return None
    z = [exp(-x) for x in t]
    E = [[exp(-x) for x in row] for row in tau]
    kept = [1.0 if there else 0.0 for there in c.kept]
    P = [[x / (1.0 + x) * there for x, there in zip(map(mul, z, row), kept, strict=True)] for row in E]
    left, left_off = moved.gradients(P, blur)
    if not all(isfinite(x) for x in (*chain.from_iterable(left), *left_off)):
        return None
    reach, most, across = _far(b, far, size, own, products)
    return Steps(b, rows, far, size, moved.whole, moved.unit, moved.sizes, tau, off, E, z, P,
                 [x / (1.0 + x) * there for x, there in zip(z, kept, strict=True)], blur, left, left_off, reach, most,
                 across, t, t_off)


class _Moved:
    """Steps while they are improved."""

    def __init__(self, b: Base, rows: list[int], own: list[float], t: list[float]) -> None:
        self.b, self.c, self.s, self.rows, self.t = b, b.c, b.c.sums, rows, t
        s = self.s
        self.X = [[float(x) for x in row] for row in b.X.tolist()]
        self.columns = list(zip(*self.X, strict=True))
        self.Z = self._times([s.rows[i] for i in rows])
        self.D = [float(self.c.D[i].mid()) for i in rows]
        own = [sum(map(mul, z, s.rows[i])) for z, i in zip(self.Z, rows, strict=True)]
        if s.relabels:  # a new label takes no curvature away
            self.D = [0.0] * len(rows)
        self.room = [max(1.0 - d * x, 1e-3) for d, x in zip(self.D, own, strict=True)]
        pull = ([_settled(t[i], x) for i, x in zip(rows, own, strict=True)] if s.relabels else
                [float(self.c.p[i].mid()) / room for i, room in zip(rows, self.room, strict=True)])
        self.long = s.across_long.transpose()
        self.decay = [float(x.mid()) for x in s.decay]
        self.w = [float(x.mid()) for x in self.c.w.entries()]
        self.whole: list[list[int]] = [[]] * len(rows)
        self.unit, self.sizes, self.moving = [0] * len(rows), [0.0] * len(rows), [True] * len(rows)
        self.share: list[float] = [1.0] * len(rows)
        self.least: list[tuple[float, list[float], list[float]]] = [(inf, [], [])] * len(rows)
        for a, (z, x) in enumerate(zip(self.Z, pull, strict=True)):
            self._take(a, [-x * y for y in z])

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

    def _take(self, a: int, step: list[float]) -> None:
        e = frexp(max(map(abs, step), default=0.0))[1] - FINE
        one = ldexp(1.0, -e)
        self.whole[a], self.unit[a] = [round(x * one) for x in step], e
        self.sizes[a] = size_of([ldexp(x, e) for x in self.whole[a]])

    def step(self, a: int) -> list[float]:
        """A step in doubles, exactly: its entries have FINE bits."""
        return [ldexp(x, self.unit[a]) for x in self.whole[a]]

    def changes(self, which: Sequence[int]) -> list[list[float]]:
        """`s_j·δ` for some of the steps and all rows."""
        if not len(which):
            return []
        left = fmpz_mat([self.whole[a] for a in which])
        products = (left * self.s.across_long).tolist()
        found = []
        for a, row in zip(which, products, strict=True):
            one = ldexp(1.0, self.unit[a] + self.s.unit)
            found.append([x * one for x in map(float, row)])
        return found

    def correct(self, count: int) -> None:
        """One step of Newton's method for those of the first steps that still move."""
        which = [a for a in range(count) if self.moving[a]]
        if not which:
            return
        kept = [1.0 if there else 0.0 for there in self.c.kept]
        P = []
        for a, row in zip(which, self.changes(which), strict=True):
            P.append([there / (1.0 + plain(min(x + y, EXPONENTS))) for x, y, there in zip(
                self.t, row, kept, strict=True)])
            P[-1][self.rows[a]] = P[-1][self.rows[a]] - 1.0 if self.s.relabels else 0.0
        at = [self.step(a) for a in which]
        left = [[d * (w + x) - g for d, w, x, g in zip(self.decay, self.w, step, row, strict=True)]
                for step, row in zip(at, self._pulled(P), strict=True)]
        at_of = {a: place for place, a in enumerate(which)}
        for a, step, y in zip(which, at, self._times(left), strict=True):
            lift = sum(map(mul, y, self.s.rows[self.rows[a]])) * self.D[a] / self.room[a]
            fix = [v + lift * q for v, q in zip(y, self.Z[a], strict=True)]
            if self.s.relabels:
                step, fix = self._best(a, step, fix, sqrt(max(sum(map(mul, y, left[at_of[a]])), 0.0)))
            self._take(a, [x - v for x, v in zip(step, fix, strict=True)])
            self.moving[a] = size_of(fix) > STILL * self.sizes[a]

    def _best(self, a: int, step: list[float], fix: list[float], size: float) -> tuple[list[float], list[float]]:
        """Where a step of a label goes on: from the one with the shortest gradient, less far where that grew."""
        if size < self.least[a][0]:
            self.least[a] = size, step, fix
        else:
            self.share[a] *= LESS
        _, step, fix = self.least[a]
        return step, [self.share[a] * x for x in fix]

    def end(self) -> None:
        """Of labels: the steps with the shortest gradients."""
        for a, (_, step, _) in enumerate(self.least):
            if step and self.moving[a]:
                self._take(a, step)

    def _pulled(self, P: list[list[float]]) -> list[list[float]]:
        """`Σ P_j s_j`, P in whole numbers of `2^−SLOPE`, rounded."""
        one = 2.0**SLOPE
        products = (fmpz_mat([[int(x * one) for x in row] for row in P]) * self.long).tolist()
        unit = ldexp(1.0, self.s.unit - SLOPE)
        return [[x * unit for x in map(float, row)] for row in products]

    def gradients(self, P: list[list[float]], blur: float) -> tuple[list[list[float]], list[float]]:
        """Gradients at the steps without their own rows, and what they are off by."""
        s, found, errors = self.s, [], []
        norms, step = [up(x) for x in s.norms], sqrt(s.p) * ldexp(1.0, s.unit) * UP
        apart = (2.0**-SLOPE * sum(norms) + step * s.n) * UP  # slopes cut off, and rows in whole numbers
        decay_off = max((up(d - x) for d, x in zip(s.decay, self.decay, strict=True)), default=0.0)
        most = max(map(abs, self.decay), default=0.0)
        own = [list(row) for row in P]
        for a, i in enumerate(self.rows):  # −s with p(−t) is s with p(t) − 1
            own[a][i] = own[a][i] - 1.0 if s.relabels else 0.0
        for a, row in enumerate(self._pulled(own)):
            at = [w + x for w, x in zip(self.w, self.step(a), strict=True)]
            g = [d * x - y for d, x, y in zip(self.decay, at, row, strict=True)]
            weigh = sum(map(mul, P[a], norms)) + norms[self.rows[a]]
            rounded = 2.0**-50 * (most * (size_of(self.w) + self.sizes[a]) + size_of(row) + size_of(g))
            errors.append((blur * weigh + apart + rounded + decay_off * (size_of(at) + self.sizes[a])) * UP * UP)
            found.append(g)
        return found, errors


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


def _far(b: Base, far: list[int], size: list[float], own: list[float], products: int | None,
         ) -> tuple[float, list[float], list[float]]:
    """The longest `πH⁻¹s_l` of the far rows, how far one of them moves each margin, and how far another one does.

    Of those without products `|s_j·πH⁻¹s_l| ≤ |s_j|·π|s_l|`, in the norm of H⁻¹.
    """
    c, s = b.c, b.c.sums
    if any(own[l] >= SURE for l in far):
        return inf, [0.0] * s.n, [0.0] * s.n
    pull = {l: up(c.p[l]) / (1.0 - own[l]) * UP for l in far}
    heat = {l: pull[l] * size[l] * UP for l in far}
    reach = max(heat.values(), default=0.0)
    some = far if products is None else sorted(far, key=heat.__getitem__, reverse=True)[:products]
    formed = set(some)
    rest = max((x for l, x in heat.items() if l not in formed), default=0.0)
    most = [rest * x * UP for x in size]
    across, loose = list(most), 0.0
    for start in range(0, len(some), AT_ONCE):
        loose = max(loose, _products(b, some[start : start + AT_ONCE], pull, most, across))
    more = [loose * up(r) for r in s.norms]
    return reach, [(x + y) * UP for x, y in zip(most, more, strict=True)], [
        (x + y) * UP for x, y in zip(across, more, strict=True)]


def _products(b: Base, part: list[int], pull: dict[int, float], most: list[float], across: list[float]) -> float:
    """Raise both to the products of some far rows with all rows; what a product is off by for a row of length 1."""
    s = b.c.sums
    big = (b.big + b.off).upper()
    bits, coarse = short([[x * pull[l] for x in s.rows[l]] for l in part], s.p), few(b.X, s.p)
    wide = (bits.mat * coarse.mat).tolist()
    shift = max((int(abs(x)).bit_length() for row in wide for x in row), default=0)
    shift = max(shift - (61 - s.p.bit_length()) // 2, 0)
    top_unit = max(bits.unit)
    columns = fmpz_mat([[int(x) >> (shift + top_unit - u) for x in row]
                        for row, u in zip(wide, bits.unit, strict=True)])
    exponent = top_unit + coarse.unit + shift
    longest = max(pull[l] * up(s.norms[l]) for l in part) * UP
    # the row in few bits, H⁻¹ in few bits and its own error, whole numbers cut off, and the other row in few bits
    error = (up(big) * (up(bits.epsilon) + 2.0**-52) + up(coarse.off) * (1.0 + up(bits.epsilon)) + up(b.off)
             + up(s.short.epsilon) * up(big)) * longest + 2.0 * sqrt(s.p) * ldexp(1.0, exponent)
    place = {l: at for at, l in enumerate(part)}
    for j, row in enumerate((s.short.mat * columns.transpose()).tolist()):
        one = ldexp(1.0, s.short.unit[j] + exponent)
        own_change = float(abs(int(row.pop(place[j])))) * one if j in place else 0.0
        others = float(max(int(max(row)), -int(min(row)))) * one if row else 0.0
        most[j], across[j] = max(most[j], own_change, others), max(across[j], others)
    return error * UP * UP
