"""D6 in balls, leaves: weights near a refit, judged by one verified inverse at the centre of the node."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import exp, inf, isfinite
from operator import mul

from flint import arb, arb_mat

from certify.check.linalg.balls import ZERO, norm
from certify.check.theorems.head.rows.boxes.fixed_rows import forms_of, power
from certify.check.theorems.head.rows.boxes.margins import Points
from certify.check.theorems.head.rows.boxes.products import inverse
from certify.check.theorems.head.rows.boxes.slabs import below, slope
from certify.check.theorems.head.rows.boxes.trap import Centre

FIRST, LEAST = 1.0, 0.9
"""What a row may lose of its curvature, as an exponent, before it is looked at; the largest share that is left out."""

NEAR = power(-1)
"""How far margins may move between the weights that stand for a refit and the refit."""

AT_ONCE = 1 << 20
"""Margins that are held at once."""


@dataclass(frozen=True)
class Base:
    """`H_c` at a centre is at least the matrix of which this is the inverse: X up to off, of norm at most `big`."""

    c: Centre
    X: arb_mat
    off: arb
    big: arb

    @cached_property
    def shares(self) -> list[float]:
        """At least what each row takes of the curvature at the centre, of 1."""
        c, s = self.c, self.c.sums
        forms = forms_of(s, [(self.X, (self.big + self.off).upper())])[0]
        return [float((c.counts(j) * c.D[j] * (x + self.off * r * r).max(ZERO)).upper()) * (1 + 2.0**-50) * kept
                for j, (x, r, kept) in enumerate(zip(forms, s.norms, c.kept, strict=True))]


def base(c: Centre) -> Base | None:
    """The inverse at a centre, with curvatures rounded down; None where it is not proved."""
    found = inverse(c.sums, [below(c.counts(j) * c.D[j]) if kept else 0 for j, kept in enumerate(c.kept)])
    return None if found is None else Base(c, *found)


def distance(b: Base, g: arb, lost: arb, own: arb) -> arb:
    """How far the minimiser may lie from weights, in the norm of the Hessian; no number where that is not proved.

    Args:
        b: the inverse at the centre, also of sums that have more curvature.
        g: at least the gradient's length at the weights, in the inverse's norm.
        lost: at least how much farther from 0 a margin is than at the centre.
        own: at least what rows that leave or are left out take of the curvature, of 1.
    """
    room = 1 - own
    moved = (g * (lost.max(ZERO) + NEAR).exp() / room).upper() if room > 0 else arb("nan")
    far = NEAR / (b.big.sqrt() * b.c.sums.longest)
    return moved if moved < far else arb("nan")


def held(b: Base, lost: Sequence[float], own: arb) -> tuple[arb, arb]:
    """What the rows that are counted lose of their curvature at most, and the share of those that are left out.

    A few rows that lose much are better left out, as a deleted one is: what they have at the centre is small.
    """
    if not isfinite(sum(lost)):
        return arb("nan"), own
    most, own_up = max(lost, default=0.0), float(own.upper()) * (1 + 2.0**-50)
    if not FIRST < most < inf or not own_up < 1.0:
        return arb(most), own
    large = sorted(((x, share) for x, share in zip(lost, b.shares, strict=True) if x > FIRST), reverse=True)
    best, found, gone = exp(min(most, 600.0)) / (1.0 - own_up), (arb(most), own), own_up
    for at, (_, share) in enumerate(large):
        gone = (gone + share) * (1 + 2.0**-50)
        rest = large[at + 1][0] if at + 1 < len(large) else FIRST
        if not gone < LEAST:
            break
        if (factor := exp(min(rest, 600.0)) / (1.0 - gone)) < best:
            best, found = factor, (arb(rest), arb(gone))
    return found


def leaves(b: Base, rows: Sequence[int], weights: Sequence[Sequence[float]], e: Points,
           wanted: list[list[int]]) -> Iterator[list[bool]]:
    """Whether a margin above 0 is proved at the minimiser with row i changed too, for each leaf and its points.

    On the ball about the weights on which no margin moves by more than `NEAR` curvatures are at least r times those of
    the centre, `r = e^−(NEAR + how much farther from 0 a margin is)`: `|(ln l'')'| ≤ 1`, and l'' falls with the
    distance from 0. So the Hessian there is at least `r(1 − c_iD_i s_iᵀXs_i)H_c`, and `rH_c` if row i gets the other
    label, as l'' is even (c_i is what it counts). A gradient that is shorter, in the norm of `H_c⁻¹`, than that factor
    times the ball's radius proves that the minimiser lies in it.
    """
    step, near = max(1, AT_ONCE // b.c.sums.n), Lengths(b, e)
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        moved = distances(b, rows[part], weights[part])
        W = arb_mat(len(moved), b.c.sums.p, [x for w in weights[part] for x in w])
        margins = [[x - level for x, level in zip(line, e.levels, strict=True)]
                   for line in (e.exact * W.transpose()).transpose().tolist()]
        for line, x, which in zip(margins, moved, wanted[part], strict=True):
            yield near.holds(line, x, which)


class Lengths:
    """Lengths of points in the norm of an inverse, looked at where the norms of both leave a margin open."""

    def __init__(self, b: Base, e: Points) -> None:
        self.b, self.e = b, e

    @cached_property
    def sharp(self) -> list[arb]:
        """Upper bounds for all points."""
        b = self.b
        forms = self.e.forms(b.X, (b.big + b.off).upper())
        return [(x + b.off * r * r).max(ZERO).upper().sqrt().upper() for x, r in zip(forms, self.e.norms, strict=True)]

    def holds(self, margins: Sequence[arb], moved: arb, which: Sequence[int]) -> list[bool]:
        """For some points whether the margin is above what a motion of length `moved` may take."""
        far = (moved * self.b.big.sqrt()).upper()
        return [bool(margins[j] > self.e.norms[j] * far) or bool(margins[j] > self.sharp[j] * moved) for j in which]


def distances(b: Base, rows: Sequence[int], weights: Sequence[Sequence[float]]) -> list[arb]:
    """For each leaf how far its minimiser may lie from the weights; no number where that is not proved."""
    c, s = b.c, b.c.sums
    W = arb_mat(len(rows), s.p, [x for w in weights for x in w])
    T = (s.exact * W.transpose()).tolist()
    near = [float(x.abs_lower()) * (1 - 2.0**-50) for x in c.t]
    lost = [[float(row[a].abs_upper()) * (1 + 2.0**-50) - t if kept and (s.relabels or j != i) else 0.0
             for j, (row, t, kept) in enumerate(zip(T, near, c.kept, strict=True))] for a, i in enumerate(rows)]
    pulls = [[(-slope(-x)[0] if turned else slope(x)[0]) if kept else ZERO for x in row]
             for row, kept, turned in zip(T, c.kept, c.turned, strict=True)]
    for a, i in enumerate(rows):
        pulls[i][a] = -slope(-T[i][a])[0] if s.relabels else ZERO
    if s.weights is not None:
        pulls = [[own * x for x in row] for own, row in zip(s.weights, pulls, strict=True)]
    G = s.diagonal * W.transpose() - s.across * arb_mat(pulls)
    lines, pushed = G.transpose().tolist(), (b.X * G).transpose().tolist()
    found = []
    for a, (i, g, y) in enumerate(zip(rows, lines, pushed, strict=True)):
        length = (sum(map(mul, g, y), ZERO).max(ZERO) + b.off * norm(g) ** 2).sqrt()
        found.append(distance(b, length, *held(b, lost[a], ZERO if s.relabels else own_share(b, i))))
    return found


def own_share(b: Base, i: int) -> arb:
    """At least what row i takes of the curvature at the centre if it leaves, of 1."""
    c, s = b.c, b.c.sums
    line = arb_mat([[arb(x) for x in s.rows[i]]])
    return c.counts(i) * c.D[i] * ((line * b.X * line.transpose())[0, 0] + b.off * s.norms[i] ** 2)


def alone(c: Centre, e: Points, wanted: list[int], known: Base | None = None) -> list[bool]:
    """The same at a centre itself, by its own inverse."""
    b = known or base(c)
    if b is None:
        return [False] * len(wanted)
    moved = distance(b, b.big.sqrt() * c.gradient, ZERO, ZERO)
    return Lengths(b, e).holds(e.margins(c.w), moved, wanted)
