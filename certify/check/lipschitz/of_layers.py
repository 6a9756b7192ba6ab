"""How steep layers are on balls around the rows (Q4): Lipschitz constants of a layer's inputs and pre-activations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial

from flint import arb, arb_mat, ctx

from certify.check.enclosure.activation import ACTIVATIONS
from certify.check.enclosure.network import Forward, Parameters, first_weights, layer_slopes
from certify.check.linalg.balls import ONE, ZERO, norm
from certify.check.linalg.definite import Truth, definiteness
from certify.check.linalg.small.spectral import estimate, spectral
from certify.check.lipschitz.lipsdp import layer_constants
from certify.check.lipschitz.of_outputs import output_steepness
from certify.check.lipschitz.reach import Reach
from certify.check.reading.arrays import Array
from certify.check.reading.subject import Problem

PRECISION = 64
LADDER = (30, 20, 14, 8)
LARGEST = 2**24
"""Most numbers of all Gram matrices together; beyond it the norm of the whole layer stands."""

BLOCK = 64
"""Rows whose Gram matrices are formed at a time."""


@dataclass(frozen=True)
class Steepness:
    """Of one layer: `|a(x_i + v) − a(x_i)| ≤ inputs_i·|v|`, `|W(a(x_i + v) − a(x_i))| ≤ rows_i·|v|` on the balls."""

    inputs: list[arb]
    rows: list[arb]


def steepness(
    problem: Problem, parameters: Parameters, passed: Forward, layer: int, t: arb, stated: Array | None = None,
) -> Iterator[Steepness]:
    """Upper bounds for the kept rows, each moving by at most t; rows that do not move have 0.

    Where both numbers of every row that moves are proved from their multipliers these come first. After them the least
    of them and of the bounds by norms.

    Args:
        problem: the problem.
        parameters, passed: at the given weights.
        layer: the layer, from 1.
        t: the radius of every moving row.
        stated: numbers with multipliers that prove them, row by row (:mod:`certify.check.lipschitz.lipsdp`).
    """
    reach = cache(partial(Reach, problem, parameters, passed))
    inputs: dict[int, arb] = {}
    rows: dict[int, arb] = {}
    if stated is not None:
        with ctx.workprec(PRECISION):
            inputs, rows = layer_constants(reach(), parameters, layer, t, stated)
            found = _kept(problem, inputs, rows)
        if len(inputs) == len(rows) == len(problem.moving):
            yield found
    with ctx.workprec(PRECISION):
        every = _by_norms(problem, parameters, passed, layer, t, reach)
        for known, proved in zip(every, (inputs, rows), strict=True):
            known |= {i: value.min(known[i]) for i, value in proved.items()}
        found = _kept(problem, *every)
    yield found


def _kept(problem: Problem, inputs: dict[int, arb], rows: dict[int, arb]) -> Steepness:
    """Of every kept row: 0 where it does not move."""
    return Steepness(*([known.get(i, ZERO).upper() for i in problem.kept] for known in (inputs, rows)))


def _by_norms(
    problem: Problem, parameters: Parameters, passed: Forward, layer: int, t: arb, reach: Callable[[], Reach],
) -> tuple[dict[int, arb], dict[int, arb]]:
    """Both bounds of every row that moves, from norms of layers and what is known near the rows."""
    steepest = arb(ACTIVATIONS[problem.activation].steepest)
    far = ONE if problem.scale is None else arb(max(map(abs, problem.scale)))
    first = spectral(first_weights(problem, parameters))
    for j in range(1, layer):
        if j == 1:
            far = (first * steepest).min(_first_layer(problem, parameters, passed, t))
        else:
            far = far * spectral(parameters.weights[j - 1]) * steepest
    after = first if layer == 1 else far * spectral(parameters.weights[layer - 1])
    rows = {i: after for i in problem.moving}
    if layer == len(problem.layers):
        for i, S in zip(problem.moving, _last_layer(reach(), t), strict=True):
            rows[i] = S.min(after)
        dual = output_steepness(problem, parameters, passed, t)
        for i, S in zip(problem.moving, dual or (), strict=dual is not None):
            rows[i] = S.min(rows[i])
    return {i: far for i in problem.moving}, rows


def _first_layer(problem: Problem, parameters: Parameters, passed: Forward, t: arb) -> arb:
    """`max_i λ_max(W_1ᵀD_i²W_1)^½` over the moving rows: `s²I` less each matrix is proved positive definite."""
    W = first_weights(problem, parameters)
    units, d = W.nrows(), W.ncols()
    place = {row: at for at, row in enumerate(problem.kept)}
    slopes = _slopes(problem, passed, [norm(row) * t for row in W.tolist()])
    entries = W.tolist()
    if len(problem.moving) * d * d > LARGEST:
        return arb("inf")
    outer = arb_mat([[row[a] * row[b] for a in range(d) for b in range(a, d)] for row in entries])
    grams: list[list[list[arb]]] = []
    moving = [place[i] for i in problem.moving]
    for start in range(0, len(moving), BLOCK):
        part = moving[start:start + BLOCK]
        D = arb_mat([[s * s for s in slopes[at * units:(at + 1) * units]] for at in part])
        grams += [_square(row, d) for row in (D * outer).tolist()]
    guess = max((estimate([[float(x) for x in row] for row in G]) for G in grams), default=0.0)
    for bits in LADDER if guess > 0 else ():
        square = arb(guess * (1 + 2.0**-bits))
        if all(_below(G, square) for G in grams):
            return square.sqrt().upper()
    return arb("inf")


def _last_layer(reach: Reach, t: arb) -> list[arb]:
    """Bounds of `|∂f/∂x|`, in Frobenius norm, on the ball of radius t around every moving row."""
    (moved, *_), k = reach.sweep(t), reach.problem.outputs
    return [norm(u + v for u, v in zip(reach.norms[-1][at:at + k], moved[at:at + k], strict=True))
            for at in range(0, len(moved), k)]


def _slopes(problem: Problem, passed: Forward, moved: list[arb]) -> list[arb]:
    """Bounds of `|φ'(z + δ)|`, `|δ| ≤ moved`, for the units of layer 1, row-major."""
    phi = ACTIVATIONS[problem.activation]
    steepest, width, found = arb(phi.steepest), len(moved), []
    before = passed.before[0]
    for at, (z, slope) in enumerate(zip(before, layer_slopes(problem, 1, passed, kinks=True), strict=True)):
        far = moved[at % width]
        change = far * phi.bend
        if phi.kinked and not abs(z) > far:
            change = change + (phi.jump if z > 0 or z < 0 else phi.jump / 2)
        found.append(steepest.min(abs(slope) + change).upper())
    return found


def _square(upper: list[arb], d: int) -> list[list[arb]]:
    G, values = [[ZERO] * d for _ in range(d)], iter(upper)
    for a in range(d):
        for b in range(a, d):
            G[a][b] = G[b][a] = next(values)
    return G


def _below(G: list[list[arb]], square: arb) -> bool:
    rows = [[(square if i == j else ZERO) - x for j, x in enumerate(row)] for i, row in enumerate(G)]
    return definiteness(arb_mat(rows), sharp=False).truth is Truth.PROVED
