"""D16: what a step does to all rows, in doubles that bound; and probabilities at sums of two steps.

A step is whole numbers, which are then exact. Its row leaves the sum: what it does to that row is nowhere needed, as
`Δ_i − B_il = −(σ(z_i + τ^l_i) − σ(z_i))` for the rows of `T = {i, l}`, so all its numbers there are 0.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import repeat
from math import frexp, inf, isfinite, ldexp, sqrt
from operator import add, mul, sub, truediv

from flint import fmpz_mat

from certify.check.theorems.head.rows.boxes.fixed_rows import LONG, apart
from certify.check.theorems.head.rows.pair_tree.moved import size_of
from certify.check.theorems.head.rows.pair_tree.numbers import UP, exps
from certify.check.theorems.head.rows.softmax_pairs.centre import Centre, Columns
from certify.check.theorems.head.rows.softmax_pairs.gradients import Gradients

FINE = 45
"""Bits of a step's entries."""
FARTHEST = 64.0
"""Largest difference of the changes of two outputs of a row."""
BLURRED = 2.0**-20
"""Of probabilities at steps: twice their own errors bound those of quotients and products."""


@dataclass(frozen=True)
class Cut:
    """A step in whole numbers of `2^unit`, `size` above its norm."""

    whole: list[int]
    unit: int
    size: float

    @property
    def step(self) -> list[float]:
        """The same in doubles, exact."""
        return [ldexp(x, self.unit) for x in self.whole]


@dataclass(frozen=True)
class Step:
    """The single refit without a row.

    Attributes:
        row: the row.
        cut: the step.
        s: probabilities at the step, off by at most `blur` of themselves.
        range: by row at least the range of the changes of its outputs, ρ.
        grown, long: at least `e^ρ − 1`, and `((e^ρ − 1)/ρ)·|τ|` in the norm of the row's curvature.
        left, left_off: the gradient there without the row, and what it is off by.
    """

    row: int
    cut: Cut
    s: Columns
    blur: float
    range: array[float]
    grown: array[float]
    long: array[float]
    left: list[float]
    left_off: float


def cut(step: Sequence[float]) -> Cut:
    """A step in whole numbers of FINE bits."""
    e = frexp(max(map(abs, step), default=0.0))[1] - FINE
    one = ldexp(1.0, -e)
    whole = [round(x * one) for x in step]
    return Cut(whole, e, size_of([ldexp(x, e) for x in whole]))


def changes(c: Centre, cuts: Sequence[Cut]) -> list[Columns]:
    """By step and class minus the changes of the outputs of all rows; see :func:`strayed`."""
    t, k, p = c.data.table, c.data.k, c.data.p
    shift = 126 - FINE - LONG - p.bit_length()
    lines = [[-x << shift for x in one.whole[a * p : (a + 1) * p]] for one in cuts for a in range(k)]
    products = (fmpz_mat(lines) * t.columns).entries()
    units = [ldexp(1.0, one.unit + t.unit + 64 - shift) for one in cuts for _ in range(k)]
    found = [array("d", map(mul, apart(x, t.n, 2), repeat(one))) for x, one in zip(products, units, strict=True)]
    return [found[b * k : b * k + k] for b in range(len(cuts))]


def strayed(c: Centre, one: Cut, far: float) -> float:
    """What such changes are off by: rows in whole numbers, the words that are cut off, and doubles."""
    t = c.data.table
    return (2.5 * t.p * ldexp(1.0, t.unit) * one.size + 2.0**-51 * far + 2.0**-500) * UP


def softmax(first: Columns, second: Columns) -> Columns:
    """Products of two sets of numbers, of each row in parts of their sum."""
    e = [array("d", map(mul, x, y)) for x, y in zip(first, second, strict=True)]
    total: Iterable[float] = reduce(lambda x, y: list(map(add, x, y)), e[1:], list(e[0]))
    total = list(total)
    return [array("d", map(truediv, x, total)) for x in e]


def grown(c: Centre, tau: Columns, exp: Callable[[Iterable[float]], Iterable[float]]) -> Columns:
    """Probabilities after changes −tau of the outputs."""
    return softmax(c.s, [array("d", exp(x)) for x in tau])


def looked(gradients: Gradients, rows: Sequence[int], cuts: Sequence[Cut]) -> list[Step | None]:
    """Steps with all that bounds need; None where one is too long."""
    c, some, kept = gradients.c, changes(gradients.c, cuts), list[tuple[int, Columns, float]]()
    found: list[Step | None] = [None] * len(rows)
    for at, (one, tau) in enumerate(zip(cuts, some, strict=True)):
        far = max(max(max(x), -min(x)) for x in tau)
        off = strayed(c, one, far)
        # both factors of each product and the sum of products are off by so much of themselves at most
        blur = (2.0 * c.blur + 2.0**-46 + 5.0 * off + (c.data.k + 8) * 2.0**-52) * (1.0 + 2.0**-10)
        if far < 0.5 * FARTHEST and blur < BLURRED:
            kept.append((at, tau, blur))
    slopes = [grown(c, tau, exps) for _, tau, _ in kept]
    left = gradients.at([cuts[at].step for at, _, _ in kept], slopes, [[rows[at]] for at, _, _ in kept]) if kept else []
    for (at, tau, blur), s, g in zip(kept, slopes, left, strict=True):
        far = max(max(max(x), -min(x)) for x in tau)
        lines = _lengths(c, tau, strayed(c, cuts[at], far), rows[at])
        lost = gradients.lost(g, cuts[at].size, blur)
        if all(map(isfinite, g)) and lost < inf:
            found[at] = Step(rows[at], cuts[at], s, blur, *lines, g, lost)
    return found


def _lengths(c: Centre, tau: Columns, off: float, own: int) -> tuple[array[float], array[float], array[float]]:
    """ρ, `e^ρ − 1 = ρg` and `g|τ|`, with `g = (e^ρ − 1)/ρ ≤ e^(ρ/2 + ρ²/24)`, as `sinh(x)/x ≤ e^(x²/6)`.

    `|τ|² ≤ Σ s_a(τ_a − t)²` for any t; changes off by `off` each are off by as much in this length.
    """
    wide = array("d", [(x - y + 2.0 * off) * UP for x, y in zip(map(max, *tau), map(min, *tau), strict=True)])
    g = exps([-(0.5 + x * (1.0 / 24.0)) * x * UP for x in wide])
    mean = reduce(lambda x, y: list(map(add, x, y)), [list(map(mul, s, x)) for s, x in zip(c.s, tau, strict=True)])
    square = [0.0] * len(mean)
    for s, x in zip(c.s, tau, strict=True):
        away = list(map(sub, x, mean))
        square = list(map(add, square, map(mul, s, map(mul, away, away))))
    long = array("d", [(sqrt(x * UP) + off) * UP * UP * y for x, y in zip(square, g, strict=True)])
    grown_ = array("d", [x * y * UP for x, y in zip(wide, g, strict=True)])
    for line in (wide, grown_, long):
        line[own] = 0.0
        if c.out is not None:
            line[c.out] = 0.0
    return wide, grown_, long


def both(c: Centre, first: Step, second: Step) -> tuple[Columns, float]:
    """Probabilities at the sum of two steps, and what they are off by: `s's''/s` in parts of their sum."""
    beside = [array("d", map(truediv, x, y)) for x, y in zip(second.s, c.s, strict=True)]
    blur = (2.0 * (first.blur + second.blur + c.blur) + (c.data.k + 8) * 2.0**-52) * (1.0 + 2.0**-10)
    return softmax(first.s, beside), blur

