r"""The step in output space: `v = J⁺b`, the smallest change of the weights that changes the outputs by b.

Interpolation: `b = −J_u u` (features) or u (targets) on the moved rows, 0 elsewhere. Critical points with base
`given` (output tilt, theory.md M5(a)): the slopes of the losses at the outputs are kept, `∂²ℓ_i b_i = −∂_u slope_i`,
which for features is the same; softmax does not see a number added to all outputs of a row, so outputs are centred.

Critical points with base `nearby`: the given weights are none, and E1 adds `−H⁺∇L`. With the Gauss–Newton matrix
`JᵀBJ` for H that is `J⁺(−B⁺∂ℓ)`: each row's outputs take one Newton step of their own loss. It is taken on the rows
that change; the others are held where they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

from certify.estimation.change import Change
from certify.estimation.derivatives.jacobian import centred, output_jacobian
from certify.estimation.derivatives.kernel import Kernel, kernel
from certify.estimation.krylov import Cg, Solved, dual_operator
from certify.estimation.krylov.operator import Operator
from certify.estimation.model.subject import ModuleProblem
from certify.estimation.options import EstimateOptions
from certify.estimation.solvers.meter import Meter

Tell = Callable[[str, float], None]

EXACT_BYTES = 4 << 30
"""A Jacobian of at most this size is formed."""

SKETCH_EQUATIONS = 16_000
"""More equations than this have no factorised kernel: N² numbers would not fit."""

SKETCH_COLUMNS = 4
"""Columns of the sketch for each equation: conjugate gradients then gain a factor of 2 an iteration, about."""

SHIFT_EXACT, SHIFT_SKETCH = 1e-12, 1e-6
"""Diagonal shifts of the kernel, over the mean of its diagonal."""

FAILED = 1e-3
"""Relative residual beyond which a factorised kernel counts as singular in its arithmetic."""

PRODUCT = 2.7
"""What a product with `JJᵀ` costs, in gradients, about; measured 2.65 for ResNet-56."""


@dataclass(frozen=True, eq=False)
class Rows:
    """The equations of some rows: their Jacobian, its kernel, and how a system with them is solved."""

    problem: ModuleProblem
    X: torch.Tensor
    jacobian: Operator
    kernel: Kernel | None

    def words(self) -> str:
        """What helps the solver, in words."""
        if self.kernel is None:
            return "no preconditioner"
        return "the kernel, factorised" if self.kernel.exact else "preconditioned by a sketch of the kernel"

    def solve(
        self, b: torch.Tensor, start: torch.Tensor | None, options: EstimateOptions, meter: Meter, tell: Tell
    ) -> tuple[torch.Tensor, torch.Tensor, Solved | None]:
        """`(z, v, solved)` for rows of b, `v = Jᵀz`, `JJᵀz = b`."""
        if self.kernel is not None and self.kernel.exact and not options.shift:
            F = self.kernel.factor
            z = self.kernel.apply(b)
            z = z + self.kernel.apply(b - (z @ F) @ F.T)  # one refinement
            v = z @ F
            if not _left(b, v @ F.T) > max(options.tolerance, FAILED):
                return z, v, None
        most = max(10, int(options.budget / (PRODUCT * len(self.X) / self.problem.n)))
        solver = Cg(tolerance=options.tolerance, max_products=most)
        gram = dual_operator(self.jacobian)
        if options.shift:
            inner = gram.product
            shift = options.shift * self.problem.n
            gram = Operator(gram.rows, gram.rows, lambda Z: inner(Z) + shift * Z, lambda Z: inner(Z) + shift * Z, True)
        failed = self.kernel is not None and self.kernel.exact and not options.shift
        state = solver.init(gram, None if failed else self.kernel)  # a kernel that did not solve is no help either

        meter.marks.clear()

        def watch(iteration: int, history: object) -> None:
            meter.mark()
            tell("conjugate gradients in output space", min(0.99, iteration / most))

        solved = solver.compute(state, b, start, watch)
        meter.products += int(solved.products.sum())
        if failed and _left(b, self.jacobian.product(self.jacobian.adjoint(solved.x))) > 1.0:
            zero = torch.zeros_like(solved.x)  # no step is better than one that makes it worse
            return zero, self.jacobian.adjoint(zero), solved
        return solved.x, self.jacobian.adjoint(solved.x), solved


def _left(b: torch.Tensor, reached: torch.Tensor) -> float:
    """The largest relative residual of the rows of b; infinite where it is not finite."""
    size, left = b.double().norm(dim=1), (b - reached).double().norm(dim=1)
    worst = float(torch.where(size > 0, left / size, 0.0).max())
    return worst if math.isfinite(worst) else math.inf


def rows_of(problem: ModuleProblem, X: torch.Tensor, options: EstimateOptions, tell: Tell) -> Rows:
    """Prepare the equations of rows X: J where it is small, a sketch of its kernel where that fits, else nothing."""
    centre = centres(problem)
    N, size = len(X) * problem.k, problem.w.element_size()
    made = None
    if options.preconditioner != "none" and problem.batch_statistics == "frozen":
        if N * problem.p * size <= EXACT_BYTES and len(X) * problem.k <= SKETCH_EQUATIONS:
            made = kernel(problem, X, centre, None, options.seed, SHIFT_EXACT, tell)
        elif N <= SKETCH_EQUATIONS:
            columns = min(problem.p, SKETCH_COLUMNS * N)
            made = kernel(problem, X, centre, columns, options.seed, SHIFT_SKETCH, tell)
    return Rows(problem, X, output_jacobian(problem, X, centre), made)


def centres(problem: ModuleProblem) -> bool:
    """Whether outputs count up to one number a row: critical points of a loss after softmax."""
    return problem.solution.centres(problem.loss)


def wanted(problem: ModuleProblem, change: Change) -> torch.Tensor:
    """b on the changed rows, (m, k): how their outputs, as functions of the weights, have to change."""
    b = problem.solution.wanted(change, problem)
    return centred(b) if centres(problem) else b


def approach(problem: ModuleProblem, change: Change) -> torch.Tensor | None:
    """`−B⁺∂ℓ` of the changed rows, (m, k), at the given data; None where the given weights count as a solution."""
    if not problem.solution.approaches:
        return None
    x, y = problem.X[change.rows], problem.y[change.rows]
    return problem.loss.towards(problem.function.all_outputs(problem.w, x), y)


def held_loss(problem: ModuleProblem, change: Change, base: torch.Tensor) -> float:
    """The mean loss of the rows that do not move, at outputs `base` of all rows; 0 where every row moves."""
    still = torch.ones(problem.n, dtype=torch.bool, device=base.device)
    still[change.rows] = False
    return problem.loss.mean(base[still], problem.y[still]) if bool(still.any()) else 0.0
