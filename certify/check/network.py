"""The network in ball arithmetic: values, derivatives, and the tangent kernel in Hadamard form (M3).

All functions work at the current precision of python-flint; every ball contains the exact value.
"""

from __future__ import annotations

from dataclasses import dataclass

from flint import arb, arb_mat

from certify.check.subject import Problem

ZERO, ONE = arb(0), arb(1)


class NotSmooth(Exception):  # noqa: N818 — an answer about the network, not a defect
    """A ReLU pre-activation was not proved different from zero.

    Attributes:
        where: layer, unit and data row.
        exact: True if it is zero, so that more precision cannot help.
    """

    def __init__(self, where: str, exact: bool) -> None:
        self.where, self.exact = where, exact
        super().__init__(where)


@dataclass(frozen=True)
class Forward:
    """The forward pass over the kept rows.

    Attributes:
        inputs: per layer, `(rows, width)` layer inputs `A_{h−1}`.
        before: per hidden layer, the pre-activations `z_h`, row-major.
        outputs: `(rows, k)` network outputs.
    """

    inputs: tuple[arb_mat, ...]
    before: tuple[tuple[arb, ...], ...]
    outputs: arb_mat


@dataclass(frozen=True)
class Backward:
    """The backward pass; row `i·k + a` belongs to kept row i and output a.

    Attributes:
        adjoints: per layer, `B_h = ∂f/∂z_h`.
        gradients: `∂f/∂x`, `(rows·k, inputs)`.
    """

    adjoints: tuple[arb_mat, ...]
    gradients: arb_mat


def forward(problem: Problem) -> Forward:
    """Enclose every layer's values at the kept rows."""
    n = len(problem.kept)
    A = arb_mat(n, problem.layers[0].inputs, [arb(v) for i in problem.kept for v in problem.features[i]])
    inputs, before = [], []
    for h, layer in enumerate(problem.layers, 1):
        inputs.append(A)
        z = (A * _weights(problem, h).transpose()).entries()
        if layer.biases is not None:
            b = [arb(v) for v in layer.biases] * n
            z = [u + v for u, v in zip(z, b, strict=True)]
        if h < len(problem.layers):
            before.append(tuple(z))
            z = [u.tanh() if problem.activation == "tanh" else u.max(ZERO) for u in z]
        A = arb_mat(n, layer.outputs, z)
    return Forward(tuple(inputs), tuple(before), A)


def backward(problem: Problem, passed: Forward) -> Backward:
    """Enclose the derivatives of every output.

    Raises:
        NotSmooth: a ReLU pre-activation is not proved nonzero.
    """
    n, k, depth = len(problem.kept), problem.outputs, len(problem.layers)
    B = arb_mat(n * k, k, [ONE if a == b else ZERO for _ in range(n) for a in range(k) for b in range(k)])
    slopes = [_slopes(problem, h, passed.before[h - 1]) for h in range(1, depth)]
    adjoints = [B]
    for h in range(depth - 1, 0, -1):
        width = problem.layers[h - 1].outputs
        pulled = (B * _weights(problem, h + 1)).entries()
        spread = [s for i in range(n) for _ in range(k) for s in slopes[h - 1][i * width:(i + 1) * width]]
        B = arb_mat(n * k, width, [u * s for u, s in zip(pulled, spread, strict=True)])
        adjoints.append(B)
    return Backward(tuple(reversed(adjoints)), B * _weights(problem, 1))


def tangent_kernel(problem: Problem, passed: Forward, adjoint: Backward) -> arb_mat:
    """Enclose `K_{(i,a),(j,b)} = Σ_h ⟨B_h^{i,a}, B_h^{j,b}⟩⟨Ã_{h−1}^i, Ã_{h−1}^j⟩` over the free layers."""
    n, k = len(problem.kept), problem.outputs
    N = n * k
    upper = [[ZERO] * (N - r) for r in range(N)]
    for h in problem.free:
        B, A = adjoint.adjoints[h - 1], passed.inputs[h - 1]
        if problem.layers[h - 1].biases is not None:
            A = arb_mat([[*row, ONE] for row in A.tolist()])
        left, right = (B * B.transpose()).entries(), (A * A.transpose()).entries()
        for r in range(N):
            i = r // k
            across = right[i * n:(i + 1) * n]
            if k > 1:
                across = [v for v in across for _ in range(k)]
            upper[r] = [s + u * v for s, u, v in zip(upper[r], left[r * N + r:(r + 1) * N], across[r:], strict=True)]
    return arb_mat([[upper[c][r - c] for c in range(r)] + upper[r] for r in range(N)])


def _weights(problem: Problem, h: int) -> arb_mat:
    layer = problem.layers[h - 1]
    return arb_mat(layer.outputs, layer.inputs, [arb(v) for v in layer.weights])


def _slopes(problem: Problem, h: int, before: tuple[arb, ...]) -> list[arb]:
    """Derivatives of the activation; `sech²` for tanh, which keeps relative accuracy where tanh saturates."""
    if problem.activation == "tanh":
        return [z.sech() ** 2 for z in before]
    width = problem.layers[h - 1].outputs
    slopes = []
    for at, z in enumerate(before):
        if not (z > 0 or z < 0):
            row, unit = problem.kept[at // width], at % width
            raise NotSmooth(f"the input of unit {unit} of layer {h} at row {row}", z == 0)
        slopes.append(ONE if z > 0 else ZERO)
    return slopes
