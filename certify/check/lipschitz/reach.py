"""How much the loss can grow while features move within a budget (P3), in balls.

Everything here is an upper bound of something not negative, so a ball may be widened but never missed. Floats only
propose multipliers μ; each one gives a valid bound.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from copy import copy
from functools import cache, partial
from itertools import accumulate
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

LEVELS, SHARES = 16, (2.0**-10, 0.0, math.inf)
"""Intervals of the geometric grid with ratio √2 below the budget, the last one down to 0; and the share of the room
that rows which keep one interval may take together, after the first trial that fails, the second and the third."""

TRIALS = 60
"""Multipliers tried."""

STARTS, ROUNDS = 3, 6
"""How many of them are refined, and how often."""

Real = TypeVar("Real", float, arb)
Bounds = tuple[list[tuple[Real, Real]], Real]
"""Of one row: pairs `(a, q)`, each with `ℓ_i(u) − ℓ_i ≤ at + ½qt²` for `|u_i| = t` in a range, and a constant bound."""

Grid = list[tuple[Real, Real, Bounds[Real]]]
"""Of one row: intervals of t that cover `[0, ε]`, the topmost first, and what bounds its growth on each of them."""


def rise(
    problem: Problem, parameters: Parameters, passed: Forward, descent: Descent, radius: arb, room: arb,
) -> arb:
    """Upper bound of `n(L(u) − L(0))` over all u of the budget `radius > 0`.

    With more bits, where by few it is above the room that there is.
    """
    found = ZERO
    for precision in (PRECISION,) if ACTIVATIONS[problem.activation].kinked else (FEW, PRECISION):
        found = _rise(problem, parameters, passed, descent, radius, room, precision)
        if found <= room:
            break
    return found


def _rise(
    problem: Problem, parameters: Parameters, passed: Forward, descent: Descent, radius: arb, room: arb, precision: int,
) -> arb:
    """The same with so many bits."""
    with ctx.workprec(precision):
        reach = Reach(problem, parameters, passed, descent)
        if problem.budget.own:
            return sum((_most(bounds, ZERO, ZERO, radius) for bounds in reach.bounds(radius)), ZERO)
        return _shared(reach, radius, room)


def _shared(reach: Reach, radius: arb, room: arb) -> arb:
    """The same of a total budget: with one interval for every row, then with a grid for those that need it."""
    found, grids = ZERO, [[(ZERO, radius, bounds)] for bounds in reach.bounds(radius)]
    for share in SHARES:
        found, each = min((_dual(grids, radius, arb(mu)) for mu in _multipliers(grids, radius)),
                          key=lambda bound: float(bound[0].upper()))
        if found <= room:
            break
        _refine(grids, reach, radius, _heavy(grids, each, share * float(room)))
    return found


def _heavy(grids: Sequence[Grid[arb]], each: Sequence[arb], most: float) -> list[int]:
    """Rows with one interval, but for as many of the least bounds as add up to `most` at most."""
    wide = sorted((i for i, grid in enumerate(grids) if len(grid) == 1), key=lambda i: float(each[i]))
    sums = accumulate(float(each[i]) for i in wide)
    return [i for i, total in zip(wide, sums, strict=True) if not total <= most]


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
        all_slopes = [layer_slopes(problem, h, passed, kinks=True) for h in range(1, depth)]
        if descent is not None:  # every row is kept
            seeded = backward(problem, parameters, passed, descent.losses.slopes, slopes=all_slopes).gradients.tolist()
            self.g = [norm(seeded[i]) for i in moving]
            slopes = descent.losses.slopes.tolist()
            self.c = [norm(slopes[i]) for i in moving]
            self.bend = [descent.losses.bends[i] for i in moving]
        self.sizes = [arb_mat(W.ncols(), W.nrows(), [abs(w) for w in W.transpose().entries()])
                      for W in parameters.weights]
        widths = [problem.layers[h].outputs for h in range(depth - 1)]
        d = self.by_rows = [[s[i * m:(i + 1) * m] for i in self.places]
                            for s, m in zip(all_slopes, widths, strict=True)]
        self.slopes = [[abs(s) for row in layer for s in row] for layer in d]
        self.before = [[z for i in self.places for z in passed.before[h][i * m:(i + 1) * m]]
                       for h, m in enumerate(widths)]
        self.norms = _norms(first_weights(problem, parameters), parameters.weights[1:], d, len(moving))

    def of(self, rows: Sequence[int]) -> Reach:
        """The same of some of the moving rows, by their place among them."""
        part, many = copy(self), len(self.places)
        part.places = [self.places[i] for i in rows]
        part.by_rows = [[layer[i] for i in rows] for layer in self.by_rows]
        part.g, part.c, part.bend = ([values[i] for i in rows] for values in (self.g, self.c, self.bend))
        part.slopes, part.before, part.norms = ([[x for i in rows for x in layer[i * m:(i + 1) * m]]
                                                 for layer in layers for m in (len(layer) // many,)]
                                                for layers in (self.slopes, self.before, self.norms))
        return part

    def bounds(self, t: arb) -> list[Bounds[arb]]:
        """Bounds of the growth of every moving row's loss while it moves by at most t."""
        moved, steady, output, _ = self.sweep(t)
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

    def sweep(self, t: arb) -> tuple[list[arb], list[arb], list[arb], list[list[arb]]]:
        """Movement of the outputs' Jacobian rows; the same, with `·/t` nondecreasing in t; movement of the outputs.

        Last, the movement of the pre-activations of every hidden layer.
        """
        steepest, spread, twice = arb(self.phi.steepest), self.phi.spread, arb(self.phi.steepest) * 2
        rows, N = len(self.places), self.norms[0]
        rho, steady = [ZERO] * len(N), [ZERO] * len(N)  # of the first layer, whose Jacobian is W
        moved = [x * t for x in N]
        before = []
        for h in range(len(self.problem.layers) - 1):
            before.append(moved)
            unit, after = [], []
            for j, (x, d, z) in enumerate(zip(N, self.slopes[h], self.before[h], strict=True)):
                free = self._change(z, moved[j])
                change = free.min(twice)
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


def _refine(grids: list[Grid[arb]], reach: Reach, radius: arb, rows: Sequence[int]) -> None:
    """Cut `[0, radius]` at the powers of √2 below it for these rows, each interval with the bounds of its upper end."""
    man, exp = radius.man_exp()
    top = 2 * (int(exp) + int(man).bit_length())
    while _node(top - 1) >= radius:
        top -= 1
    part, cuts = reach.of(rows), [radius, *(_node(level) for level in range(top - 1, top - LEVELS, -1))]
    bounds = [[grids[i][0][2] for i in rows], *(part.bounds(high) for high in cuts[1:])]
    for i, own in zip(rows, zip(*bounds, strict=True), strict=True):
        grids[i] = list(zip([*cuts[1:], ZERO], cuts, own, strict=True))


def _node(level: int) -> arb:
    """`√2^level`, rounded up to an exact number."""
    return arb(2) ** (level // 2) if level % 2 == 0 else (arb(2).sqrt() * arb(2) ** (level // 2)).upper()


def _dual(grids: Sequence[Grid[arb]], radius: arb, mu: arb) -> tuple[arb, list[arb]]:
    """`½με² + Σ_i max_{t ≤ ε} (bound of ℓ_i(t) − ℓ_i − ½μt²)`, a bound of the growth for every μ ≥ 0; each maximum."""
    each = [largest([_most(bounds, mu, low, high) for low, high, bounds in grid]) for grid in grids]
    return sum(each, mu * radius**2 / 2), each


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


def _multipliers(grids: Sequence[Grid[arb]], radius: arb) -> list[float]:
    """The most promising μ, by floats."""
    rows = [[(float(low), float(high), ([(float(a), float(q)) for a, q in pairs], float(constant)))
             for low, high, (pairs, constant) in grid] for grid in grids]
    value, far = cache(partial(_estimate, rows, float(radius))), float(radius)
    size = math.hypot(*(grid[0][2][0][0][0] for grid in rows)) / far
    bend = max(grid[0][2][0][0][1] for grid in rows)
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


def _estimate(rows: Sequence[Grid[float]], radius: float, mu: float) -> float:
    """:func:`_dual` in floats; an interval is left as soon as it gives no more than another."""
    total = 0.5 * mu * radius * radius
    for grid in rows:
        most = 0.0
        for low, high, (pairs, constant) in grid:
            least = constant - 0.5 * mu * low * low
            for a, q in pairs:
                if least <= most:
                    break
                peak = _peak(a, q, mu, low, high)
                least = peak if peak < least else least
            most = least if least > most else most
        total += most
    return total
