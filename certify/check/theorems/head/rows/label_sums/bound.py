"""D20, Lemma 2: how far the refit after any k changes is from the sum of their steps, in a matrix below the curvature.

Doubles that count upwards. For any numbers `x_j` that one looks at, A has `d_j = c_j min D·(1 − e^−x_j)/x_j`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf, isfinite, ldexp, sqrt

from flint import arb, arb_mat

from certify.check.theorems.head.rows.boxes.fixed_rows import LOST, WEIGHT, Sums
from certify.check.theorems.head.rows.boxes.products import inverse
from certify.check.theorems.head.rows.label_sums.steps import Steps, largest
from certify.check.theorems.head.rows.pair_tree.curves import THIRD, curve, kept_part, most_between
from certify.check.theorems.head.rows.pair_tree.numbers import EXPONENTS, UP, exp, up
from certify.check.theorems.head.rows.pair_tree.steps import row_lengths

TURNS, GROW, ROOM = 12, 1.1, 1.1
"""Tries, by how much more than the last distance the next one allows, and room for lengths. The first allows none."""
SMALL = 2.0**-36
"""Of curvatures: what a smaller one bends is counted by the row's length, and not by its share of A."""
TINY = 2.0**-200
"""More than the fourth root of what sums of fourth powers lose that underflow."""


@dataclass(frozen=True)
class Bound:
    """What is proved of all choices of a setting.

    Attributes:
        steps: the steps.
        A: the matrix; M, off, big: its inverse, what that is off by, and its norm.
        bend: b_u of every change; `each`: what else it leaves of the gradient by itself.
        beside: `|γ_u|β_i|s_i|_*`, what it leaves beside others for each unit that these move its row's margin.
        still: the length of the gradient at the centre.
        kept: below what any k changes leave of A, of 1.
        reach: a, the distance from sums up to which A is below the curvature; `phi`: below `x/(e^x − 1)` of every row.
        rho: what each adds to the distance of any choice; `fixed`: what is added once.
    """

    steps: Steps
    A: arb_mat
    M: arb_mat
    off: arb
    big: arb
    bend: list[float]
    each: list[float]
    beside: list[float]
    still: float
    kept: float
    reach: float
    phi: float
    rho: list[float]
    fixed: float

    def far(self, which: tuple[int, ...]) -> float:
        """At least the distance from the sum of the steps of a choice to its refit."""
        bend = sum([self.bend[u] for u in which])
        beside = sum([self.beside[u] * self.steps.others(which, u) for u in which if self.beside[u]])
        return (0.5 * bend * bend + sum([self.each[u] for u in which]) + beside + self.still) / self.kept * UP


@dataclass(frozen=True)
class _Rows:
    """What margins do wherever sums lead: least curvatures with weights, above curvatures and their slopes, weights."""

    least: list[float]
    most: list[float]
    second: list[float]
    heavy: list[float]


def bound(st: Steps) -> Bound | None:
    """What is proved of any k of the changes; None where nothing is."""
    rows = _rows(st)
    if rows is None:
        return None
    s = st.b.c.sums
    long, reach = row_lengths(s, (st.b.X, st.b.off, st.b.big)), 0.0
    for _ in range(TURNS):
        if not all(map(isfinite, (reach, *long))):
            return None
        moved = [max(reach * x * ROOM, TINY) for x in long]
        whole = [int(ldexp(kept_part(x, y), WEIGHT)) for x, y in zip(rows.least, moved, strict=True)]
        found = inverse(s, whole)
        if found is None:
            return None
        long = row_lengths(s, found)
        proposed = _measured(st, rows, [ldexp(w, -WEIGHT) for w in whole], long, found)
        if proposed is None:
            return None
        reach = (largest(proposed.rho, st.setting.k) + proposed.fixed) * UP
        if not reach < inf:
            return None
        if all(reach * x * UP < y for x, y in zip(long, moved, strict=True)):
            most = min(y / (x * UP) for x, y in zip(long, moved, strict=True))
            return replace(proposed, reach=most, phi=_least_part(max(moved)))
        reach *= GROW
    return None


def _rows(st: Steps) -> _Rows | None:
    """The curvatures where any k steps lead; None where they lead too far."""
    c = st.b.c
    found = _Rows([], [], [], [])
    for j, (ball, forth, back) in enumerate(zip(c.t, st.forth, st.back, strict=True)):
        t, count = float(ball.mid()), c.counts(j)
        off = up(ball - t)
        far = (max(abs(t - back), abs(t + forth)) + off) * UP
        if not far < EXPONENTS:
            return None
        most, heavy = most_between(t, back, forth, off), up(count)
        found.least.append(max(float(count.lower()), 0.0) * curve(far) / (UP * UP))
        found.most.append(most)
        found.second.append(min(THIRD, most * min(0.5 * far, 1.0) * UP) * UP)
        found.heavy.append(heavy)
    return found


def _measured(st: Steps, rows: _Rows, d: list[float], long: list[float], inv: tuple[arb_mat, arb, arb]) -> Bound | None:
    """The bound for a matrix; None where changes take all of it or numbers are too large."""
    setting, (M, off, big) = st.setting, inv
    k, at, norms = setting.k, setting.rows, [up(r) for r in setting.sums.norms]
    taken = [x * d[i] * long[i] * long[i] * UP for x, i in zip(st.lost, at, strict=True)]
    kept = (1.0 - largest(taken, k)) / UP
    if not kept > 0.0:
        return None
    root = sqrt(up(big)) * UP
    bend = _bends(st, rows, d, long, norms)
    still = up(st.b.c.gradient) * root * UP + LOST  # the product may underflow
    each = [(long[i] * (x + gain * 0.5 * rows.second[i] * own * own) + theta * st.wrong * root * norms[i]) * UP
            for i, x, gain, own, theta in zip(at, st.off, st.gain, st.own, st.scale, strict=True)]
    beside = [gain * rows.most[i] * long[i] * UP for i, gain in zip(at, st.gain, strict=True)]
    together = 0.5 * largest(bend, k)
    rho = [(together * x + y + z * more) / kept * UP
           for x, y, z, more in zip(bend, each, beside, st.across, strict=True)]
    if not all(map(isfinite, (still, *rho))):
        return None
    return Bound(st, _matrix(setting.sums, d), M, off, big, bend, each, beside, still, kept, 0.0, 0.0, rho,
                 still / kept * UP)


def _matrix(s: Sums, d: list[float]) -> arb_mat:
    """`Σ d_js_js_jᵀ + diag μ`."""
    return s.across * arb_mat([[share * x for x in row] for share, row in zip(
        map(arb, d), s.exact.tolist(), strict=True)]) + s.diagonal


def _least_part(x: float) -> float:
    """Below `x/(e^x − 1)`, which falls and is at least 1 − x/2."""
    return max(1.0 - 0.5 * x, x / (exp(x) * UP) if x < EXPONENTS else 0.0) / UP


def _bends(st: Steps, rows: _Rows, d: list[float], long: list[float], norms: list[float]) -> list[float]:
    """`b_u`, with `b_u² = √(Σ_j (c_jσ_jτ_j²)²/d_j) + Σ_j c_jσ_j|s_j|_*τ_j²`: every row is in one of both sums."""
    f = len(st.setting.rows)
    first, second, lost, lost_more = [0.0] * f, [0.0] * f, 0.0, 0.0
    for line, own, sigma, share, length, r in zip(
            st.lines, rows.heavy, rows.second, d, long, norms, strict=True):
        error = st.loose * r * UP
        if share > SMALL:
            weight = own * sigma / sqrt(share) * UP
            first = [x + y * y for x, y in zip(first, map(weight.__mul__, line), strict=True)]
            lost += (weight * error * error) ** 2
        else:
            weight = own * sigma * length * UP
            second = [x + weight * y for x, y in zip(second, line, strict=True)]
            lost_more += weight * error * error
    quarter, half = sqrt(sqrt(lost)) * UP, sqrt(lost_more) * UP
    return [sqrt(((sqrt(sqrt(x)) + quarter + TINY) * UP) ** 2 + ((sqrt(y) + half + TINY) * UP) ** 2) * UP
            for x, y in zip(first, second, strict=True)]


def lengths_of(found: Bound, forms: list[arb], norms: list[arb]) -> list[float]:
    """Above the lengths of points in the norm of the inverse of A, from their forms."""
    off = up(found.off)
    return [sqrt(max(float(x.upper()), 0.0) + off * up(r) * up(r)) * UP + TINY if x.is_finite() else inf
            for x, r in zip(forms, norms, strict=True)]
