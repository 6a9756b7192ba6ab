"""The sublevel map: loss and gradients in balls, by one backward pass (L1, M6)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

from flint import arb, arb_mat

from certify.check.enclosure.losses.base import Losses, learned, loss_of
from certify.check.enclosure.network import Backward, Forward, Parameters, backward
from certify.check.enclosure.norms import layer_squares
from certify.check.linalg.balls import ONE, ZERO, norm, root, squares
from certify.check.reading.subject import Problem


class Descent:
    """Loss and gradients at the given weights, each computed when it is first asked for.

    Args:
        problem: a problem with the sublevel map.
        parameters: its weights and biases.
        passed: the forward pass.
    """

    def __init__(self, problem: Problem, parameters: Parameters, passed: Forward) -> None:
        self.problem, self.parameters, self.passed = problem, parameters, passed
        self.losses = losses(problem, passed.outputs)

    @cached_property
    def loss(self) -> arb:
        """`L = (1/n) Σ ℓ_i + (λ/2)|w|²`, |w| over all parameters."""
        return total_loss(self.problem, self.losses.values)

    @cached_property
    def room(self) -> arb:
        """`n(ℓ − L)`; the level must be stated."""
        assert self.problem.level is not None
        return (arb(self.problem.level) - self.loss) * len(self.problem.features)

    @cached_property
    def backward(self) -> Backward:
        """`∂ℓ_i/∂z_h` and `∂ℓ_i/∂x_i · diag(scale)`; raises `NotSmooth`."""
        return backward(self.problem, self.parameters, self.passed, self.losses.slopes)

    @cached_property
    def weight_gradient(self) -> arb:
        """The dual norm of `∇_w L` over the free layers; raises `NotSmooth`.

        `∇_{W_h}L = (1/n) Σ_i v_h^i (ã_{h−1}^i)ᵀ + λW_h`.
        """
        n, decay = len(self.problem.features), arb(self.problem.weight_decay)
        gradient: dict[int, list[list[arb]]] = {}
        for h in self.problem.free:
            b = self.parameters.biases[h - 1]
            A, W = self.passed.inputs[h - 1].tolist(), self.parameters.weights[h - 1].tolist()
            if b is not None:
                A, W = [[*row, ONE] for row in A], [[*row, v] for row, v in zip(W, b, strict=True)]
            G = (self.backward.adjoints[h - 1].transpose() * arb_mat(A)).tolist()
            gradient[h] = [[g / n + decay * w for g, w in zip(*rows, strict=True)] for rows in zip(G, W, strict=True)]
        return dual_norm(self.problem, gradient)

    @cached_property
    def row_sizes(self) -> list[arb]:
        """`n·|∇_{u_i} L|` for every row that may move: `|∂ℓ_i/∂x_i|`, `|f − y|` or `|ℓ_i|`; may raise `NotSmooth`."""
        return _SIZES[self.problem.parameter](self)

    @property
    def data_gradient(self) -> arb:
        """n times the dual norm of `∇_u L`: Euclidean for a total budget, the sum of the rows' norms for one a row."""
        return self.shared(self.row_sizes)

    def shared(self, sizes: list[arb]) -> arb:
        """The Euclidean norm of row sizes for a total budget, their sum for one a row."""
        return self.problem.budget.shared(sizes, self.problem.at_once)


def descend(problem: Problem, parameters: Parameters, passed: Forward) -> Descent:
    """Loss and gradients of a sublevel problem."""
    return Descent(problem, parameters, passed)


def lengths(rows: arb_mat, problem: Problem) -> list[arb]:
    """The Euclidean length of the row of every data row that may move."""
    found = rows.tolist()
    return [norm(found[i]) for i in problem.moving]


def total_loss(problem: Problem, values: list[arb]) -> arb:
    """`L` from the losses of the rows."""
    size = squares([arb(v) for v in learned(problem)]) if problem.weight_decay else ZERO
    return sum(values, ZERO) / len(values) + arb(problem.weight_decay) / 2 * size


def losses(problem: Problem, outputs: arb_mat, at: slice = slice(None)) -> Losses:  # noqa: B008 — a constant
    """Losses, slopes and their Lipschitz constants (L1), of the rows `at`, whose outputs are given."""
    return loss_of(problem).of(problem, outputs.tolist(), at)


_SIZES: dict[str, Callable[[Descent], list[arb]]] = {
    "sample_weights": lambda at: [abs(at.losses.values[i]) for i in at.problem.moving],
    "features": lambda at: lengths(at.backward.gradients, at.problem),
    "targets": lambda at: lengths(at.losses.slopes, at.problem),
}
"""How much the loss of a row answers to it, by what moves."""


def dual_norm(problem: Problem, gradient: Mapping[int, Sequence[Sequence[arb]]]) -> arb:
    """`|S⁻¹g|`, the dual norm of a gradient by the weights; function norm: raises `NotSmooth` at the reference rows."""
    if problem.reference:
        from certify.check.enclosure.function_norm import dual_square, reference

        return root(dual_square(problem, reference(problem), gradient))
    scale = layer_squares(problem)
    return root(sum((scale[h] * squares(row) for h, G in gradient.items() for row in G), ZERO))
