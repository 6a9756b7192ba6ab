"""One system in weight space, solved by the solver of the options: a dense matrix, conjugate gradients, MINRES-QLP."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from certify.estimation.derivatives.curvature_factor import curvature_factor
from certify.estimation.derivatives.hessian import gauss_newton, hessian
from certify.estimation.derivatives.taped import only_linear
from certify.estimation.derivatives.wider import in_float64
from certify.estimation.krylov import (
    Cg,
    LowRank,
    Lsmr,
    MinresQlp,
    Nystrom,
    Operator,
    Preconditioner,
    Solved,
    Status,
    Stop,
    low_rank_preconditioner,
    nystrom_preconditioner,
)
from certify.estimation.krylov.vectors import Scalars
from certify.estimation.model.subject import ModuleProblem
from certify.estimation.options import EstimateOptions
from certify.estimation.solvers.direct import MOST_PARAMETERS, VERY_FEW, require_size, solve_directly

Tell = Callable[[str, float], None]

LEAST_LEFT = 10
"""Products that a second solve takes at least."""

PRODUCT = 3.0
"""What a Hessian product costs at most, in gradients, about: 1.6 to 2.1 from a tape that fits into memory (measured on
ResNets of 421 to 270,000 parameters), one more where it is recorded again every time."""

PREPARED = 20
"""Products that a preconditioned solve takes, about: with p of them the dense matrix is known."""

OVERHEAD, SLOWER = 5e6, 5.0
"""Multiplications in whose time a small product is dispatched, and how much slower the others of a product are than
those of the large matrix products that form and factor a matrix."""


@dataclass(frozen=True, eq=False)
class Solver:
    """A system in weight space with what solves it.

    Attributes:
        problem, curvature, options: as for :func:`solve`; a damping that was left out is 0.
        name: of the method.
        operator: the matrix, with weight decay and damping.
        made: its preconditioner.
        goes_on: whether a solver that was chosen here goes on with another where it meets negative curvature, and to
            the end of its budget; else it stops where that is :func:`hopeless`.
    """

    problem: ModuleProblem
    curvature: str
    options: EstimateOptions
    name: str
    operator: Operator
    made: Preconditioner | None
    goes_on: bool = True

    @property
    def most(self) -> int:
        """Products that it may make."""
        return max(10, int(self.options.budget / PRODUCT))

    def solve(self, b: torch.Tensor, tell: Tell) -> Solved:
        """Solve for the rows of b."""
        options, most = self.options, self.most
        if self.name == "direct":
            return solve_directly(self.operator, b, options.tolerance, tell)

        def watch(iteration: int, history: Scalars) -> None:
            tell(f"{self.name} in weight space", min(0.99, iteration / most))
            if not self.goes_on and hopeless(history, most, options.tolerance):
                raise Stop

        if self.name == "lsmr":
            lsmr = Lsmr(tolerance=options.tolerance, max_products=most)
            return lsmr.compute(lsmr.init(self.operator), b, None, watch)
        minres = MinresQlp(tolerance=options.tolerance, max_products=most)
        if self.name == "minres_qlp":
            return minres.compute(minres.init(self.operator, self.made), b, None, watch)
        cg = Cg(tolerance=options.tolerance, max_products=most, recurred=True)  # a tape's products are linear
        solved = cg.compute(cg.init(self.operator, self.made), b, None, watch)
        if options.solver == "cg":
            return solved
        if Status.CURVATURE in solved.status:
            if not self.goes_on:
                return solved
            solved = joined(solved, minres.compute(minres.init(self.operator, self.made), b, None, watch))
        left = most - int(solved.products.max())
        if Status.STALLED in solved.status and b.dtype == torch.float32 and left >= LEAST_LEFT:
            wide = MinresQlp(tolerance=options.tolerance, max_products=left)
            state = wide.init(operator_of(in_float64(self.problem), self.curvature, options.shift),
                              self.made and Wide(self.made))
            solved = joined(solved, wide.compute(state, b.double(), solved.x.double(), watch))
        return solved


def hopeless(history: Scalars, most: int, tolerance: float) -> bool:
    """Whether residuals, from half of the iterations on, fall so slowly that the tolerance will not be reached.

    That is, if the rest of them took off twice as many digits each as the last half did. History of a sweep, (k, r).

    >>> slow, quick = (np.array([[rate**i] for i in range(20)]) for rate in (0.98, 0.85))
    >>> hopeless(slow, 40, 1e-2), hopeless(quick, 40, 1e-2), hopeless(slow[:19], 40, 1e-2)
    (True, False, False)
    """
    done = len(history)
    if 2 * done < most:
        return False
    now, before = history[-1], history[done // 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        end = now * (now / before) ** (2 * max(most - done, 0) / (done - done // 2))
    return bool((end > tolerance).any())


def solver_of(
    problem: ModuleProblem, curvature: str, b: torch.Tensor, options: EstimateOptions, goes_on: bool = True
) -> Solver:
    """The solver of the options for right-hand sides such as b, prepared.

    Raises:
        InputError: a matrix that would not fit into memory.
    """
    operator = operator_of(problem, curvature, options.shift)
    name, shift = options.solver, options.shift + problem.weight_decay
    if name in ("auto", "dual"):
        few = problem.p <= MOST_PARAMETERS and (shift == 0 or _worth_forming(problem, operator, len(b)))
        name = "direct" if few else "cg" if shift > 0 else "minres_qlp"
    if name == "direct":
        require_size(problem.p)
    made = None if name == "direct" else _preconditioner(problem, operator, b, shift, name, options)
    return Solver(problem, curvature, options, name, operator, made, goes_on)


def solve(problem: ModuleProblem, curvature: str, b: torch.Tensor, options: EstimateOptions, tell: Tell) -> Solved:
    """Solve the rows of b against the Hessian (or Gauss–Newton matrix) + damping, by the solver of the options.

    With damping, conjugate gradients, preconditioned by the rows' own curvature; where a direction of negative
    curvature is met, MINRES-QLP; where float32 cannot reach the tolerance, on from there in float64. Without, the
    minimum-norm solution: dense for few parameters, else MINRES-QLP. Small systems whose dense matrix costs less than
    iterations are solved by that, to more than was asked; those of plain networks in float64 inside.
    """
    return solver_of(problem, curvature, b, options).solve(b, tell)


def preconditioner_words(made: Preconditioner | None, direct: bool = False) -> str:
    """What helps a solver, in words.

    >>> preconditioner_words(None), preconditioner_words(None, direct=True)
    ('no preconditioner', 'a dense matrix, without iterations')
    """
    if direct:
        return "a dense matrix, without iterations"
    if isinstance(made, LowRank):
        return f"preconditioned by the rows' own curvature ({len(made.rows)} directions)"
    if isinstance(made, Nystrom):
        return f"Nyström preconditioner of rank {len(made.eigenvalues)}"
    return "no preconditioner"


def _worth_forming(problem: ModuleProblem, operator: Operator, count: int) -> bool:
    """Whether the dense matrix costs no more than preconditioned iterations for `count` right-hand sides."""
    n, p = problem.n, problem.p
    if operator.formed is None:
        return PREPARED * count > p or (p <= VERY_FEW and only_linear(problem))
    return n * p**2 + p**3 / 3 <= SLOWER * PREPARED * count * (6 * n * p + OVERHEAD)


def operator_of(problem: ModuleProblem, curvature: str, damping: float = 0.0) -> Operator:
    """The matrix of a system, with weight decay and damping."""
    return (hessian if curvature == "hessian" else gauss_newton)(problem, damping)


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
        outputs = None if operator.outputs is None else operator.outputs()
        return low_rank_preconditioner(curvature_factor(problem, shift, outputs=outputs), shift)
    return None
