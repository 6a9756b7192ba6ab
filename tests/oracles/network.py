"""The exact network: forward pass, ∂f/∂z_h, Jacobian, tangent kernel and moduli, in rationals or in balls.

Written from the definitions alone: the Jacobian *is* formed here, one backward pass an output, and nothing is
shared with the product. Piecewise linear networks are computed in rationals (every sign is exact), all others in balls
at the current precision of python-flint.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import arb, arb_mat, fmpq, fmpq_mat

from tests.oracles import matrices as exact
from tests.oracles.matrices import Number, Rows
from tests.unit.rigor.activation.registry import CASES


@dataclass(frozen=True)
class Sample:
    """What one row of the data makes of the network.

    Attributes:
        inputs: inputs a_0 … a_{H−1} of the layers.
        before: pre-activations z_1 … z_{H−1} of the hidden layers.
        output: z_H.
        slopes: φ'(z_1) … φ'(z_{H−1}).
        adjoints: `adjoints[h][a]` = ∂f_a/∂z_h for h = 1 … H and ∂f_a/∂x for h = 0.
    """

    inputs: list[list[Number]]
    before: list[list[Number]]
    output: list[Number]
    slopes: list[list[Number]]
    adjoints: list[Rows]


Parameters = list[tuple[Rows, "list[Number] | None"]]
"""Weight and bias of every layer, as exact numbers."""

KINKED = ("relu", "leaky_relu")
CASE = {case.name: case for case in CASES}


def activation_at(name: str, x: Number) -> tuple[Number, Number]:
    """φ(x) and φ'(x); the slope at a kink is taken from the left and must not be used."""
    if name == "identity":
        return x, fmpq(1)
    if name in KINKED:
        slope = fmpq(1) if exact.sign(x) > 0 else exact.rational(0.01) if name == "leaky_relu" else fmpq(0)
        return slope * x, slope
    point = arb(x)
    if name == "elu" and point.contains(0) and not point.is_zero():
        negative = point.exp() - 1
        return negative.union(point), negative.union(arb(0)) + 1
    value, slope = CASE[name].derivatives(point, bool(point.mid() > 0), 2)
    return value, slope


def _activate(name: str, z: list[Number]) -> tuple[list[Number], list[Number]]:
    values = [activation_at(name, x) for x in z]
    return [v for v, _ in values], [s for _, s in values]


def parameters_of(network: Any) -> Parameters:
    """The network's own parameters."""
    return [(exact.matrix(W), None if b is None else exact.vector(b))
            for W, b in zip(network.weights, network.biases, strict=True)]


def evaluate(network: Any, x: Any, parameters: Parameters | None = None) -> Sample:
    """The exact values of a network at one row of floats or exact numbers, with its own or with other parameters."""
    a = exact.vector(x) if isinstance(x, np.ndarray) else list(x)
    inputs, before, slopes = [], [], []
    layers = parameters_of(network) if parameters is None else parameters
    for h, (W, b) in enumerate(layers):
        inputs.append(a)
        shift = [fmpq(0)] * len(W) if b is None else b
        z = [exact.dot(row, a) + c for row, c in zip(W, shift, strict=True)]
        if h < len(layers) - 1:
            before.append(z)
            a, slope = _activate(network.activation, z)
            slopes.append(slope)
    adjoints = [[] for _ in range(len(layers) + 1)]
    for out in range(len(z)):
        g = [fmpq(int(j == out)) for j in range(len(z))]
        adjoints[-1].append(g)
        for h in range(len(layers) - 1, -1, -1):
            g = [exact.dot(g, column) for column in zip(*layers[h][0], strict=True)]
            if h > 0:
                g = [p * q for p, q in zip(g, slopes[h - 1], strict=True)]
            adjoints[h].append(g)
    return Sample(inputs, before, z, slopes, adjoints)


def jacobian_rows(network: Any, sample: Sample, layers: tuple[int, ...]) -> Rows:
    """∂f_a/∂w over the layers, weights row by row and then the bias of each layer, one row an output."""
    rows = []
    for out in range(len(sample.output)):
        row: list[Number] = []
        for h in layers:
            adjoint = sample.adjoints[h][out]
            row += [g * a for g in adjoint for a in sample.inputs[h - 1]]
            row += adjoint if network.biases[h - 1] is not None else []
        rows.append(row)
    return rows


@dataclass(frozen=True)
class Truth:
    """The exact linearisation of an interpolation problem, index (i, a) ↦ i·k + a.

    Attributes:
        samples: one :class:`Sample` a kept row.
        K: `J Jᵀ`.
        Q: `k × k` blocks `G_i G_iᵀ` or `I`, zero for rows that may not move.
        J: the Jacobian.
    """

    samples: list[Sample]
    K: Rows
    Q: list[Rows]
    J: Rows

    def pencil(self, square: Number, only: int | None = None) -> Rows:
        """`square·K − Q`, with the block of one sample alone if `only` is given."""
        M = exact.scaled(self.K, square)
        k = len(self.Q[0])
        for i, block in enumerate(self.Q):
            if only is None or only == i:
                for a in range(k):
                    for b in range(k):
                        M[i * k + a][i * k + b] = M[i * k + a][i * k + b] - block[a][b]
        return M

    def kinks(self) -> int:
        """Number of hidden pre-activations that are exactly 0 (rational networks only)."""
        return sum(int(exact.sign(z) == 0) for s in self.samples for layer in s.before for z in layer)


def linearise(problem: Any, parameters: Parameters | None = None) -> Truth:
    """The truth about a problem at its own or at other weights, from the definitions (proofs/interpolation.md)."""
    net = problem.network
    layers = tuple(range(1, len(net.weights) + 1)) if problem.layer == "all" else (problem.layer,)
    samples = [evaluate(net, problem.X[i], parameters) for i in problem.kept]
    J = [row for s in samples for row in jacobian_rows(net, s, layers)]
    k = len(samples[0].output)
    Q = []
    for i, s in zip(problem.kept, samples, strict=True):
        if i not in problem.rows:
            Q.append([[fmpq(0)] * k for _ in range(k)])
        elif problem.parameter == "targets":
            Q.append(exact.identity(k))
        else:
            G = scaled_columns(s.adjoints[0], problem.scale)
            Q.append(exact.product_transposed(G, G))
    return Truth(samples, weighted_gram(problem, J, layers), Q, J)


def weighted_gram(problem: Any, J: Rows, layers: tuple[int, ...]) -> Rows:
    """`J S⁻² Jᵀ`, from the definition of the norm of the weights: no kernel over reference rows."""
    net = problem.network
    if problem.weight_norm == "euclidean":
        return exact.product_transposed(J, J)
    if problem.weight_norm == "relative":
        units = []
        for h in layers:
            square = exact.size_square(exact.matrix(net.weights[h - 1]))
            units += [square] * (net.weights[h - 1].size + (0 if net.biases[h - 1] is None else len(net.biases[h - 1])))
        return exact.product_transposed([[x * s for x, s in zip(row, units, strict=True)] for row in J], J)
    tau = exact.rational(problem.reference.tau)
    seen = [row for x in problem.reference.X for row in jacobian_rows(net, evaluate(net, x), layers)]
    square = exact.shifted(exact.product_transposed(exact.transposed(seen), exact.transposed(seen)), -tau * tau)
    return exact.transposed(exact.times(J, _solved(square, exact.transposed(J))))


def _solved(A: Rows, B: Rows) -> Rows:
    """`A⁻¹B` for a positive definite A."""
    if any(is_ball(x) for M in (A, B) for row in M for x in row):
        left, right = (arb_mat([[arb(x) for x in row] for row in M]) for M in (A, B))
        return left.solve(right).tolist()
    return fmpq_mat(A).solve(fmpq_mat(B)).tolist()


def scaled_columns(G: Rows, scale: Any) -> Rows:
    """`G diag(scale)`."""
    if scale is None:
        return G
    units = exact.vector(scale)
    return [[g * s for g, s in zip(row, units, strict=True)] for row in G]


def modulus_at_most(truth: Truth, upper: float, only: int | None = None) -> bool:
    """Whether K is regular and lip S < upper: `upper²·K − Q ≻ 0` (M2), or Q = 0 and K ≻ 0 with upper = 0."""
    kappa = exact.rational(upper)
    if kappa == 0:
        return exact.is_definite(truth.K) and exact.is_semidefinite(exact.scaled(truth.pencil(fmpq(0), only), fmpq(1)))
    return exact.is_definite(truth.pencil(kappa * kappa, only))


def modulus_at_least(truth: Truth, lower: float, only: int | None = None) -> bool:
    """Whether lip S ≥ lower: `lower²·K − Q` is not positive definite."""
    kappa = exact.rational(lower)
    return kappa <= 0 or not exact.is_definite(truth.pencil(kappa * kappa, only))


def quadratic(M: Rows, z: list[Number]) -> Number:
    """zᵀMz."""
    return exact.dot(z, [exact.dot(row, z) for row in M])


def is_ball(x: Number) -> bool:
    """Whether a number is a ball (its sign may be undecided)."""
    return isinstance(x, arb)
