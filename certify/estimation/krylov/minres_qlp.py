"""MINRES-QLP: the pseudo-inverse solution of symmetric systems of any kind (Choi, Paige and Saunders, 2011)."""

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
from certify.estimation.krylov.vectors import Mask, Scalars, column, dots, norms, ratio, reflection, unit_roundoff
from certify.format.errors import InputError

_EARLY = 100.0  # square roots of the last place: a normal residual that may be the best that a recurrence gives


@dataclass(frozen=True)
class MinresQlp(Options):
    r"""Solves :math:`\min |Ax - b|` for symmetric A, definite or not, singular or not, b in the range or not.

    .. math:: x = A^+ b \text{ from start } 0: \text{ of the least-squares solutions, the one of minimum norm.}

    Algorithm: Lanczos' tridiagonal :math:`T_k` is reduced from the left to R (the residual is the smallest over the
    Krylov space and never rises) and from the right to a lower triangular L, which shows by its last pivot whether
    :math:`T_k` is singular; x is built in the rotated basis, without the directions whose pivot is rounding. It stops
    when

    1. :math:`|r| \le \text{tolerance}\,|b|`: `CONVERGED`;
    2. :math:`|Ar| \le \text{normal\_tolerance}\,|A||r|`: `OUTSIDE`, the least-squares solution.

    Both are decided by a residual computed from x. If rounding made the recurred residual say so too early, the method
    starts again from there until the residual no longer halves: `STALLED`.

    In case 2 the answer is lifted, :math:`x - (x^Tr / |r|^2)\,r`: the part of the Krylov space in ker A is spanned by
    the part of b in ker A, which is r, so this removes from x what lies in the kernel (Liu, Milzarek and Roosta, 2023).

    Hypotheses: A is symmetric; the preconditioner M is symmetric positive definite. If A is singular, A⁺b
    comes out without M or with an M that keeps the range of A (:func:`nystrom_preconditioner`); with any other
    and b in the range it is the solution of minimum :math:`x^T M^{-1} x` (`minimum_norm` is False), and for b outside
    the range M, which would change what least squares means, is dropped on the way.

    Source: S.-C. T. Choi, C. C. Paige and M. A. Saunders, MINRES-QLP: a Krylov subspace method for indefinite or
    singular symmetric systems, SIAM J. Sci. Comput. 33(4), 2011, 1810-1836.

    The loss :math:`\tfrac12\sum(w_1w_2x_i - y_i)^2` on the rows (1, 2), (2, 4) has at w = (1, 2) the Hessian
    :math:`5\,(2, 1)^T(2, 1)`: with H⁺ = H/625 and kernel (1, -2).

    >>> from certify.estimation.krylov import matrix_operator
    >>> H = matrix_operator(torch.tensor([[20.0, 10.0], [10.0, 5.0]], dtype=torch.float64))
    >>> solver = MinresQlp(tolerance=1e-12)
    >>> b = torch.tensor([[10.0, 5.0], [1.0, -2.0], [1.0, 0.0]], dtype=torch.float64)
    >>> solved = solver.compute(solver.init(H), b)
    >>> [str(status) for status in solved.status]
    ['converged', 'outside the range', 'outside the range']
    >>> [[round(value, 10) + 0.0 for value in row] for row in solved.x.tolist()]
    [[0.4, 0.2], [0.0, 0.0], [0.032, 0.016]]
    >>> print(solved.words()[2].split(",")[0])
    the right-hand side lies outside the range: this is the least-squares solution; 0.45 of its size lies outside
    """

    def init(self, operator: Operator, preconditioner: Preconditioner | None = None) -> State:
        """Check that the method applies to the operator.

        Raises:
            InputError: the operator is not declared symmetric.
        """
        return symmetric_state("MinresQlp", operator, preconditioner)

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
        task = Task("MinresQlp", state.operator, state.preconditioner, self, state.operator.rows, lift=True)
        return drive(task, lambda job: _Lanczos(job, self), b, start, watch)


class _Lanczos(Sweep):
    """Lanczos vectors y (side of the residual) and v = My (side of x); the factors' last three columns.

    At step k: `g1`, `g2` are the pivots of L in columns k-1, k-2; `theta`, `eta` its subdiagonals; `tau` the rotated
    right-hand side; `phi` the residual's norm (of M); `u`, `w` the last two coefficients and columns of x = W u.
    """

    def __init__(self, job: Job, options: MinresQlp) -> None:
        r, rows = job.r, job.rows
        self._ledger, self._options, self._preconditioner, self._early = (
            job.ledger,
            options,
            job.preconditioner,
            job.early,
        )
        self._unit = unit_roundoff(r)
        self.rows, self.target, self.norm, self.first = rows, job.target, job.norm, norms(r)
        self.r, self.y_old = r, torch.zeros_like(r)
        self.beta, self.y, self.v = self._normalised(r)
        zero, one = np.zeros(len(rows)), np.ones(len(rows))
        self.phi, self.beta_old = self.beta.copy(), zero
        self.scale = job.norm if job.preconditioner is None else zero
        self.best, self.phi_best = np.full(len(rows), np.inf), self.phi.copy()
        self.phi_mark, self.x_mark = self.phi.copy(), np.full(len(rows), np.inf)
        # left reflections of the last two steps: the first column has nothing above its diagonal
        self.c, self.s, self.c_old, self.s_old = -one, zero, -one, zero
        self.g1, self.g2, self.theta, self.theta_old, self.eta, self.eta_old = zero, zero, zero, zero, zero, zero
        self.tau1, self.tau2, self.u1, self.u2, self.u3, self.u4 = zero, zero, zero, zero, zero, zero
        nothing = torch.zeros_like(r)
        self.w1, self.w2, self.settled, self.x, self.safe = nothing, nothing, nothing, nothing, nothing

    def _normalised(self, t: torch.Tensor) -> tuple[Scalars, torch.Tensor, torch.Tensor]:
        if self._preconditioner is None:
            beta = norms(t)
            y = t * column(ratio(np.ones_like(beta), beta), t)
            return beta, y, y
        length = norms(t)
        y = t * column(ratio(np.ones_like(length), length), t)
        v = self._preconditioner.apply(y)
        square = dots(y, v)
        if (square < 0).any():
            raise InputError("MinresQlp", "a preconditioner M with r^T M r < 0", "give a positive definite one")
        root = np.sqrt(square)
        back = column(ratio(np.ones_like(root), root), t)
        return length * root, y * back, v * back

    def costs(self) -> npt.NDArray[np.int64]:
        return np.ones(len(self.rows), dtype=np.int64)

    def solution(self) -> torch.Tensor:
        return self.x

    def advance(self) -> Mask:
        t = self._ledger.product(self.rows, self.v)
        if self._preconditioner is not None:
            self.norm = np.fmax(self.norm, ratio(norms(t), norms(self.v)))
        t = t - column(self.beta_old, t) * self.y_old
        self.alpha = dots(self.v, t)
        t = t - column(self.alpha, t) * self.y
        self.beta, self.y_next, self.v_next = self._normalised(t)
        stretch = np.hypot(np.hypot(self.beta_old, self.alpha), self.beta)
        self.scale = np.fmax(self.scale, stretch)
        if self._preconditioner is None:
            self.norm = self.scale
        return np.isfinite(stretch) & np.isfinite(self.phi)

    def update(self) -> tuple[Scalars, Scalars | None, npt.NDArray[np.int64]]:
        phi_old = self.phi
        # column k of T from the left: epsilon, delta, gamma of R
        epsilon, above = self.s_old * self.beta_old, -self.c_old * self.beta_old
        delta, gamma_bar = self.c * above + self.s * self.alpha, self.s * above - self.c * self.alpha
        normal_old = phi_old * np.hypot(gamma_bar, self.c * self.beta)  # |A r| of the iterate before
        least_squares = normal_old <= np.maximum(self._options.normal, self._unit) * self.scale * phi_old
        turned = self._turned(ratio(normal_old, self.scale * phi_old)) if self._early else np.zeros_like(least_squares)
        self.c_old, self.s_old = self.c, self.s
        self.c, self.s, gamma = reflection(gamma_bar, self.beta)
        tau, self.phi = self.c * phi_old, self.s * phi_old

        least_squares = self._move(epsilon, delta, gamma, tau, least_squares) | least_squares | turned
        residual = self.phi
        if self._preconditioner is not None:
            self.r = column(self.s**2, self.r) * self.r - column(self.phi * self.c, self.r) * self.y_next
            residual = norms(self.r)
        self.y_old, self.y, self.v, self.beta_old = self.y, self.y_next, self.v_next, self.beta
        last = self.beta <= self._unit * self.scale
        reached = residual <= np.maximum(self.target, self._unit * self.first)
        claims = np.where(last | self.worn, Claim.REACHED, Claim.RUNNING)
        claims = np.where(least_squares, Claim.LEAST_SQUARES, claims)
        return residual, None, np.where(reached, Claim.REACHED, claims)

    def _turned(self, nu: Scalars) -> Mask:
        """Where |Ar| / |A||r| rises again after it was small, while the residual stays."""
        better = nu < self.best
        turned = (
            (nu > 4 * self.best) & (self.best <= _EARLY * math.sqrt(self._unit)) & (self.phi > 0.9999 * self.phi_best)
        )
        self.best, self.phi_best = np.where(better, nu, self.best), np.where(better, self.phi, self.phi_best)
        return turned

    def _explodes(self, length: Scalars) -> Mask:
        """Where x has grown a thousandfold while the residual fell by less than a hundredth: along the kernel."""
        fell = (self.phi < 0.99 * self.phi_mark) | (self.x_mark == 0)
        self.phi_mark = np.where(fell, self.phi, self.phi_mark)
        self.x_mark = np.where(fell | np.isinf(self.x_mark), length, self.x_mark)
        return length > 1000 * np.maximum(self.x_mark, ratio(self.first, self.scale))

    def _move(self, epsilon: Scalars, delta: Scalars, gamma: Scalars, tau: Scalars, null: Mask) -> Mask:
        """Rotate column k of R from the right into L, forward-substitute, and move x.

        Column k is left out where it is `null`. Where x explodes it stays what it was, and that is returned.
        """
        # columns k-2 and k
        c, s, g2 = reflection(self.g2, epsilon)
        theta_old, delta = c * self.theta + s * delta, s * self.theta - c * delta
        eta, gamma = s * gamma, -c * gamma
        w2, v = _rotated(c, s, self.w2, self.v)
        # columns k-1 and k
        c, s, g1 = reflection(self.g1, delta)
        theta, gamma = s * gamma, -c * gamma
        w1, w = _rotated(c, s, self.w1, v)

        u2 = self._pivot(self.tau2 - self.eta_old * self.u4 - self.theta_old * self.u3, g2)
        u1 = self._pivot(self.tau1 - self.eta * self.u3 - theta_old * u2, g1)
        u = np.where(null, 0.0, self._pivot(tau - eta * u2 - theta * u1, gamma))
        self.settled = self.settled + column(u2, w2) * w2
        x = self.settled + column(u1, w1) * w1 + column(u, w) * w
        length = norms(x)
        explodes = self._explodes(length)
        # x so long that its rounding is felt in the residual: no more to be gained before that is computed anew
        unsolved = self.phi > np.maximum(self.target, self._unit * self.first)
        felt = self._unit * self.scale * length
        self.worn = unsolved & (felt > 0.5 * self.phi)
        spike = self.worn & (length > 10 * norms(self.safe))
        self.safe = _chosen((felt <= 0.001 * self.phi) & ~explodes, x, self.safe)
        self.x = _chosen(spike | explodes, self.safe, x)

        self.g2, self.g1, self.theta_old, self.theta = g1, gamma, theta_old, theta
        self.eta_old, self.eta, self.tau2, self.tau1 = self.eta, eta, self.tau1, tau
        self.u4, self.u3 = self.u3, u2
        self.w2, self.w1 = w1, w
        return explodes | spike

    def _pivot(self, value: Scalars, pivot: Scalars) -> Scalars:
        return np.where(np.abs(pivot) <= self._unit * self.scale, 0.0, ratio(value, pivot))


def _rotated(c: Scalars, s: Scalars, left: torch.Tensor, right: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    cosine, sine = column(c, left), column(s, left)
    return cosine * left + sine * right, sine * left - cosine * right


def _chosen(mask: Mask, there: torch.Tensor, elsewhere: torch.Tensor) -> torch.Tensor:
    return torch.where(torch.as_tensor(mask, device=there.device)[:, None], there, elsewhere)
