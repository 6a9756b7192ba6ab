"""D20, Lemma 2 in balls and doubles that bound: a linear step for each change, and how far each moves every margin.

The step of a change is `δ_u = −θ_uXs_i`, X near the inverse of the curvature at the centre, θ any double.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace
from heapq import nlargest
from math import inf, isfinite, ldexp, sqrt
from operator import mul

from flint import arb_mat, fmpz_mat

from certify.check.linalg.balls import ONE, ZERO, norm
from certify.check.theorems.head.rows.boxes.fixed_rows import few, size
from certify.check.theorems.head.rows.boxes.leaves import Base
from certify.check.theorems.head.rows.label_sums.settings import Setting
from certify.check.theorems.head.rows.pair_tree.numbers import UP, top, up

AT_ONCE = 256
"""Rows whose products are formed together."""
LEAST = -270
"""Least exponent of a unit of products, whole numbers of less than 62 bits: what is less counts as more by `TINY`."""
LONG = 2.0**200
"""Products of lengths of rows and steps beyond which nothing is looked at."""


@dataclass(frozen=True)
class Steps:
    """The steps of a setting.

    Attributes:
        setting, b: the setting, and the inverse at the centre.
        delta: `(p, f)` the steps.
        scale: above θ of every change.
        off: above `|g_u − θ_u(1 + γ_uD_ih_i)|`, and `gain` above `|γ_u|`, `lost` above `(1 − c'_u/c_i)₊`.
        own: above the move of a changed row's own margin.
        wrong: above the Frobenius norm of `HX − I`.
        forth, back: how far any k steps together move each margin up and down at most.
        lines: for each row the squares of its moves by every step, without their rounding.
        loose: what a move is off by, for a row of length 1.
        across: above what k − 1 other steps move the margin of a changed row; 0 where it keeps its weight.
    """

    setting: Setting
    b: Base
    delta: arb_mat
    scale: list[float]
    off: list[float]
    gain: list[float]
    lost: list[float]
    own: list[float]
    wrong: float
    forth: list[float]
    back: list[float]
    lines: list[array[float]]
    loose: float
    across: list[float]

    def others(self, which: tuple[int, ...], u: int) -> float:
        """Above what the other steps of a choice move the margin of the row of one of them."""
        i = self.setting.rows[u]
        line, off = self.lines[i], up(self.setting.sums.norms[i]) * self.loose
        return sum([sqrt(line[v]) + off for v in which if v != u]) * UP


def steps(setting: Setting, b: Base) -> Steps | None:
    """The steps of all changes of a setting; None where numbers are too large for them."""
    c, s = b.c, setting.sums
    exact = s.exact.tolist()
    H = s.across * arb_mat([[x * (c.counts(j) * c.D[j]) for x in exact[j]] for j in range(s.n)]) + s.diagonal
    wrong = up(size(H * b.X - arb_mat([[ONE if i == j else ZERO for j in range(s.p)] for i in range(s.p)])))
    ahead = b.X * arb_mat([exact[i] for i in setting.rows]).transpose()
    scale, off, gain, lost, own = ([0.0] * len(setting.rows) for _ in range(5))
    for u, (i, column) in enumerate(zip(setting.rows, ahead.transpose().tolist(), strict=True)):
        gamma = setting.after[i] - c.counts(i)
        g, h = setting.after[i] - gamma * c.p[i], sum(map(mul, exact[i], column), ZERO)
        room = 1 + gamma * c.D[i] * h
        if not room > 0:
            return None
        scale[u] = float((g / room).mid())
        off[u], gain[u] = up(g - scale[u] * room), up(gamma)
        lost[u] = up((1 - setting.after[i] / c.counts(i)).upper().max(ZERO))
        own[u] = up(scale[u] * h)
    if not all(map(isfinite, (wrong, *scale, *off, *gain, *lost, *own))):
        return None
    delta = arb_mat([[-x * theta for x, theta in zip(row, scale, strict=True)] for row in ahead.tolist()])
    moved = _moved(setting, delta)
    if moved is None:
        return None
    found = Steps(setting, b, delta, [abs(x) for x in scale], off, gain, lost, own, wrong, *moved, [])
    return replace(found, across=[_across(found, u) if gain[u] else 0.0 for u in range(len(setting.rows))])


def _across(st: Steps, u: int) -> float:
    """Above the sum of the k − 1 largest moves of a changed row's margin by other steps."""
    i, others = st.setting.rows[u], st.setting.k - 1
    line = st.lines[i]
    some = nlargest(others, [line[v] for v in range(len(line)) if v != u])
    return sum([sqrt(x) + up(st.setting.sums.norms[i]) * st.loose for x in some]) * UP


def _moved(setting: Setting, delta: arb_mat) -> tuple[list[float], list[float], list[array[float]], float] | None:
    """How far any k steps move margins, the squares of the moves, and what a move is off by for a row of length 1."""
    s = setting.sums
    short, columns = few(delta.mid(), s.p), delta.transpose().tolist()
    longest, loose = max(up(norm(x)) for x in columns), max(up(norm([y.rad() for y in x])) for x in columns)
    norms = [up(r) for r in s.norms]
    off = (up(s.short.epsilon) * longest + 2.0 * (up(short.column) + loose)) * UP
    if not max(norms) * longest < LONG or not off < inf:
        return None
    forth, back = list[float](), list[float]()
    lines: list[array[float]] = []
    for start in range(0, s.n, AT_ONCE):
        part = range(start, min(start + AT_ONCE, s.n))
        for j, line in zip(part, (fmpz_mat([s.short.rows[j] for j in part]) * short.mat).tolist(), strict=True):
            unit = ldexp(1.0, max(s.short.unit[j] + short.unit, LEAST))
            whole = list(map(int, line))
            order, more = sorted(whole), setting.k * norms[j] * off
            forth.append((_above(order[-setting.k :], 1) * unit + more) * UP)
            back.append((_above(order[: setting.k], -1) * unit + more) * UP)
            lines.append(array("d", [(x * x) * (unit * unit) for x in map(float, whole)]))
    return (forth, back, lines, off) if all(map(isfinite, (*forth, *back))) else None


def _above(numbers: Sequence[int], sign: int) -> float:
    """Above the sum of the positive ones among some numbers, or of their negatives."""
    return float(sum([sign * x for x in numbers if sign * x > 0])) * UP


def largest(values: Sequence[float], k: int) -> float:
    """Above the sum of the k largest of nonnegative numbers; NaN where one is no number.

    >>> 5.0 <= largest([1.0, 3.0, 2.0], 2) < 5.1, largest([1.0], 3) < 1.1
    (True, True)
    """
    return top(values, 0.0, k)
