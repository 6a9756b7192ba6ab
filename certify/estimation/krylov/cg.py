"""Conjugate gradients for positive semidefinite systems, with the signs that they do not apply."""

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
from certify.estimation.krylov.task import Options, State, Task, symmetric_state
from certify.estimation.krylov.vectors import Mask, Scalars, column, dots, norms, ratio, unit_roundoff
from certify.format.errors import InputError

_EARLY = 100.0  # square roots of the last place: a normal residual that may be the best that a recurrence gives
_CHECK_EVERY = 10  # iterations at least between two checks of the range


@dataclass(frozen=True)
class Cg(Options):
    r"""Solves Ax = b for symmetric positive semidefinite A, singular or not, if b is in the range.

    .. math:: x = A^+ b \text{ from start } 0.

    Algorithm: preconditioned conjugate gradients (Hestenes and Stiefel, 1952) with minimal-residual smoothing: the
    answer is the average of the iterates with weights :math:`1 / r_i^T M r_i`, whose residual is the smallest that the
    Krylov space allows in the norm of M and never rises in it (Weiss, 1994). Where the last iterate itself meets the
    tolerance too, that is the answer: its error is the smallest in the norm of A. It stops when

    1. :math:`|r| \le \text{tolerance}\,|b|`: `CONVERGED`;
    2. :math:`p^T A p < 0` beyond rounding for a search direction p: `CURVATURE`, with p in the result;
    3. the residual has nothing left in the range, :math:`|Ar| \le \text{normal\_tolerance}\,|A||r|`: `OUTSIDE`, and x
       is then the least-squares solution (looked for, with an extra product, only while the residual falls slowly).

    1 and 3 are decided by a residual computed from x. If rounding made the recurred residual say so too early, the
    method starts again from there until the residual no longer halves: `STALLED`.

    Hypotheses: A is symmetric; the preconditioner M is symmetric positive definite. If A is singular, the solution has
    minimum norm without M or with an M that keeps the range of A (:func:`nystrom_preconditioner`); with any other, x is
    the solution of minimum :math:`x^T M^{-1} x`, and `minimum_norm` is False. (Every iterate lies in M range A, which
    is orthogonal to ker A in that inner product.) If A is indefinite and no p shows it, x still solves the system.

    Attributes:
        curvature_tolerance: rounding of :math:`p^TAp`, relative to :math:`|A||p|^2`; None: four units of the type's
            last place times the square root of the length.
        recurred: whether 1 may be decided without that product where rounding cannot have led the recurred residual
            further from the true one than a hundredth of the tolerance. For operators known to be linear.

    >>> from certify.estimation.krylov import matrix_operator
    >>> A = matrix_operator(torch.tensor([[2.0, 0.0], [0.0, -1.0]], dtype=torch.float64))
    >>> solver = Cg(tolerance=1e-10)
    >>> solved = solver.compute(solver.init(A), torch.tensor([[4.0, 0.0], [0.0, 1.0]], dtype=torch.float64))
    >>> [str(status) for status in solved.status], solved.x[0].tolist(), solved.curvature[1].abs().tolist()
    (['converged', 'negative curvature'], [2.0, 0.0], [0.0, 1.0])
    """

    curvature_tolerance: float | None = None
    recurred: bool = False

    def init(self, operator: Operator, preconditioner: Preconditioner | None = None) -> State:
        """Check that the method applies to the operator.

        Raises:
            InputError: the operator is not declared symmetric.
        """
        return symmetric_state("Cg", operator, preconditioner)

    def compute(
        self, state: State, b: torch.Tensor, start: torch.Tensor | None = None, watch: Watch | None = None
    ) -> Solved:
        """Solve for the rows of b.

        Args:
            state: from `init`.
            b: right-hand sides, (r, rows).
            start: first iterates, (r, rows); None is zero, and gives the minimum norm.
            watch: called as ``watch(iteration, history)``; may raise :class:`Stop`.

        Raises:
            InputError: shapes or types that do not fit.
        """
        task = Task("Cg", state.operator, state.preconditioner, self, state.operator.rows, lift=True)
        return drive(task, lambda job: _Directions(job, self), b, start, watch)


class _Directions(Sweep):
    """Iterate z with residual r and direction p; smoothed iterate x with residual q."""

    def __init__(self, job: Job, options: Cg) -> None:
        r, rows = job.r, job.rows
        self._ledger, self._options, self._preconditioner, self._early = (
            job.ledger,
            options,
            job.preconditioner,
            job.early,
        )
        self._unit = unit_roundoff(r)
        self._rounding = options.curvature_tolerance
        if self._rounding is None:
            self._rounding = 4 * math.sqrt(max(r.shape[1], 1)) * self._unit
        self.rows, self.target, self.norm = rows, job.target, job.norm
        self.r, self.q, self.p = r, r, self._preconditioned(r)
        self.size = self._size(r, self.p)
        self.weights = ratio(np.ones(len(rows)), self.size)
        self.z, self.x = torch.zeros_like(r), torch.zeros_like(r)
        self.first = norms(r)
        self.checked, self.travelled = self.first.copy(), self.first.copy()
        self.count = np.zeros(len(rows), dtype=np.int64)
        self.due = np.full(len(rows), _CHECK_EVERY)

    def _preconditioned(self, r: torch.Tensor) -> torch.Tensor:
        return r if self._preconditioner is None else self._preconditioner.apply(r)

    def _size(self, r: torch.Tensor, m: torch.Tensor) -> Scalars:
        size = dots(r, m)
        if self._preconditioner is not None and (size < 0).any():
            raise InputError("Cg", "a preconditioner M with r^T M r < 0", "give a positive definite one")
        return size

    def costs(self) -> npt.NDArray[np.int64]:
        return np.where(self.count + 1 >= self.due, 2, 1)

    def solution(self) -> torch.Tensor:
        return self.x

    def directions(self) -> torch.Tensor:
        return self.p

    def recurred(self) -> tuple[torch.Tensor, Scalars] | None:
        """The gap is a unit in the last place of all that was added, once for each addition (Greenbaum, 1997)."""
        if not self._options.recurred:
            return None
        return self.q, 4 * self._unit * (self.count + 1) * self.travelled

    def advance(self) -> Mask:
        self.image = self._ledger.product(self.rows, self.p)
        length = norms(self.p)
        self.energy = dots(self.p, self.image)
        stretch = norms(self.image)
        self.norm = np.fmax(self.norm, ratio(stretch, length))
        self.stretch = stretch
        self.noise = self._rounding * self.norm * length * length
        return np.isfinite(self.energy) & np.isfinite(stretch) & np.isfinite(self.size)

    def update(self) -> tuple[Scalars, Scalars | None, npt.NDArray[np.int64]]:
        going = self.energy > self.noise
        step = np.where(going, ratio(self.size, self.energy), 0.0)
        self.z = self.z + column(step, self.z) * self.p
        self.r = self.r - column(step, self.r) * self.image
        self.travelled = self.travelled + step * self.stretch
        m = self._preconditioned(self.r)
        size = self._size(self.r, m)
        weight = np.where(going, ratio(np.ones_like(size), size), 0.0)
        self.weights = self.weights + weight
        part = np.where(going & (size == 0), 1.0, ratio(weight, self.weights))
        self.x = self.x + column(part, self.x) * (self.z - self.x)
        self.q = self.q + column(part, self.q) * (self.r - self.q)
        residual = norms(self.q)
        claims = np.where(going, Claim.RUNNING, Claim.LEAST_SQUARES)
        claims = np.where(self.energy < -self.noise, Claim.CURVATURE, claims)
        enough = np.maximum(self.target, self._unit * self.first)
        claims = np.where(residual <= enough, Claim.REACHED, claims)
        if (claims == Claim.REACHED).any():
            residual = self._take_own((claims == Claim.REACHED) & (norms(self.r) <= enough), residual)
        running = claims == Claim.RUNNING
        # where it ends, the direction stays: it may be the witness of negative curvature
        turn = np.where(running, ratio(size, self.size), 0.0)
        turned = m + column(turn, m) * self.p
        self.p = torch.where(torch.as_tensor(running, device=m.device)[:, None], turned, self.p)
        self.size, self.count = size, self.count + 1
        return residual, None, self._claim_least_squares(residual, claims)

    def _take_own(self, own: Mask, residual: Scalars) -> Scalars:
        """Answer with z where it is a solution too: of all iterates its error is the smallest in the norm of A."""
        chosen = torch.as_tensor(own, device=self.x.device)[:, None]
        self.x, self.q = torch.where(chosen, self.z, self.x), torch.where(chosen, self.r, self.q)
        return np.where(own, norms(self.r), residual)

    def _claim_least_squares(self, residual: Scalars, claims: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        asked = (claims == Claim.RUNNING) & (self.count >= self.due)
        slow = np.flatnonzero(asked & (residual > (0.99 if self._early else 0.5) * self.checked))
        self.checked = np.where(asked, residual, self.checked)
        self.due = np.where(asked, self.count + np.maximum(_CHECK_EVERY, self.count // 4), self.due)
        enough = _EARLY * math.sqrt(self._unit) if self._early else self._unit
        if slow.size:
            m = self._preconditioned(self.q[torch.as_tensor(slow, device=self.q.device)])
            length = norms(m)
            stretch = norms(self._ledger.product(self.rows[slow], m))
            outside = stretch <= max(self._options.normal, enough) * self.norm[slow] * length
            claims[slow[outside]] = Claim.LEAST_SQUARES
        return claims
