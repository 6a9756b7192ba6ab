"""LSMR: least squares and minimum norm from products with A and its transpose (Fong and Saunders, 2011)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from certify.estimation.krylov.drive import Watch, drive
from certify.estimation.krylov.operator import Operator
from certify.estimation.krylov.preconditioner import Preconditioner
from certify.estimation.krylov.result import Solved
from certify.estimation.krylov.sweep import Claim, Job, Sweep
from certify.estimation.krylov.task import Options, State, Task
from certify.estimation.krylov.vectors import Mask, Scalars, column, norms, ratio, reflection, unit_roundoff
from certify.format.errors import InputError


@dataclass(frozen=True)
class Lsmr(Options):
    r"""Solves :math:`\min_x |Ax - b|^2 + \lambda^2 |x|^2` for any A; of the solutions, the one of minimum norm.

    .. math:: x = A^+ b \quad(\lambda = 0), \qquad x = (A^T A + \lambda^2 I)^{-1} A^T b \quad(\lambda > 0).

    Algorithm: Golub-Kahan bidiagonalisation; the iterate minimises :math:`|A^T r|` over the Krylov space
    :math:`K_k(A^TA, A^Tb)`, so that :math:`|A^T r_k|` never rises. It stops, as in the paper, when

    1. :math:`|r| \le \text{tolerance}\,|b| + \text{matrix\_tolerance}\,|A||x|` (btol and atol): `CONVERGED`;
    2. :math:`|A^T r| \le \text{normal\_tolerance}\,|A||r|` (atol): `OUTSIDE`, with damping `CONVERGED`;
    3. the estimate of cond A reaches `condition_limit` (conlim): `CONDITION`;

    where 1 and 2 are decided by a residual that is computed from x. If rounding made the recurred residual say so too
    early, the method starts again from there until the residual no longer halves: `STALLED`.

    Hypotheses: `product` and `adjoint` are each other's transpose. Iterates from start 0 lie in range :math:`A^T`, so
    what comes out has minimum norm; from a start it is the solution nearest to the start.

    A preconditioner is refused: on the left it changes which x is least-squares, on the right which has minimum norm.
    Use :func:`dual_operator` with :class:`Cg` for a consistent system instead.

    Attributes:
        matrix_tolerance: relative error in A itself (the paper's atol in test 1); 0 asks for the residual alone.
        condition_limit: the paper's conlim; infinite by default: a limit regularises.
        damping: :math:`\lambda \ge 0`. Costs a copy of the unknowns: the bidiagonalisation is that of
            :math:`(A; \lambda I)`, so that a start and restarts mean the same with it.

    Source: D. C.-L. Fong and M. Saunders, LSMR: an iterative algorithm for sparse least-squares problems, SIAM J. Sci.
    Comput. 33(5), 2011, 2950-2971.

    >>> from certify.estimation.krylov import matrix_operator
    >>> A = matrix_operator(torch.tensor([[1.0, 2.0], [2.0, 4.0]], dtype=torch.float64))
    >>> solver = Lsmr(tolerance=1e-10)
    >>> solved = solver.compute(solver.init(A), torch.tensor([[1.0, 2.0], [2.0, -1.0]], dtype=torch.float64))
    >>> [str(status) for status in solved.status], solved.residual[1].round(12) == 1.0
    (['converged', 'outside the range'], np.True_)
    >>> [[round(value, 10) + 0.0 for value in row] for row in solved.x.tolist()]
    [[0.2, 0.4], [0.0, 0.0]]
    """

    matrix_tolerance: float = 0.0
    condition_limit: float = math.inf
    damping: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (0 <= self.matrix_tolerance < 1 and self.condition_limit > 1 and 0 <= self.damping < math.inf):
            raise InputError(
                "Lsmr",
                f"matrix_tolerance={self.matrix_tolerance}, condition_limit={self.condition_limit}, "
                f"damping={self.damping}",
                "give 0 <= matrix_tolerance < 1, condition_limit > 1, damping >= 0",
            )

    def init(self, operator: Operator, preconditioner: Preconditioner | None = None) -> State:
        """Check that the method applies to the operator.

        Raises:
            InputError: a preconditioner is given.
        """
        if preconditioner is not None:
            raise InputError("Lsmr.init", "a preconditioner", "solve the dual system with Cg to use one")
        return State(operator, None)

    def compute(
        self, state: State, b: torch.Tensor, start: torch.Tensor | None = None, watch: Watch | None = None
    ) -> Solved:
        """Solve for the rows of b.

        Args:
            state: from `init`.
            b: right-hand sides, (r, rows).
            start: first iterates, (r, columns); None is zero, and gives the minimum norm.
            watch: called as ``watch(iteration, history)``; may raise :class:`Stop`.

        Raises:
            InputError: shapes or types that do not fit.
        """
        operator, rows = state.operator, state.operator.rows
        if self.damping:
            operator = _damped(operator, self.damping)
            b = torch.nn.functional.pad(b, (0, operator.columns))
        task = Task("Lsmr", operator, None, self, rows, bool(self.damping), False, True, self.matrix_tolerance)

        return drive(task, lambda job: _Bidiagonalisation(job, self), b, start, watch)


def _damped(operator: Operator, damping: float) -> Operator:
    rows = operator.rows

    def product(V: torch.Tensor) -> torch.Tensor:
        return torch.cat([operator.product(V), damping * V], dim=1)

    def adjoint(U: torch.Tensor) -> torch.Tensor:
        return operator.adjoint(U[:, :rows].contiguous()) + damping * U[:, rows:]

    return Operator(rows + operator.columns, operator.columns, product, adjoint)


class _Bidiagonalisation(Sweep):
    """Names as in the paper: bars as `_bar`, zeta-bar and the quantities of its section 5 for |r| likewise."""

    def __init__(self, job: Job, options: Lsmr) -> None:
        r, rows = job.r, job.rows
        self._ledger, self._options, self._unit = job.ledger, options, unit_roundoff(r)
        self.rows, self.target = rows, job.target
        self.beta = norms(r)
        self.u = r * column(ratio(np.ones_like(self.beta), self.beta), r)
        self.v = job.ledger.adjoint(rows, self.u)
        self.alpha = norms(self.v)
        self.v = self.v * column(ratio(np.ones_like(self.alpha), self.alpha), self.v)
        zero, one = np.zeros(len(rows)), np.ones(len(rows))
        self.norm, self.first = np.fmax(job.norm, self.alpha), self.beta.copy()
        self.alpha_bar, self.zeta_bar = self.alpha.copy(), self.alpha * self.beta
        self.first_normal = self.zeta_bar.copy()
        self.rho, self.rho_bar, self.c_bar, self.s_bar, self.zeta = one, one, one, zero, zero
        self.largest, self.smallest, self.count = zero, np.full(len(rows), np.inf), zero
        self.beta_dd, self.beta_d, self.rho_d, self.tau_old, self.theta_t = self.beta.copy(), zero, one, zero, zero
        self.h, self.h_bar, self.x = self.v.clone(), torch.zeros_like(self.v), torch.zeros_like(self.v)

    def costs(self) -> npt.NDArray[np.int64]:
        return np.full(len(self.rows), 2)

    def solution(self) -> torch.Tensor:
        return self.x

    def advance(self) -> Mask:
        u = self._ledger.product(self.rows, self.v)
        u = u - column(self.alpha, u) * self.u
        self.beta = norms(u)
        self.u = u * column(ratio(np.ones_like(self.beta), self.beta), u)
        self.norm = np.maximum(self.norm, np.hypot(self.alpha, self.beta))
        v = self._ledger.adjoint(self.rows, self.u) - column(self.beta, self.v) * self.v
        self.alpha_next = norms(v)
        self.v_next = v * column(ratio(np.ones_like(self.alpha_next), self.alpha_next), v)
        return np.isfinite(self.beta) & np.isfinite(self.alpha_next) & np.isfinite(self.alpha)

    def update(self) -> tuple[Scalars, Scalars | None, npt.NDArray[np.int64]]:
        rho_old, rho_bar_old = self.rho, self.rho_bar
        c, s, self.rho = reflection(self.alpha_bar, self.beta)
        theta, self.alpha_bar = s * self.alpha_next, c * self.alpha_next
        theta_bar, diagonal = self.s_bar * self.rho, self.c_bar * self.rho
        self.c_bar, self.s_bar, self.rho_bar = reflection(diagonal, theta)
        zeta_old, self.zeta = self.zeta, self.c_bar * self.zeta_bar
        self.zeta_bar = -self.s_bar * self.zeta_bar

        self.h_bar = self.h - column(ratio(theta_bar * self.rho, rho_old * rho_bar_old), self.h) * self.h_bar
        self.x = self.x + column(ratio(self.zeta, self.rho * self.rho_bar), self.x) * self.h_bar
        self.h = self.v_next - column(ratio(theta, self.rho), self.h) * self.h
        self.v, self.alpha = self.v_next, self.alpha_next

        residual = self._residual(c, s, theta_bar, zeta_old)
        self._extremes(diagonal, rho_bar_old)
        return residual, np.abs(self.zeta_bar), self._claims(residual)

    def _residual(self, c: Scalars, s: Scalars, theta_bar: Scalars, zeta_old: Scalars) -> Scalars:
        beta_hat, self.beta_dd = c * self.beta_dd, -s * self.beta_dd
        first = self.count == 0
        c_t, s_t, rho_t = reflection(np.where(first, 1.0, self.rho_d), np.where(first, 0.0, theta_bar))
        theta_t_old, self.theta_t = self.theta_t, s_t * self.rho_bar
        self.rho_d = c_t * self.rho_bar
        self.beta_d = -s_t * self.beta_d + c_t * beta_hat
        self.tau_old = ratio(zeta_old - theta_t_old * self.tau_old, rho_t)
        tau = ratio(self.zeta - self.theta_t * self.tau_old, self.rho_d)
        return np.hypot(self.beta_d - tau, self.beta_dd)

    def _extremes(self, diagonal: Scalars, rho_bar_old: Scalars) -> None:
        seen = self.count > 0
        self.largest = np.where(seen, np.maximum(self.largest, rho_bar_old), self.largest)
        self.smallest = np.where(self.count > 1, np.minimum(self.smallest, rho_bar_old), self.smallest)
        self.condition = ratio(np.maximum(self.largest, diagonal), np.minimum(self.smallest, diagonal))
        self.count = self.count + 1

    def _claims(self, residual: Scalars) -> npt.NDArray[np.int64]:
        options, unit, normal = self._options, self._unit, np.abs(self.zeta_bar)
        slack = options.matrix_tolerance * self.norm * norms(self.x) if options.matrix_tolerance else 0.0
        reached = residual <= np.maximum(self.target + slack, unit * self.first)
        spent = normal <= unit * self.first_normal
        least_squares = normal <= np.maximum(options.normal, unit) * self.norm * residual
        claims = np.where(self.condition >= options.condition_limit, Claim.CONDITION, Claim.RUNNING)
        claims = np.where(least_squares | spent, Claim.LEAST_SQUARES, claims)
        return np.where(reached, Claim.REACHED, claims)
