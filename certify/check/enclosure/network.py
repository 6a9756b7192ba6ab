"""The network in ball arithmetic: values, derivatives, and the tangent kernel in Hadamard form (M3).

All functions work at the current precision of python-flint; every ball contains the exact value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module

from flint import arb, arb_mat

from certify.check.enclosure.activation import ACTIVATIONS
from certify.check.linalg.balls import ONE, ZERO
from certify.check.reading.data import Vector
from certify.check.reading.subject import Problem


@dataclass(frozen=True)
class Parameters:
    """Weights and biases of every layer, as balls.

    Attributes:
        weights: per layer, `(outputs, inputs)`.
        biases: per layer, or None where it has none.
    """

    weights: tuple[arb_mat, ...]
    biases: tuple[tuple[arb, ...] | None, ...]


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
        first: `W_1 diag(scale)`.
        slopes: per hidden layer, the derivatives of its activation, row-major.
    """

    adjoints: tuple[arb_mat, ...]
    first: arb_mat
    slopes: tuple[list[arb], ...] = ()

    @cached_property
    def gradients(self) -> arb_mat:
        """`∂f/∂x · diag(scale)`, `(rows·k, inputs)`."""
        return self.adjoints[0] * self.first


def given(problem: Problem) -> Parameters:
    """The weights in the file, exact."""
    return Parameters(tuple(arb_mat(of.outputs, of.inputs, [*map(arb, of.weights)]) for of in problem.layers),
                      tuple(None if of.biases is None else tuple(map(arb, of.biases)) for of in problem.layers))


def forward(
    problem: Problem, parameters: Parameters, points: Sequence[Vector] | Sequence[tuple[arb, ...]],
    other: Forward | None = None,
) -> Forward:
    """Enclose every layer's values; below the free layers they are those of `other`, a pass with other free weights."""
    n, phi, below = len(points), ACTIVATIONS[problem.activation], 0 if other is None else min(problem.free) - 1
    A = other.inputs[below] if other is not None else arb_mat(
        n, problem.layers[0].inputs, [v for point in problem.enter(points) for v in point])
    inputs, before = ([], []) if other is None else ([*other.inputs[:below]], [*other.before[:below]])
    for h, (W, b) in list(enumerate(zip(parameters.weights, parameters.biases, strict=True), 1))[below:]:
        inputs.append(A)
        z = (A * W.transpose()).entries()
        z = z if b is None else [u + v for u, v in zip(z, b * n, strict=True)]
        if h < len(problem.layers):
            before.append(tuple(z))
            z = [phi.value(u) for u in z] if len(z) < 1 << 15 or not problem.solutions.below else (
                import_module("certify.check.enclosure.activations.many").values(problem.activation, z))
        A = arb_mat(n, W.nrows(), z)
    return Forward(tuple(inputs), tuple(before), A)


def backward(
    problem: Problem, parameters: Parameters, passed: Forward, seeds: arb_mat | None = None,
    slopes: Sequence[list[arb]] = (),
) -> Backward:
    """Enclose the derivatives of every output, or of `⟨c_i, f(x_i)⟩`.

    Args:
        problem, parameters, passed: of the forward pass.
        seeds: `(rows, k)` the c_i; then there is one row for each point. None: one for each point and output.
        slopes: :func:`layer_slopes` of all hidden layers where they are known, as where there may be kinks.

    Raises:
        NotSmooth: a pre-activation is not proved away from a kink, and no slopes are given.
    """
    n, k, depth = passed.outputs.nrows(), problem.outputs, len(problem.layers)
    unit = [ONE if a == b else ZERO for _ in range(n) for a in range(k) for b in range(k)]
    B, each = (arb_mat(n * k, k, unit), k) if seeds is None else (seeds, 1)
    slopes, adjoints = slopes or [layer_slopes(problem, h, passed, False) for h in range(1, depth)], [B]
    for h in range(depth - 1, 0, -1):
        width = problem.layers[h - 1].outputs
        slope = [s for i in range(n) for _ in range(each) for s in slopes[h - 1][i * width:(i + 1) * width]]
        pulled = (B * parameters.weights[h]).entries()
        adjoints.append(B := arb_mat(n * each, width, [u * s for u, s in zip(pulled, slope, strict=True)]))
    return Backward(tuple(reversed(adjoints)), first_weights(problem, parameters), tuple(slopes))


def first_weights(problem: Problem, parameters: Parameters) -> arb_mat:
    """`W_1 diag(scale)`: the first layer for features counted in their units."""
    W, each = parameters.weights[0], problem.scale
    return W if each is None else arb_mat([[u * arb(s) for u, s in zip(row, each, strict=True)] for row in W.tolist()])


def tangent_kernel(
    problem: Problem, passed: Forward, adjoint: Backward, squares: Mapping[int, arb] | None = None,
) -> arb_mat:
    """Enclose `K_{(i,a),(j,b)} = Σ_h s_h⁻²⟨B_h^{i,a}, B_h^{j,b}⟩⟨Ã_{h−1}^i, Ã_{h−1}^j⟩` over the free layers.

    The passes may be over any rows; `squares` are the `s_h⁻²` of every free layer, None: all 1.
    """
    k, upper = problem.outputs, [[ZERO] * r for r in range(passed.outputs.nrows() * problem.outputs, 0, -1)]
    for h in problem.free:
        B, bias = adjoint.adjoints[h - 1].tolist(), [ONE] * (problem.layers[h - 1].biases is not None)
        A, size = [[*row, *bias] for row in passed.inputs[h - 1].tolist()], ONE if squares is None else squares[h]
        for i in range(0, len(upper), 128 * k):  # so many rows against what is above the diagonal alone
            left = (arb_mat(B[i:i + 128 * k]) * size * arb_mat(B[i:]).transpose()).tolist()
            right = (arb_mat(A[i // k:i // k + 128]) * arb_mat(A[i // k:]).transpose()).tolist()
            for r, own in enumerate(left):
                across = right[r] if k == 1 else [v for v in right[r // k] for _ in range(k)]
                upper[i + r] = [s + u * v for s, u, v in zip(upper[i + r], own[r:], across[r:], strict=True)]
    return arb_mat([[upper[c][r - c] for c in range(r)] + row for r, row in enumerate(upper)])


def layer_slopes(problem: Problem, h: int, passed: Forward, kinks: bool) -> list[arb]:
    """Derivatives of the activation of hidden layer h, row-major; at a kink, if that is let, the midpoint of both."""
    phi, before = ACTIVATIONS[problem.activation], passed.before[h - 1]
    if phi.kinked:
        return list(import_module("certify.check.enclosure.activations.kinks").slopes(problem, h, before, kinks))
    if len(before) > 1 << 15:
        found = import_module("certify.check.enclosure.activations.slopes")
        return list(found.beside(problem.activation, passed, h, problem.solutions.below))
    return [phi.slope(z) for z in before]
