"""The exact network: forward pass, ∂f/∂z_h, Jacobian, tangent kernel and moduli, in rationals or in balls.

Written from the definitions alone: the Jacobian *is* formed here, one backward pass an output, and nothing is
shared with the product. ReLU networks are computed in rationals (every sign is exact); tanh networks in balls at
the current precision of python-flint.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import arb, fmpq

from tests import oracles as exact
from tests.oracles import Number, Rows


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


def _activate(name: str, z: list[Number]) -> tuple[list[Number], list[Number]]:
    """φ(z) and φ'(z); the slope of relu at 0 is taken as 0 and must not be used."""
    if name == "tanh":
        y = [exact.tanh(x) for x in z]
        return y, [1 - v * v for v in y]
    on = [exact.sign(x) > 0 for x in z]
    return [x if o else fmpq(0) for x, o in zip(z, on, strict=True)], [fmpq(int(o)) for o in on]


def evaluate(network: Any, x: np.ndarray) -> Sample:
    """The exact values of a network at one row."""
    a, inputs, before, slopes = exact.vector(x), [], [], []
    weights = [exact.matrix(W) for W in network.weights]
    for h, W in enumerate(weights):
        inputs.append(a)
        b = network.biases[h]
        shift = [fmpq(0)] * len(W) if b is None else exact.vector(b)
        z = [exact.dot(row, a) + c for row, c in zip(W, shift, strict=True)]
        if h < len(weights) - 1:
            before.append(z)
            a, slope = _activate(network.activation, z)
            slopes.append(slope)
    adjoints = [[] for _ in range(len(weights) + 1)]
    for out in range(len(z)):
        g = [fmpq(int(j == out)) for j in range(len(z))]
        adjoints[-1].append(g)
        for h in range(len(weights) - 1, -1, -1):
            g = [exact.dot(g, column) for column in zip(*weights[h], strict=True)]
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


def linearise(problem: Any) -> Truth:
    """The truth about a problem: built from the definitions in theory.md §1, at the current precision."""
    net = problem.network
    layers = tuple(range(1, len(net.weights) + 1)) if problem.layer == "all" else (problem.layer,)
    samples = [evaluate(net, problem.X[i]) for i in problem.kept]
    J = [row for s in samples for row in jacobian_rows(net, s, layers)]
    k = len(samples[0].output)
    Q = []
    for i, s in zip(problem.kept, samples, strict=True):
        if i not in problem.rows:
            Q.append([[fmpq(0)] * k for _ in range(k)])
        elif problem.parameter == "targets":
            Q.append(exact.identity(k))
        else:
            Q.append(exact.product_transposed(s.adjoints[0], s.adjoints[0]))
    return Truth(samples, exact.product_transposed(J, J), Q, J)


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
