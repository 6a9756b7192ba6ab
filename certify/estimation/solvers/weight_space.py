r"""The step in weight space: `v = −H⁺Cu` (response) and `−H⁺∇L` (towards a critical point), never added unasked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from certify.estimation.change import Change
from certify.estimation.derivatives.curvature_factor import curvature_factor
from certify.estimation.derivatives.hessian import changed_gradient, gauss_newton, hessian, mixed
from certify.estimation.derivatives.taped import only_linear
from certify.estimation.derivatives.wider import in_float64
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
from certify.estimation.model.subject import ModuleProblem
from certify.estimation.options import EstimateOptions
from certify.estimation.solvers.correctors import Corrector, corrected
from certify.estimation.solvers.direct import MOST_PARAMETERS, VERY_FEW, require_size, solve_directly
from certify.estimation.solvers.meter import Meter
from certify.format.errors import InputError

Tell = Callable[[str, float], None]

LEAST_LEFT = 10
"""Products that a second solve takes at least."""

PRODUCT = 3.0
"""What a Hessian product costs at most, in gradients, about: 1.6 to 2.1 from a tape that fits into memory (measured on
ResNets of 421 to 270,000 parameters), one more where it is recorded again every time."""

NEGLIGIBLE = 1e-2
"""Share of what the solver may leave of the response: below, the step towards a critical point is not solved for."""

PREPARED = 20
"""Products that a preconditioned solve takes, about: with p of them the dense matrix is known."""

OVERHEAD, SLOWER = 5e6, 5.0
"""Multiplications in whose time a small product is dispatched, and how much slower the others of a product are than
those of the large matrix products that form and factor a matrix."""


@dataclass(frozen=True, eq=False)
class WeightSpaceStep:
    """The two parts of the step and how their systems were solved (first row: response, second: stationarity).

    `left_out`: why the second was not solved for, and its part of the step is 0; empty where it was.
    """

    response: torch.Tensor
    stationary: torch.Tensor
    solved: Solved
    curvature: str
    left_out: str = ""

    def words(self) -> str:
        """What became of both."""
        answered, towards = self.solved.words()
        return f"response ({self.curvature}): {answered}; towards a critical point: {self.left_out or towards}"


def weight_space_step(
    problem: ModuleProblem, change: Change, options: EstimateOptions, meter: Meter, tell: Tell
) -> WeightSpaceStep:
    """Solve both systems together, one right-hand side each.

    Raises:
        InputError: a solver that does not fit.
    """
    if options.corrector_steps and problem.base == "given":
        raise InputError("corrector_steps", 'an estimate in weight space with base = "given"',
                         'use base = "nearby", or no correctors')
    kind = curvature_of(problem, options)
    right = -torch.stack([mixed(problem, change), meter.gradient])
    caused, given = (float(part.double().norm()) for part in right)
    left_out = ""
    if 0 < given <= NEGLIGIBLE * options.tolerance * caused:  # at a minimum half of the products would go into rounding
        right[1] = 0.0
        left_out = f"left out, the gradient at the given weights is {given:.2g} where the change causes {caused:.2g}"
    solved = solve(problem, kind, right, options, tell)
    meter.products += int(solved.products.max())
    return WeightSpaceStep(solved.x[0], solved.x[1], solved, kind, left_out)


def curvature_of(problem: ModuleProblem, options: EstimateOptions) -> str:
    """Which curvature the system has: an output tilt without weight decay leaves the Gauss–Newton part alone."""
    if options.curvature != "auto":
        return options.curvature
    tilted = problem.base == "given" and not problem.weight_decay and problem.map == "critical"
    return "gauss_newton" if tilted else "hessian"


def kernel_part(problem: ModuleProblem, raw: torch.Tensor, options: EstimateOptions, tell: Tell) -> torch.Tensor:
    """Of each row r of `raw`, (c, p), the part `r − H⁺Hr` that changes no gradient to first order."""
    kind = curvature_of(problem, options)
    apply = _operator(problem, kind, options).product
    left = raw - solve(problem, kind, apply(raw), options, tell).x
    require_left(apply, raw, left, options, "Hessian")
    return left


def require_left(
    apply: Callable[[torch.Tensor], torch.Tensor], raw: torch.Tensor, left: torch.Tensor, options: EstimateOptions,
    of: str,
) -> None:
    """Refuse directions `left` of `raw` that are not in the kernel of a map, or nothing but what a solver leaves.

    Raises:
        InputError: the matrix has full rank, and the estimated set is one point; or it could not be told.
    """
    rounding = 1e3 * torch.finfo(raw.dtype).eps
    before, after = apply(raw).norm(dim=1), apply(left).norm(dim=1)
    if bool((after > max(2 * options.tolerance, rounding) * before).any()):
        raise InputError("sample_members", f"the solver could not tell the kernel of the {of} from the rest",
                         "give a larger budget, float64, or ask for no members")
    whole, size = raw.norm(dim=1), left.norm(dim=1)
    if bool((size <= max(options.tolerance, rounding) * whole).any()):
        raise InputError("sample_members", f"a {of} of full rank, as far as the solver sees: the set is one point",
                         "ask for no members")


def chord_steps(
    problem: ModuleProblem, change: Change, curvature: str, v: torch.Tensor, options: EstimateOptions, meter: Meter,
    tell: Tell,
) -> tuple[torch.Tensor, tuple[Corrector, ...]]:
    """Chord steps `−H⁺∇L(u, w + v)`: the gradient of the changed loss where the step ends, the Hessian at the base."""
    def answer(lack: torch.Tensor, tell: Tell) -> torch.Tensor:
        solved = solve(problem, curvature, lack[None], options, tell)
        meter.products += int(solved.products.max())
        return solved.x[0]

    def lack(new: torch.Tensor) -> torch.Tensor:
        return -changed_gradient(problem, change, problem.w + new)

    return corrected(v, options.corrector_steps, lack, answer, meter, tell)


def solve(problem: ModuleProblem, curvature: str, b: torch.Tensor, options: EstimateOptions, tell: Tell) -> Solved:
    """The rows of b against the Hessian (or Gauss–Newton matrix) + damping, by the solver of the options.

    With damping, conjugate gradients, preconditioned by the rows' own curvature; where a direction of negative
    curvature is met, MINRES-QLP; where float32 cannot reach the tolerance, on from there in float64. Without, the
    minimum-norm solution: dense for few parameters, else MINRES-QLP. Small systems whose dense matrix costs less than
    iterations are solved by that, whatever the tolerance; those of plain networks in float64 inside.
    """
    operator = _operator(problem, curvature, options)
    most = max(10, int(options.budget / PRODUCT))
    name, shift = options.solver, options.damping + problem.weight_decay
    if name in ("auto", "dual"):
        few = problem.p <= MOST_PARAMETERS and (shift == 0 or _worth_forming(problem, operator, len(b)))
        name = "direct" if few else "cg" if shift > 0 else "minres_qlp"
    if name == "direct":
        require_size(problem.p)
        return solve_directly(operator, b, options.tolerance, tell)
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


def _worth_forming(problem: ModuleProblem, operator: Operator, count: int) -> bool:
    """Whether the dense matrix costs no more than preconditioned iterations for `count` right-hand sides."""
    n, p = problem.n, problem.p
    if operator.formed is None:
        return PREPARED * count > p or (p <= VERY_FEW and only_linear(problem))
    return n * p**2 + p**3 / 3 <= SLOWER * PREPARED * count * (6 * n * p + OVERHEAD)


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
