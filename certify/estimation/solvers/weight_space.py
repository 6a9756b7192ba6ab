r"""The step in weight space: `v = −H⁺Cu` (response) and `−H⁺∇L` (towards a critical point), never added unasked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from certify.estimation.change import Change
from certify.estimation.derivatives.hessian import changed_gradient, mixed
from certify.estimation.krylov import Solved
from certify.estimation.model.subject import ModuleProblem
from certify.estimation.options import EstimateOptions
from certify.estimation.solvers.correctors import Corrector, Onward, corrected
from certify.estimation.solvers.damping import Again, Answer, answer
from certify.estimation.solvers.meter import Meter
from certify.estimation.solvers.solve import PRODUCT, operator_of, solve
from certify.estimation.solvers.system import System
from certify.format.errors import InputError

__all__ = ["PRODUCT", "WeightSpaceStep", "chord_steps", "kernel_part", "require_left", "solve", "weight_space_step"]

Tell = Callable[[str, float], None]

NEGLIGIBLE = 1e-2
"""Share of what the solver may leave of the response: below, the step towards a critical point is not solved for."""


@dataclass(frozen=True, eq=False)
class WeightSpaceStep:
    """The two parts of the step and how their systems were solved (first row: response, second: stationarity).

    `left_out`: why the second was not solved for, and its part of the step is 0; empty where it was.
    """

    response: torch.Tensor
    stationary: torch.Tensor
    answer: Answer
    left_out: str = ""

    @property
    def solved(self) -> Solved:
        """How the system was solved."""
        return self.answer.solved

    @property
    def system(self) -> System:
        """Which system it was."""
        return self.answer.system

    def words(self) -> str:
        """What became of both."""
        answered, towards = self.solved.words()
        shift = f" + {self.system.damping:.3g}·I" if self.system.damping else ""
        return (f"response ({self.system.matrix}{shift}): {answered}; towards a critical point: "
                f"{self.left_out or towards}{self.system.words()}")


def weight_space_step(
    problem: ModuleProblem, change: Change, options: EstimateOptions, meter: Meter, tell: Tell,
    first: Callable[[torch.Tensor, float, System], None] | None = None,
) -> WeightSpaceStep:
    """Solve both systems together, one right-hand side each.

    `first` is given an early step with its residual and its system, where the whole takes long.

    Raises:
        InputError: a solver that does not fit.
    """
    if options.corrector_steps and problem.solution.base.shifted:
        raise InputError("corrector_steps", 'an estimate in weight space with base = "given"',
                         'use base = "nearby", or no correctors')
    kind = curvature_of(problem, options)
    right = -torch.stack([mixed(problem, change), meter.gradient])
    caused, given = (float(part.double().norm()) for part in right)
    left_out = ""
    if 0 < given <= NEGLIGIBLE * options.tolerance * caused:  # at a minimum half of the products would go into rounding
        right[1] = 0.0
        left_out = f"left out, the gradient at the given weights is {given:.2g} where the change causes {caused:.2g}"
    def hand(solved: Solved, system: System) -> None:
        assert first is not None
        first(solved.x[0] + (0.0 if problem.solution.base.shifted else solved.x[1]), float(solved.residual[0]), system)

    found = answer(problem, kind, right, options, tell, None if first is None else hand)
    meter.products += found.products
    return WeightSpaceStep(found.solved.x[0], found.solved.x[1], found, left_out)


def curvature_of(problem: ModuleProblem, options: EstimateOptions) -> str:
    """Which curvature the system has: an output tilt without weight decay leaves the Gauss–Newton part alone."""
    if options.curvature != "auto":
        return options.curvature
    return problem.solution.curvature(problem.weight_decay)


def kernel_part(problem: ModuleProblem, raw: torch.Tensor, options: EstimateOptions, tell: Tell) -> torch.Tensor:
    """Of each row r of `raw`, (c, p), the part `r − H⁺Hr` that changes no gradient to first order."""
    kind = curvature_of(problem, options)
    apply = operator_of(problem, kind, options.shift).product
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
    problem: ModuleProblem, change: Change, again: Again, v: torch.Tensor, onward: Onward, meter: Meter, tell: Tell
) -> tuple[torch.Tensor, tuple[Corrector, ...]]:
    """Chord steps `−H⁺∇L(u, w + v)`: the gradient of the changed loss where the step ends, the Hessian at the base.

    Where the system is damped, so are these; they go on to the same critical points all the same.
    """
    def answer(lack: torch.Tensor, tell: Tell) -> torch.Tensor:
        solved = again(lack[None], tell)
        meter.products += int(solved.products.max())
        return solved.x[0]

    def lack(new: torch.Tensor) -> torch.Tensor:
        return -changed_gradient(problem, change, problem.w + new)

    return corrected(v, onward, lack, answer, meter, tell)
