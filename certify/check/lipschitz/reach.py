"""How much the loss can grow while features move within a budget (P3), in balls.

Everything here is an upper bound of something not negative, so a ball may be widened but never missed. Floats only
propose multipliers μ; each one gives a valid bound.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import TypeVar

from flint import arb, arb_mat, ctx

from certify.check.enclosure.activation import ACTIVATIONS
from certify.check.enclosure.gradients import Descent
from certify.check.enclosure.network import Forward, Parameters, backward, first_weights, layer_slopes
from certify.check.linalg.balls import ZERO, largest, norm
from certify.check.reading.subject import Problem

PRECISION, FEW = 64, 30
"""Bits of the bounds, and those tried first: they are loose by far more than rounding.

Not where there are kinks: the midpoint of two slopes is taken for an exact number, so that its bits have to hold it.
"""

SPARE, LARGE = 4, 10**7
"""Bits less of whole numbers, which with 26 are small; and products of two numbers for all rows from which they are."""

LEVELS = 16
"""Intervals of the geometric grid with ratio √2 below the budget, the last one down to 0."""

TRIALS = 60
"""Multipliers tried."""

STARTS, ROUNDS = 3, 6
"""How many of them are refined, and how often."""

Real = TypeVar("Real", float, arb)
Bounds = tuple[list[tuple[Real, Real]], Real]
"""Of one row: pairs `(a, q)`, each with `ℓ_i(u) − ℓ_i ≤ at + ½qt²` for `|u_i| = t` in a range, and a constant bound."""


@dataclass(frozen=True)
class Interval:
    """An interval of `t = |u_i|` and the bounds of every moving row that hold on it."""

    low: arb
    high: arb
    rows: list[Bounds[arb]]


def rise(
    problem: Problem, parameters: Parameters, passed: Forward, descent: Descent, radius: arb, room: arb,
) -> arb:
    """Upper bound of `n(L(u) − L(0))` over all u of the budget `radius > 0`.

    With more bits, where by few it is above the room that there is.
    """
    found = ZERO
    for precision in (PRECISION,) if ACTIVATIONS[problem.activation].kinked else (FEW, PRECISION):
        found = _rise(problem, parameters, passed, descent, radius, precision)
        if found <= room:
            break
    return found


def _rise(
    problem: Problem, parameters: Parameters, passed: Forward, descent: Descent, radius: arb, precision: int,
) -> arb:
    """The same with so many bits."""
    with ctx.workprec(precision):
        reach = Reach(problem, parameters, passed, descent)
        if problem.budget.own:
            return sum((_least(bounds, radius) for bounds in reach.bounds(radius)), ZERO)
        intervals = _intervals(reach, radius)
        return min((_dual(intervals, radius, arb(mu)) for mu in _multipliers(intervals, radius)),
                   key=lambda bound: float(bound.upper()))


def _least(bounds: Bounds[arb], t: arb) -> arb:
    """The least of one row's bounds at t."""
    pairs, least = bounds
    for a, q in pairs:
        least = least.min(a * t + q * t**2 / 2)
    return least


class Reach:
    """What is known about every moving row, and how far things move when it moves by at most t.

    Layer by layer N bounds the Jacobian's row of a unit at the data, ρ its movement: a pre-activation moves by at most
    `(N + ρ)t` and by `|W|·(movement of the layer's inputs)`, a slope by `δ = sup|φ''|` times that (plus the jump at a
    kink in reach), at most `2 sup|φ'|`; then `ρ ← |W|(max|φ'|·ρ + δN)`.
    """

    def __init__(
        self, problem: Problem, parameters: Parameters, passed: Forward, descent: Descent | None = None,
    ) -> None:
        self.problem, self.phi = problem, ACTIVATIONS[problem.activation]
        moving, depth = problem.moving, len(problem.layers)
        place = {i: at for at, i in enumerate(problem.kept)}
        self.places = [place[i] for i in moving]
        if descent is not None:  # every row is kept
            seeded = backward(problem, parameters, passed, descent.losses.slopes, kinks=True).gradients.tolist()
            self.g = [norm(seeded[i]) for i in moving]
            slopes = descent.losses.slopes.tolist()
            self.c = [norm(slopes[i]) for i in moving]
            self.bend = [descent.losses.bends[i] for i in moving]
        self.sizes = [arb_mat(W.ncols(), W.nrows(), [abs(w) for w in W.transpose().entries()])
                      for W in parameters.weights]
        all_slopes = [layer_slopes(problem, h, passed, kinks=True) for h in range(1, depth)]
        widths = [problem.layers[h].outputs for h in range(depth - 1)]
        d = [[s[i * m:(i + 1) * m] for i in self.places] for s, m in zip(all_slopes, widths, strict=True)]
        self.slopes = [[abs(s) for row in layer for s in row] for layer in d]
        self.before = [[z for i in self.places for z in passed.before[h][i * m:(i + 1) * m]]
                       for h, m in enumerate(widths)]
        self.norms = _norms(first_weights(problem, parameters), parameters.weights[1:], d, len(moving))

    def bounds(self, t: arb) -> list[Bounds[arb]]:
        """Bounds of the growth of every moving row's loss while it moves by at most t."""
        moved, steady, output, _ = self._sweep(t)
        k, found = self.problem.outputs, []
        for i, (g, c, bend) in enumerate(zip(self.g, self.c, self.bend, strict=True)):
            part = slice(i * k, (i + 1) * k)
            S = norm(u + v for u, v in zip(self.norms[-1][part], moved[part], strict=True))
            rho, far = norm(moved[part]), norm(output[part])
            curved = bend * S * S
            pairs = [(g + c * rho, curved), (c * S, curved)]
            if not self.phi.kinked:
                pairs.append((g, curved + c * norm(steady[part]) / t))
            found.append((pairs, c * far + bend * far * far / 2))
        return found

    def steepest(self, t: arb) -> list[arb]:
        """Bounds of `|∂f/∂x|`, in Frobenius norm, on the ball of radius t around every moving row."""
        moved, *_ = self._sweep(t)
        k = self.problem.outputs
        return [norm(u + v for u, v in zip(self.norms[-1][at:at + k], moved[at:at + k], strict=True))
                for at in range(0, len(moved), k)]

    def before_moved(self, t: arb) -> list[list[arb]]:
        """Bounds, a hidden layer each, of how far the pre-activations of every moving row move, row-major."""
        return self._sweep(t)[3]

    def _sweep(self, t: arb) -> tuple[list[arb], list[arb], list[arb], list[list[arb]]]:
        """Movement of the outputs' Jacobian rows; the same, with `·/t` nondecreasing in t; movement of the outputs.

        Last, the movement of the pre-activations of every hidden layer.
        """
        steepest, spread = arb(self.phi.steepest), self.phi.spread
        rows, N = len(self.places), self.norms[0]
        rho, steady = [ZERO] * len(N), [ZERO] * len(N)  # of the first layer, whose Jacobian is W
        moved = [x * t for x in N]
        before = []
        for h in range(len(self.problem.layers) - 1):
            before.append(moved)
            unit, after = [], []
            for j, (x, d, z) in enumerate(zip(N, self.slopes[h], self.before[h], strict=True)):
                free = self._change(z, moved[j])
                change = free.min(2 * steepest)
                most = steepest.min(d + change)
                unit.append(most * moved[j] if spread is None else (most * moved[j]).min(arb(spread)))
                rho[j] = most * rho[j] + change * x if h else change * x
                if not self.phi.kinked and h:
                    free = self._change(z, (x + steady[j]) * t)
                    after.append(steepest.min(d + free) * steady[j] + free * x)
                elif not self.phi.kinked:
                    after.append(free * x)
            W, N = self.sizes[h + 1], self.norms[h + 1]
            rho, unit = _through(rho, W, rows), _through(unit, W, rows)
            steady = _through(after, W, rows) if after else rho
            moved = [((x + r) * t).min(u) for x, r, u in zip(N, rho, unit, strict=True)]
        return rho, steady, moved, before

    def _change(self, z: arb, moved: arb) -> arb:
        """Bound of `|φ'(z + δ) − φ'(z)|` for `|δ| ≤ moved`; where the sign of z is open φ'(z) is the midpoint."""
        change = moved * self.phi.bend
        if not self.phi.kinked or abs(z) > moved:
            return change
        return change + (self.phi.jump if z > 0 or z < 0 else self.phi.jump / 2)


def _norms(first: arb_mat, later: Sequence[arb_mat], d: Sequence[Sequence[list[arb]]], points: int) -> list[list[arb]]:
    """Upper bounds of the lengths of the rows of `W_h D_{h−1} ⋯ D_1W_1`, per layer h and point by point."""
    if points * first.ncols() * sum(W.nrows() * W.ncols() for W in later) > LARGE:
        from certify.check.lipschitz.row_norms import row_norms

        return row_norms(first, later, d, points, min(ctx.prec, PRECISION) - SPARE)
    found = [[norm(row) for row in first.tolist()] * points, *(list[arb]() for _ in later)]
    for at in range(points):
        M = first
        for h, W in enumerate(later):
            M = W * arb_mat([[s * x for x in row] for s, row in zip(d[h][at], M.tolist(), strict=True)])
            found[h + 1] += [norm(row) for row in M.tolist()]
    return found


def _through(values: list[arb], W: arb_mat, rows: int) -> list[arb]:
    """Row-major values of every row, times a matrix."""
    return (arb_mat(rows, W.nrows(), values) * W).entries()


def _intervals(reach: Reach, radius: arb) -> list[Interval]:
    """`[0, radius]` cut at the powers of √2 below it, each interval with the bounds of its upper end."""
    man, exp = radius.man_exp()
    top = 2 * (int(exp) + int(man).bit_length())
    while _node(top - 1) >= radius:
        top -= 1
    made = []
    for level in range(top, top - LEVELS, -1):
        high = radius if level == top else _node(level)
        low = ZERO if level == top - LEVELS + 1 else _node(level - 1)
        made.append(Interval(low, high, reach.bounds(high)))
    return made


def _node(level: int) -> arb:
    """`√2^level`, rounded up to an exact number."""
    return arb(2) ** (level // 2) if level % 2 == 0 else (arb(2).sqrt() * arb(2) ** (level // 2)).upper()


def _dual(intervals: Sequence[Interval], radius: arb, mu: arb) -> arb:
    """`½με² + Σ_i max_{t ≤ ε} (bound of ℓ_i(t) − ℓ_i − ½μt²)`, which bounds the growth for every μ ≥ 0."""
    total = mu * radius**2 / 2
    for i in range(len(intervals[0].rows)):
        total += largest([_most(part.rows[i], mu, part.low, part.high) for part in intervals])
    return total


def _most(bounds: Bounds[arb], mu: arb, low: arb, high: arb) -> arb:
    """Upper bound of one row's growth less `½μt²` on an interval."""
    pairs, constant = bounds
    least = constant - mu * low**2 / 2
    for a, q in pairs:
        least = least.min(_peak(a, q, mu, low, high))
    return least


def _peak(a: Real, q: Real, mu: Real, low: Real, high: Real) -> Real:
    """Upper bound of `at + ½(q − μ)t²` for `low ≤ t ≤ high`, a ≥ 0; `a²/(2(μ − q))` bounds it everywhere if μ > q."""
    bend = mu - q
    if bend > 0:
        vertex = a / bend
        if vertex < low:
            return a * low - bend * low * low / 2
        if vertex > high:
            return a * high - bend * high * high / 2
        return a * a / (2 * bend)
    return a * high + abs(bend) * high * high / 2


def _multipliers(intervals: Sequence[Interval], radius: arb) -> list[float]:
    """The most promising μ, by floats."""
    parts = [(float(p.low), float(p.high), [([(float(a), float(q)) for a, q in pairs], float(constant))
                                            for pairs, constant in p.rows]) for p in intervals]
    value, far = cache(partial(_estimate, parts, float(radius))), float(radius)
    size = math.hypot(*(pairs[0][0] for pairs, _ in parts[0][2])) / far
    bend = max(pairs[0][1] for pairs, _ in parts[0][2])
    stop = 1e3 * (size + bend)
    start = max(0.05 * size, 1e-15 * stop)  # an exact fit has no slopes
    if not 0 < start < stop < 1e300:
        return [0.0, max(bend, 0.0)] if math.isfinite(bend) else [0.0]
    ratio = (stop / start) ** (1 / (TRIALS - 1))
    coarse = sorted((start * ratio**j for j in range(TRIALS)), key=value)[:STARTS]
    return [min([0.0, *(_refined(value, mu, ratio) for mu in coarse)], key=value)]  # 0: best where the growth saturates


def _refined(value: Callable[[float], float], best: float, ratio: float) -> float:
    """A better μ near one of a geometric grid: nearly convex in μ, the bound is easily missed."""
    for _ in range(ROUNDS):
        best = min((best * ratio ** (j / 4) for j in range(-4, 5)), key=value)
        ratio = ratio**0.25
    return best


def _estimate(
    parts: Sequence[tuple[float, float, list[Bounds[float]]]], radius: float, mu: float,
) -> float:
    """:func:`_dual` in floats; an interval is left as soon as it gives no more than another."""
    total = 0.5 * mu * radius * radius
    for i in range(len(parts[0][2])):
        most = 0.0
        for low, high, rows in parts:
            pairs, constant = rows[i]
            least = constant - 0.5 * mu * low * low
            for a, q in pairs:
                if least <= most:
                    break
                least = min(least, _peak(a, q, mu, low, high))
            most = max(most, least)
        total += most
    return total
