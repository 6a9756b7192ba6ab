"""How far second derivatives of the Jacobian's rows can reach along straight lines in a ball, by norms (Q1).

A line is `s ↦ (x_i + su_i, w̄ + sΔw)`, s in [0, 1]; what is bounded holds for all s and all lines with `|u_i| ≤ t`,
`|Δw^(h)| ≤ r_h`. Each bound grows with t and r_h. Everything is an upper bound, so a ball may be widened.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb

from flint import arb, ctx

from certify.check.enclosure.activation import ACTIVATIONS
from certify.check.enclosure.tangents import Point
from certify.check.linalg.balls import ONE, ZERO, largest, norm
from certify.check.linalg.small.spectral import spectral
from certify.check.reading.subject import Problem

PRECISION = 64
CORNERS = 36
"""Most boxes by which the ways to share a change among the layers are covered."""


def corners(depth: int, reach: arb) -> list[tuple[arb, ...]]:
    """Radii of the layers such that every `Σ_h r_h² ≤ reach²` lies below one of them.

    `r_h = reach·√(j_h/m)`, j_h from 1, `Σ j_h = m + H − 1`: with `j_h = max(1, ⌈m(r_h/reach)²⌉)` one has
    `Σ(j_h − 1) < m`.

    >>> len(corners(2, arb(1))), [float(r) for r in corners(1, arb(3))[0]]
    (36, [3.0])
    """
    m = 1
    while depth > 1 and comb(m + depth - 1, depth - 1) <= CORNERS:
        m += 1
    total = m + depth - 1
    cuts = [(0, *bars, total) for bars in combinations(range(1, total), depth - 1)]
    return [tuple(reach * (arb(b - a) / m).sqrt() for a, b in zip(cut, cut[1:], strict=False)) for cut in cuts]


@dataclass(frozen=True)
class _Row:
    """What is known of one row at the centre: lengths, and largest entries of slopes, bends and carried adjoints."""

    inputs: list[arb]
    adjoints: list[arb]
    steepest: list[arb]
    sharpest: list[arb]
    carried: list[arb]


class Lines:
    """Bounds for the rows of one point.

    Args:
        problem: the problem; its activation, if there is one, is C³.
        point: the passes.
    """

    def __init__(self, problem: Problem, point: Point) -> None:
        self.phi = ACTIVATIONS[problem.activation]
        with ctx.workprec(PRECISION):
            self.third = arb(self.phi.third or 0.0)  # None: one layer, no activation
            self.wide = [spectral(W) for W in point.weights]
            self.tall = [largest([norm(row).upper() for row in W.tolist()]) for W in point.weights]
            self.across = [largest([norm(row).upper() for row in W.transpose().tolist()]) for W in point.weights]
            self.biased = [A.ncols() > W.ncols() for A, W in zip(point.inputs, point.weights, strict=True)]
            N = point.rows
            plain = [[norm(row[:W.ncols()]).upper() for row in A.tolist()]
                     for A, W in zip(point.inputs, point.weights, strict=True)]
            adjoints = [[norm(row).upper() for row in B.tolist()] for B in point.adjoints]
            most = [[_most(values, r, N) for values in layers] for layers in (
                point.slopes, point.bends, point.carried) for r in range(N)]
            self.rows = [_Row([a[r] for a in plain], [b[r] for b in adjoints], most[r], most[N + r], most[2 * N + r])
                         for r in range(N)]

    def second(self, row: int, radii: tuple[arb, ...], t: arb) -> tuple[arb, arb]:
        """Bounds of the second derivatives of `∂f/∂w` and of `∂f/∂x` of one row.

        Args:
            row: the row.
            radii: `r_h` of every layer.
            t: how far its features move.
        """
        at, depth = self.rows[row], len(self.wide)
        lengths, speeds, forces, hidden = self._forward(at, radii, t)
        b, b1, b2, square = ONE, ZERO, ZERO, ZERO
        for h in range(depth - 1, -1, -1):
            square += (b2 * lengths[h] + 2 * b1 * speeds[h] + b * forces[h]) ** 2
            r, wide = radii[h], self.wide[h] + radii[h]
            y1, y2 = wide * b1 + r * b, wide * b2 + 2 * r * b1
            if h == 0:
                return square.sqrt().upper(), y2.upper()
            z1, z2, widest, slope, bend = hidden[h - 1]
            top1 = y1.min((self.across[h] + r) * b1 + r * b)
            top = at.carried[h - 1] + top1
            crossed = (y1 * widest).min(top1 * z1)
            b2 = slope * y2 + 2 * bend * crossed + top * (self.third * widest * z1 + bend * z2)
            b1 = slope * y1 + top * bend * z1
            b = at.adjoints[h - 1] + b1
        raise AssertionError("a network has a layer")

    def _forward(self, at: _Row, radii: tuple[arb, ...], t: arb) -> tuple[
            list[arb], list[arb], list[arb], list[tuple[arb, arb, arb, arb, arb]]]:
        """Of layer inputs `|ã|`, `|a'|`, `|a''|`; of hidden layers `|z'|`, `|z''|`, `|z'|_∞`, `|φ'|`, `|φ''|`."""
        steepest, curvature = arb(self.phi.steepest), arb(self.phi.bend)
        a1, a2 = t, ZERO
        lengths, speeds, forces, hidden = [], [], [], []
        for h in range(len(self.wide)):
            length = at.inputs[h] + a1
            if self.biased[h]:
                length = (length ** 2 + 1).sqrt()
            lengths.append(length)
            speeds.append(a1)
            forces.append(a2)
            if h == len(self.wide) - 1:
                break
            r, wide = radii[h], self.wide[h] + radii[h]
            z1, z2 = wide * a1 + r * length, wide * a2 + 2 * r * a1
            widest = z1.min((self.tall[h] + r) * a1 + r * length)
            slope = steepest.min(at.steepest[h] + curvature * widest)
            bend = curvature.min(at.sharpest[h] + self.third * widest)
            hidden.append((z1, z2, widest, slope, bend))
            a1, a2 = slope * z1, bend * widest * z1 + slope * z2
        return lengths, speeds, forces, hidden


def _most(values: list[arb], row: int, rows: int) -> arb:
    """The largest entry in size of one row."""
    width = len(values) // rows
    return largest([abs(v).upper() for v in values[row * width:(row + 1) * width]])
