"""How steep layers are on balls around the rows (Q4): Lipschitz constants of a layer's inputs and pre-activations."""

from __future__ import annotations

from dataclasses import dataclass

from flint import arb, arb_mat, ctx

from certify.check.enclosure.activation import ACTIVATIONS
from certify.check.enclosure.network import Forward, Parameters, first_weights, layer_slopes
from certify.check.linalg.balls import ONE, ZERO, norm
from certify.check.linalg.definite import Truth, definiteness
from certify.check.lipschitz.lipsdp import layer_constants
from certify.check.lipschitz.of_outputs import output_steepness
from certify.check.lipschitz.over_ball import estimate, spectral
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
) -> Steepness:
    """Upper bounds for the kept rows, each moving by at most t; rows that do not move have 0.

    Args:
        problem: the problem.
        parameters, passed: at the given weights.
        layer: the layer, from 1.
        t: the radius of every moving row.
        stated: numbers with multipliers that prove them, row by row (:mod:`certify.check.lipschitz.lipsdp`).
    """
    with ctx.workprec(PRECISION):
        steepest = arb(ACTIVATIONS[problem.activation].steepest)
        reach = ONE if problem.scale is None else arb(max(map(abs, problem.scale)))
        first = spectral(first_weights(problem, parameters))
        for j in range(1, layer):
            if j == 1:
                reach = (first * steepest).min(_first_layer(problem, parameters, passed, t))
            else:
                reach = reach * spectral(parameters.weights[j - 1]) * steepest
        after = first if layer == 1 else reach * spectral(parameters.weights[layer - 1])
        rows = {i: after for i in problem.moving}
        if layer == len(problem.layers):
            for i, S in zip(problem.moving, Reach(problem, parameters, passed).steepest(t), strict=True):
                rows[i] = S.min(after)
            dual = output_steepness(problem, parameters, passed, t)
            for i, S in zip(problem.moving, dual or (), strict=dual is not None):
                rows[i] = S.min(rows[i])
        inputs = {i: reach for i in problem.moving}
        if stated is not None:
            better = layer_constants(problem, parameters, passed, layer, t, stated)
            for known, proved in zip((inputs, rows), better, strict=True):
                known |= {i: value.min(known[i]) for i, value in proved.items()}
        return Steepness(*([known.get(i, ZERO).upper() for i in problem.kept] for known in (inputs, rows)))


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
