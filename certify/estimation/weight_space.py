r"""The step in weight space: `v = −H⁺Cu` (response) and `−H⁺∇L` (towards a critical point), never added unasked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from certify.estimation.change import Change
from certify.estimation.hessian import gauss_newton, hessian, mixed
from certify.estimation.krylov import Cg, Lsmr, MinresQlp, Operator, Solved, nystrom_preconditioner
from certify.estimation.meter import Meter
from certify.estimation.options import EstimateOptions
from certify.estimation.subject import ModuleProblem

Tell = Callable[[str, float], None]

PRODUCT = 3.0
"""What a Hessian product costs, in gradients, about."""


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
    operator = (hessian if kind == "hessian" else gauss_newton)(problem, options.damping)
    right = -torch.stack([mixed(problem, change), meter.gradient])
    solved = solve(operator, right, options, tell)
    meter.products += int(solved.products.max())
    return WeightSpaceStep(solved.x[0], solved.x[1], solved, kind)


def solve(operator: Operator, b: torch.Tensor, options: EstimateOptions, tell: Tell) -> Solved:
    """The rows of b against a symmetric operator, by the solver of the options."""
    most = max(10, int(options.budget / PRODUCT))
    common = {"tolerance": options.tolerance, "max_products": most}
    name = "minres_qlp" if options.solver in ("auto", "dual") else options.solver

    def watch(iteration: int, history: object) -> None:
        tell(f"{name} in weight space", min(0.99, iteration / most))

    if name == "lsmr":
        lsmr = Lsmr(**common)  # type: ignore[arg-type]
        return lsmr.compute(lsmr.init(operator), b, None, watch)
    if name == "cg":
        cg = Cg(**common)  # type: ignore[arg-type]
        made = None
        if options.preconditioner == "nystrom":
            made = nystrom_preconditioner(operator, b, seed=options.seed)
        return cg.compute(cg.init(operator, made), b, None, watch)
    minres = MinresQlp(**common)  # type: ignore[arg-type]
    return minres.compute(minres.init(operator), b, None, watch)
