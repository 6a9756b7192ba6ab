r"""The damping of a system in weight space, chosen from what is measured where the undamped one cannot be solved.

The undamped system is tried first, and kept where the solver converges: damping changes the question. Else

1. where conjugate gradients met a direction of negative curvature, Lanczos' iteration from there finds how negative it
   gets, θ; δ is the least of 1 and 3 times powers of ten with `δ ≥ 2|θ|`, so that no direction counts for more than its
   own curvature would make it count: `1/(θ + δ) ≤ 1/|θ|`;
2. else δ goes down by powers of ten from the size of the matrix, every solve from the answer of the last, while the
   solver converges within the budget, and stops where its answer solves the undamped system to the tolerance too.

All solves are preconditioned by the largest curvatures of the rows, which are made once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from certify.estimation.derivatives.curvature_factor import LEAST, curvature_factor
from certify.estimation.krylov import Cg, Operator, Preconditioner, Solved, Status, low_rank_preconditioner
from certify.estimation.krylov.lanczos import least_curvature
from certify.estimation.model.subject import ModuleProblem
from certify.estimation.options import EstimateOptions
from certify.estimation.solvers.solve import PRODUCT, operator_of, preconditioner_words, solver_of
from certify.estimation.solvers.system import System
from certify.problem.progress import part, silent

Tell = Callable[[str, float], None]
Again = Callable[[torch.Tensor, Tell], Solved]

RUNGS = 8
"""Powers of ten that the ladder goes down at most."""

HIGHER = 4
"""Times that a damping is raised which was still too small."""

SOLVED = (Status.CONVERGED, Status.ZERO, Status.OUTSIDE)
"""Ends with which the undamped answer is kept: outside the range it is the one of least squares."""


@dataclass(frozen=True, eq=False)
class Answer:
    """Answers with their system, the solver for further right-hand sides of it, and the products of all attempts."""

    solved: Solved
    system: System
    again: Again
    products: int


def answer(
    problem: ModuleProblem, curvature: str, b: torch.Tensor, options: EstimateOptions, tell: Tell,
    first: Callable[[Solved, System], None] | None = None,
) -> Answer:
    """Solve for the rows of b: undamped, or with the damping asked for, or with one that is chosen.

    Args:
        problem, curvature, b, options: the system.
        tell: told the stage and the fraction done.
        first: given a strongly damped answer after a few products, where the whole takes long and the damping is left
            to the program.
    """
    free = options.damping is None and options.solver == "auto"
    solver = solver_of(problem, curvature, b, options, goes_on=not free)
    direct = solver.name == "direct"
    ladder = None
    if free and not direct and first is not None:
        ladder = _Ladder.of(problem, curvature, b, options)
        ladder.first(first)
    solved = solver.solve(b, part(tell, 0.0, 0.5 if free and not direct else 1.0))
    if not free or all(status in SOLVED for status in solved.status):
        system = System(curvature, options.shift, undamped=_undamped(problem, curvature, b, solved, options.shift),
                        preconditioner=preconditioner_words(solver.made, direct))
        return Answer(solved, system, solver.solve, int(solved.products.max()) + (ladder.total if ladder else 0))
    ladder = ladder or _Ladder.of(problem, curvature, b, options)
    ladder.total += int(solved.products.max())
    return ladder.descended(solved, part(tell, 0.5, 1.0))


def _undamped(
    problem: ModuleProblem, curvature: str, b: torch.Tensor, solved: Solved, damping: float
) -> float | None:
    """Relative residual of the undamped system for the first row."""
    if not damping:
        return None
    return float(_left(operator_of(problem, curvature), b, solved.x)[0])


def _left(operator: Operator, b: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    size, left = b.double().norm(dim=1), (b - operator.product(x)).double().norm(dim=1)
    return torch.where(size > 0, left / size, 0.0)


def rung_above(least: float) -> float:
    """The least of 1 and 3 times powers of ten that is at least `least`.

    >>> [rung_above(x) for x in (0.26, 0.3, 0.31, 1.0, 2e-5)]
    [0.3, 0.3, 1.0, 1.0, 3e-05]
    """
    power = math.floor(math.log10(least)) - 1
    steps = (float(f"{digit}e{power + k}") for k in range(3) for digit in (1, 3))
    return next(step for step in steps if step >= least)


@dataclass(eq=False)
class _Ladder:
    """Solves with one damping after another, and what they have cost."""

    problem: ModuleProblem
    curvature: str
    b: torch.Tensor
    options: EstimateOptions
    plain: Operator
    rows: torch.Tensor
    gram: torch.Tensor
    top: float
    most: int
    spent: int = 0
    total: int = 0
    begun: tuple[Solved, float] | None = None

    @staticmethod
    def of(problem: ModuleProblem, curvature: str, b: torch.Tensor, options: EstimateOptions) -> _Ladder:
        plain = operator_of(problem, curvature)
        unit = b / b.norm(dim=1, keepdim=True).clamp_min(torch.finfo(b.dtype).tiny)
        size = float(plain.product(unit).norm(dim=1).max())
        top = float(f"1e{math.ceil(math.log10(size))}") if 0 < size < math.inf else 1.0
        rows = b.new_zeros(0, problem.p)
        if options.preconditioner != "none" and problem.batch_statistics == "frozen":
            # so many that their Gram matrix costs no more than the budget of gradients, about
            largest = math.isqrt(int(6 * options.budget * problem.n)) + 1
            rows = curvature_factor(problem, 10.0**-RUNGS * top, LEAST, largest)
        gram, most = rows.double() @ rows.double().T, max(10, int(options.budget / PRODUCT))
        return _Ladder(problem, curvature, b, options, plain, rows, gram, top, most, 1, 1)

    def _preconditioner(self, damping: float) -> Preconditioner | None:
        shift = damping + self.problem.weight_decay
        if not len(self.rows):
            return None
        long = self.gram.diagonal() > LEAST * shift
        return low_rank_preconditioner(self.rows[long], shift, self.gram[long][:, long])

    def _rung(self, damping: float, b: torch.Tensor, start: torch.Tensor | None, most: int) -> Solved:
        cg = Cg(tolerance=self.options.tolerance, max_products=max(10, most), recurred=True)
        state = cg.init(operator_of(self.problem, self.curvature, damping), self._preconditioner(damping))
        return cg.compute(state, b, start)

    def tried(self, damping: float, start: torch.Tensor | None, tell: Tell) -> Solved:
        """One rung, charged."""
        tell(f"conjugate gradients with damping {damping:g}", min(0.99, self.spent / self.most))
        solved = self._rung(damping, self.b, start, self.most - self.spent)
        self.spent += int(solved.products.max())
        self.total += int(solved.products.max()) + 1  # and one for the residual without damping
        return solved

    def first(self, hand: Callable[[Solved, System], None]) -> None:
        """A rung near the top, which the rest goes on from too: a hundredth of it or, if that is too small, more."""
        for damping in (self.top / 100, self.top / 10, self.top):
            solved = self.tried(damping, None, silent)
            if _converged(solved):
                self.begun, self.spent = (solved, damping), 0
                left = float(_left(self.plain, self.b, solved.x)[0])
                hand(solved, System(self.curvature, damping, True, "for a first answer", left))
                return

    def descended(self, attempt: Solved, tell: Tell) -> Answer:
        """Choose, after the undamped attempt did not converge."""
        if Status.CURVATURE in attempt.status:
            return self._beyond(attempt, None, tell)
        kept, damping, left = self.begun, self.top, float("inf")
        raised = 0
        if kept is not None:
            left = float(_left(self.plain, self.b, kept[0].x).max())
            damping = float(f"{kept[1] / 10:.1e}")
        while left > self.options.tolerance and damping > 10.0**-RUNGS * self.top and self.spent < self.most:
            solved = self.tried(damping, None if kept is None else kept[0].x, tell)
            if Status.CURVATURE in solved.status:
                return self._beyond(solved, kept, tell)
            if _converged(solved):
                kept = solved, damping
                left = float(_left(self.plain, self.b, solved.x).max())
                self.spent += 1
                if raised:
                    break
                damping = float(f"{damping / 10:.1e}")
            elif kept is None and raised < HIGHER:
                raised, damping = raised + 1, float(f"{damping * 10:.1e}")
            else:
                break
        if kept is None:
            return self._as_it_was(attempt)
        why = f"the least of the powers of ten from {self.top:g} down with which it does within the budget"
        if left <= self.options.tolerance:
            why = (f"the first of the powers of ten from {self.top:g} down whose answer solves the undamped system to "
                   "the tolerance too")
        return self._answer(kept, f"without damping the solver does not converge; {why}", None)

    def _beyond(self, bent: Solved, kept: tuple[Solved, float] | None, tell: Tell) -> Answer:
        """A damping beyond the negative curvature that was met."""
        least = 0.0
        solved, damping = bent, 0.0
        for _ in range(HIGHER):
            assert solved.curvature is not None
            row = [status is Status.CURVATURE for status in solved.status].index(True)
            tell("Lanczos' iteration for the least curvature", min(0.99, self.spent / self.most))
            found, made = least_curvature(self.plain, solved.curvature[row])
            self.total += made
            least = min(least, found)
            damping = rung_above(max(2 * abs(least), 3 * damping, 1e-30))
            self.spent = 0  # a budget of its own
            solved = self.tried(damping, None if kept is None else kept[0].x, tell)
            if Status.CURVATURE not in solved.status:
                break
        while not _converged(solved) and damping < 100 * self.top:
            damping, self.spent = rung_above(2.5 * damping), 0
            solved = self.tried(damping, None, tell)
        why = (f"along some direction the curvature is {least:.2g} or less; this is the least of 1 and 3 times powers "
               "of ten, twice as much or more, at which the solver converges")
        return self._answer((solved, damping), why, least)

    def _answer(self, kept: tuple[Solved, float], why: str, least: float | None) -> Answer:
        solved, damping = kept
        made = self._preconditioner(damping)
        left = _left(self.plain, self.b, solved.x)

        def again(b: torch.Tensor, tell: Tell) -> Solved:
            cg = Cg(tolerance=self.options.tolerance, max_products=self.most, recurred=True)
            return cg.compute(cg.init(operator_of(self.problem, self.curvature, damping), made), b)

        system = System(self.curvature, damping, True, why, float(left[0]), least, preconditioner_words(made))
        return Answer(replace(solved, minimum_norm=False), system, again, self.total)

    def _as_it_was(self, attempt: Solved) -> Answer:
        """No damping helped: the undamped attempt, as it ended."""
        options = replace(self.options, damping=0.0)
        solver = solver_of(self.problem, self.curvature, self.b, options)
        return Answer(attempt, System(self.curvature, preconditioner=preconditioner_words(solver.made)), solver.solve,
                      self.total)


def _converged(solved: Solved) -> bool:
    return all(status in (Status.CONVERGED, Status.ZERO) for status in solved.status)
