r"""The step in weight space: `v = −H⁺Cu` (response) and `−H⁺∇L` (towards a critical point), never added unasked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from certify.estimation.change import Change
from certify.estimation.curvature_factor import curvature_factor
from certify.estimation.direct import MOST_PARAMETERS, VERY_FEW, solve_directly
from certify.estimation.hessian import gauss_newton, hessian, mixed
from certify.estimation.krylov import (
    Cg,
    Lsmr,
    MinresQlp,
    Operator,
    Preconditioner,
    Solved,
    Status,
    low_rank_preconditioner,
    nystrom_preconditioner,
)
from certify.estimation.meter import Meter
from certify.estimation.options import EstimateOptions
from certify.estimation.subject import ModuleProblem
from certify.estimation.taped import only_linear
from certify.estimation.wider import in_float64

Tell = Callable[[str, float], None]

LEAST_LEFT = 10
"""Products that a second solve takes at least."""

PRODUCT = 3.0
"""What a Hessian product costs, in gradients, about."""

PREPARED = 20
"""Products that a preconditioned solve takes, about: with p of them the dense matrix is known."""


@dataclass(frozen=True, eq=False)
class WeightSpaceStep:
    """The two parts of the step and how their systems were solved (first row: response, second: stationarity)."""

    response: torch.Tensor
    stationary: torch.Tensor
    solved: Solved
    curvature: str


def weight_space_step(
    problem: ModuleProblem, change: Change, options: EstimateOptions, meter: Meter, tell: Tell
) -> WeightSpaceStep:
    """Solve both systems together, one right-hand side each.

    Raises:
        InputError: a solver that does not fit.
    """
    kind = options.curvature
    if kind == "auto":
        tilted = problem.base == "given" and not problem.weight_decay and problem.map == "critical"
        kind = "gauss_newton" if tilted else "hessian"
    right = -torch.stack([mixed(problem, change), meter.gradient])
    solved = solve(problem, kind, right, options, tell)
    meter.products += int(solved.products.max())
    return WeightSpaceStep(solved.x[0], solved.x[1], solved, kind)


def solve(problem: ModuleProblem, curvature: str, b: torch.Tensor, options: EstimateOptions, tell: Tell) -> Solved:
    """The rows of b against the Hessian (or Gauss–Newton matrix) + damping, by the solver of the options.

    With damping, conjugate gradients, preconditioned by the rows' own curvature; where a direction of negative
    curvature is met, MINRES-QLP; where float32 cannot reach the tolerance, on from there in float64. Without, the
    minimum-norm solution: dense for few parameters, else MINRES-QLP.
    """
    operator = _operator(problem, curvature, options)
    most = max(10, int(options.budget / PRODUCT))
    name, shift = options.solver, options.damping + problem.weight_decay
    if name in ("auto", "dual"):
        worth = shift == 0 or PREPARED * len(b) > problem.p or (problem.p <= VERY_FEW and only_linear(problem))
        few = problem.p <= MOST_PARAMETERS and worth
        name = "direct" if few else "cg" if shift > 0 else "minres_qlp"
    if name == "direct":
        tell("dense matrix", 0.0)
        return solve_directly(operator, b, options.tolerance)
    made = _preconditioner(problem, operator, b, shift, name, options)

    def watch(iteration: int, history: object) -> None:
        tell(f"{name} in weight space", min(0.99, iteration / most))

    if name == "lsmr":
        lsmr = Lsmr(tolerance=options.tolerance, max_products=most)
        return lsmr.compute(lsmr.init(operator), b, None, watch)
    if name == "minres_qlp":
        minres = MinresQlp(tolerance=options.tolerance, max_products=most)
        return minres.compute(minres.init(operator, made), b, None, watch)
    cg = Cg(tolerance=options.tolerance, max_products=most, recurred=True)  # a tape's products are linear
    solved = cg.compute(cg.init(operator, made), b, None, watch)
    if options.solver == "cg":
        return solved
    if Status.CURVATURE in solved.status:
        minres = MinresQlp(tolerance=options.tolerance, max_products=most)
        solved = joined(solved, minres.compute(minres.init(operator, made), b, None, watch))
    left = most - int(solved.products.max())
    if Status.STALLED in solved.status and b.dtype == torch.float32 and left >= LEAST_LEFT:
        wide = MinresQlp(tolerance=options.tolerance, max_products=left)
        state = wide.init(_operator(in_float64(problem), curvature, options), made and Wide(made))
        solved = joined(solved, wide.compute(state, b.double(), solved.x.double(), watch))
    return solved


def _operator(problem: ModuleProblem, curvature: str, options: EstimateOptions) -> Operator:
    return (hessian if curvature == "hessian" else gauss_newton)(problem, options.damping)


def joined(first: Solved, second: Solved) -> Solved:
    """The second solve's answers, in the type of the first, with the products and the history of both."""
    return replace(
        second, x=second.x.to(first.x), products=first.products + second.products,
        iterations=first.iterations + second.iterations, history=np.vstack([first.history, second.history]),
        curvature=first.curvature, normal_history=None,
    )


@dataclass(frozen=True, eq=False)
class Wide:
    """A preconditioner for vectors of a wider type: it changes the speed only, so its own digits are enough."""

    narrow: Preconditioner

    @property
    def keeps_range(self) -> bool:
        """As that of the narrow one, up to its rounding: not promised."""
        return False

    def apply(self, V: torch.Tensor) -> torch.Tensor:
        """M v for each row of V, shape (r, n)."""
        return self.narrow.apply(V.float()).to(V)


def _preconditioner(
    problem: ModuleProblem, operator: Operator, b: torch.Tensor, shift: float, name: str, options: EstimateOptions
) -> Preconditioner | None:
    if options.preconditioner == "nystrom" and name == "cg":
        return nystrom_preconditioner(operator, b, seed=options.seed)
    if options.preconditioner == "auto" and shift > 0 and name != "lsmr" and problem.batch_statistics == "frozen":
        return low_rank_preconditioner(curvature_factor(problem, shift), shift)
    return None
