"""In which space an estimate is solved for, and what is refused rather than answered as another question."""

from __future__ import annotations

import torch

from certify.estimation.model.subject import ModuleProblem
from certify.estimation.options import EstimateOptions
from certify.estimation.solvers.output_space import Rows, centres
from certify.format.errors import InputError


def in_output_space(problem: ModuleProblem, options: EstimateOptions) -> bool:
    """Whether an estimate is solved for in output space: outputs are kept, and no more equations than parameters."""
    if options.solver != "auto":
        return options.solver == "dual"
    if problem.solution.in_outputs:
        return True
    k = problem.k - (1 if centres(problem) else 0)
    fits = problem.n * k <= problem.p
    return problem.solution.keeps_outputs(problem.weight_decay) and fits \
        and problem.batch_statistics == "frozen" and options.curvature != "hessian"


def require_asked(
    problem: ModuleProblem, options: EstimateOptions, outputs: bool, prepared: Rows | None
) -> None:
    """Refuse what would otherwise be answered as another question, or not be heard."""
    if outputs and problem.batch_statistics == "recomputed":
        raise InputError("solver", '"dual" with recomputed batch statistics, by which a row moves all outputs',
                         'use solver = "auto", or batch_statistics = "frozen"')
    if outputs and problem.weight_decay and not problem.solution.in_outputs:
        raise InputError("solver", '"dual" with weight decay, whose critical points do not keep the outputs',
                         'use solver = "minres_qlp"')
    if not outputs and problem.solution.in_outputs:
        raise InputError("solver", f'"{options.solver}" with map = "interpolation": in weight space critical points '
                         "of the loss are estimated, which need not keep the outputs",
                         'use solver = "dual", or map = "critical"')
    if not outputs and options.hold == "moved":
        raise InputError("hold", '"moved" in weight space, where the Hessian is that of all rows',
                         'use solver = "dual", or hold = "all"')
    if prepared is not None and not (
        outputs and torch.equal(prepared.problem.w, problem.w) and torch.equal(prepared.X, problem.X)
        and centres(prepared.problem) == centres(problem)
    ):
        raise InputError("prepared", "the rows of another problem, or not all of this one's",
                         'give `.rows` of an estimate of the same problem in output space with hold = "all", or None')
