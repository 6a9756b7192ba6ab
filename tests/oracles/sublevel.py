"""The exact training loss and its gradients, from the definitions alone, in rationals or in balls."""

from __future__ import annotations

from typing import Any

import numpy as np
from flint import arb, fmpq

from tests.oracles import matrices as exact
from tests.oracles import network as network_oracles
from tests.oracles.matrices import Number, Rows


def root(x: Number) -> arb:
    """√x of a number that is not negative, even where its ball is not sure of that."""
    return arb(x).nonnegative_part().sqrt()


def sample_loss(problem: Any, i: int, f: list[Number], y: list[Number] | None = None) -> tuple[Number, list[Number]]:
    """`ℓ_i(f)` and `∂ℓ_i/∂f`; other targets than the problem's (squared loss) as y."""
    if problem.loss == "squared":
        gap = [a - b for a, b in zip(f, exact.vector(problem.y[i]) if y is None else y, strict=True)]
        return exact.square(gap) / 2, gap
    if problem.loss == "logistic":
        s = 1 if problem.labels[i] > 0 else -1
        e = arb(-s * f[0]).exp()
        return e.log1p(), [-s * e / (1 + e)]
    if problem.y is None:
        q = [fmpq(int(j == problem.labels[i])) for j in range(len(f))]
    else:
        q = exact.vector(problem.y[i])
    weight = sum(q, fmpq(0))
    if len(f) == 1:  # log e^f = f: all is exactly 0
        return fmpq(0), [fmpq(0)]
    shift = max(f, key=lambda v: float(arb(v).mid()))
    e = [arb(v - shift).exp() for v in f]
    total = sum(e, arb(0))
    value = weight * (total.log() + shift) - exact.dot(q, f)
    return value, [weight * v / total - p for v, p in zip(e, q, strict=True)]


def decay(problem: Any) -> Number:
    """`(λ/2)|w|²` over all parameters."""
    square = fmpq(0)
    for W, b in network_oracles.parameters_of(problem.network):
        square += exact.size_square(W) + (fmpq(0) if b is None else exact.square(b))
    return exact.rational(problem.weight_decay) / 2 * square


def losses(problem: Any, rows: list[list[Number]] | None = None, y: Rows | None = None) -> list[Number]:
    """`ℓ_i` of every row, at other features or targets if they are given."""
    found = []
    for i in range(problem.n):
        x = problem.X[i] if rows is None else rows[i]
        output = network_oracles.evaluate(problem.network, x).output
        found.append(sample_loss(problem, i, output, None if y is None else y[i])[0])
    return found


def training_loss(problem: Any, rows: list[list[Number]] | None = None, y: Rows | None = None) -> Number:
    """L."""
    return sum(losses(problem, rows, y), fmpq(0)) / problem.n + decay(problem)


class Gradients:
    """Exact gradients of a sublevel problem at its weights.

    Attributes:
        losses: `ℓ_i`.
        loss: L.
        weights: `|S⁻¹∇_w L|²` over the free layers.
        rows: `(n |∇_{u_i}L|)²` of every row, 0 for rows that may not move.
        kinks: number of hidden pre-activations at a kink.
    """

    def __init__(self, problem: Any) -> None:
        net, n = problem.network, problem.n
        layers = range(1, net.depth + 1) if problem.layer == "all" else (problem.layer,)
        samples = [network_oracles.evaluate(net, x) for x in problem.X]
        kinked = net.activation in network_oracles.KINKED
        self.kinks = sum(int(exact.sign(z) == 0) for s in samples for a in s.before for z in a) if kinked else 0
        terms = [sample_loss(problem, i, s.output) for i, s in enumerate(samples)]
        self.losses = [value for value, _ in terms]
        self.loss = sum(self.losses, fmpq(0)) / n + decay(problem)
        cotangents = [_cotangents(s, c) for s, (_, c) in zip(samples, terms, strict=True)]
        gradient = [x for h in layers for x in _layer_gradient(problem, h, samples, [v[h] for v in cotangents])]
        self.weights = network_oracles.weighted_gram(problem, [gradient], tuple(layers))[0][0]
        self.rows = [fmpq(0)] * n
        for i in problem.rows:
            self.rows[i] = self._row(problem, terms[i], cotangents[i][0])

    @staticmethod
    def _row(problem: Any, term: tuple[Number, list[Number]], at_input: list[Number]) -> Number:
        if problem.parameter == "sample_weights":
            return term[0] * term[0]
        if problem.parameter == "targets":
            return exact.square(term[1])
        return exact.size_square(network_oracles.scaled_columns([at_input], problem.scale))

    def size(self, kind: str) -> arb:
        """Norm of the row sizes that belongs to the budget: Euclidean, or their sum for one per sample."""
        if kind == "total":
            return root(sum(self.rows, fmpq(0)))
        return sum((root(r) for r in self.rows), arb(0))


def _cotangents(sample: network_oracles.Sample, c: list[Number]) -> list[list[Number]]:
    """`cᵀ∂f/∂z_h` for h = 0 … H."""
    return [[exact.dot(c, column) for column in zip(*rows, strict=True)] for rows in sample.adjoints]


def _layer_gradient(
    problem: Any, h: int, samples: list[network_oracles.Sample], at: list[list[Number]]
) -> list[Number]:
    """`∇_{W_h, b_h} L`, the weights row by row, then the bias."""
    net, n, rate = problem.network, problem.n, exact.rational(problem.weight_decay)
    W, b = network_oracles.parameters_of(net)[h - 1]
    entries = [exact.dot([v[j] for v in at], [s.inputs[h - 1][m] for s in samples]) / n + rate * weight
               for j, row in enumerate(W) for m, weight in enumerate(row)]
    if b is not None:
        entries += [sum((v[j] for v in at), fmpq(0)) / n + rate * b[j] for j in range(len(b))]
    return entries


def moved_rows(problem: Any, u: np.ndarray | Rows) -> Rows:
    """`x_i + scale ∘ u_i`, exactly."""
    units = exact.vector(np.ones(problem.inputs) if problem.scale is None else problem.scale)
    steps = exact.matrix(u) if isinstance(u, np.ndarray) else u
    return [[x + s * v for x, s, v in zip(row, units, step, strict=True)]
            for row, step in zip(exact.matrix(problem.X), steps, strict=True)]
