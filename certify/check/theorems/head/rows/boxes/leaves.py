"""D6 in balls, leaves: weights near a refit, judged by one verified inverse at the centre of the node."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flint import arb, arb_mat

from certify.check.linalg.balls import ZERO, norm
from certify.check.theorems.head.rows.boxes.fixed_rows import inverse, power
from certify.check.theorems.head.rows.boxes.margins import Points
from certify.check.theorems.head.rows.boxes.slabs import below, slope
from certify.check.theorems.head.rows.boxes.trap import Centre, turn

ROOM = power(-20)


@dataclass(frozen=True)
class Base:
    """`H_c` at a centre is at least the matrix of which this is the inverse: X up to off, of norm at most `big`."""

    c: Centre
    X: arb_mat
    off: arb
    big: arb


def base(c: Centre) -> Base | None:
    """The inverse at a centre, with curvatures rounded down; None where it is not proved."""
    found = inverse(c.sums, [below(c.counts(j) * c.D[j]) if kept else 0 for j, kept in enumerate(c.kept)])
    return None if found is None else Base(c, *found)


def leaves(b: Base, rows: Sequence[int], weights: Sequence[Sequence[float]], e: Points,
           wanted: list[list[int]]) -> list[list[bool]]:
    """Whether `e·w > 0` is proved at the minimiser with row i changed too, for each leaf and the points wanted there.

    With `r = e^−(largest change of a margin from the centre)` the curvatures near the weights are at least r times
    those of the centre (`|(ln l'')'| ≤ 1`), so the Hessian is at least `r(1 − c_iD_i s_iᵀXs_i)H_c`, and `rH_c` if row
    i gets the other label, as l'' is even (c_i is what it counts): one q bounds its inverse within `ROOM` of the
    weights, and `q|gradient| < ROOM` proves that the minimiser lies that near.
    """
    c, s = b.c, b.c.sums
    W = arb_mat(len(rows), s.p, [arb(x) for w in weights for x in w])
    T = s.exact * W.transpose()
    away = (T - arb_mat([[x] * len(rows) for x in turn(c.t, c.turned)])).tolist()
    pulls = [[(-slope(-x)[0] if turned else slope(x)[0]) if kept else ZERO for x in row]
             for row, kept, turned in zip(T.tolist(), c.kept, c.turned, strict=True)]
    for a, i in enumerate(rows):
        pulls[i][a] = -slope(-T[i, a])[0] if s.relabels else ZERO
    if s.weights is not None:
        pulls = [[own * x for x in row] for own, row in zip(s.weights, pulls, strict=True)]
    G = (s.across * arb_mat(pulls)).tolist()
    margins = (e.exact * W.transpose()).tolist()
    reach = max(float(r) for r in s.norms)
    found = []
    for a, i in enumerate(rows):
        g = norm(d * W[a, j] - G[j][a] for j, d in enumerate(s.decay)).upper()
        far = max((abs(float(row[a].abs_upper())) for row, kept in zip(away, c.kept, strict=True) if kept), default=0.0)
        change = arb(far) * (1 + power(-50)) + ROOM * arb(reach) * (1 + power(-50))
        line = arb_mat([[arb(x) for x in s.rows[i]]])
        own = ZERO if s.relabels else c.counts(i) * c.D[i] * (
            (line * b.X * line.transpose())[0, 0] + b.off * s.norms[i] ** 2)
        q = b.big / ((-change).exp() * (1 - own)) if own < 1 else arb(0) / 0
        moved = (q * g).upper()
        ok = bool(moved < ROOM)
        found.append([ok and bool(margins[j][a] > e.norms[j] * moved) for j in wanted[a]])
    return found


def alone(c: Centre, e: Points, wanted: list[int], known: Base | None = None) -> list[bool]:
    """The same at a centre itself, by its own inverse."""
    b = known or base(c)
    if b is None:
        return [False] * len(wanted)
    reach = max(c.sums.norms, key=float)
    moved = (b.big * c.gradient * (ROOM * reach * (1 + power(-50))).exp()).upper()
    margins = (e.exact * c.w).entries()
    return [bool(moved < ROOM) and bool(margins[j] > e.norms[j] * moved) for j in wanted]
