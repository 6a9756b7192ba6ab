"""What a solver returns: the solutions, what became of each right-hand side, and the evidence, together."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import torch

from certify.estimation.krylov.vectors import Mask, Scalars


class Status(StrEnum):
    """What became of one right-hand side. No status is a proof.

    >>> Status.OUTSIDE.words
    'the right-hand side lies outside the range: this is the least-squares solution'
    """

    CONVERGED = "converged"
    ZERO = "zero right-hand side"
    OUTSIDE = "outside the range"
    BUDGET = "budget used up"
    STALLED = "stalled at rounding"
    CURVATURE = "negative curvature"
    CONDITION = "condition limit reached"
    NOT_FINITE = "not finite"
    INTERRUPTED = "interrupted"

    @property
    def words(self) -> str:
        """The status as a clause for a report."""
        return _WORDS[self]


_WORDS = {
    Status.CONVERGED: "converged",
    Status.ZERO: "the right-hand side is zero, and so is the solution",
    Status.OUTSIDE: "the right-hand side lies outside the range: this is the least-squares solution",
    Status.BUDGET: "the budget of products was used up first: this is the last iterate",
    Status.STALLED: "the residual stopped falling, rounding or an operator that is not linear holds it up",
    Status.CURVATURE: "a direction of negative curvature was met: the operator is not positive semidefinite",
    Status.CONDITION: "the estimated condition number passed the limit: this is the last iterate",
    Status.NOT_FINITE: "a product or the right-hand side was not finite: this is the last finite iterate",
    Status.INTERRUPTED: "interrupted: this is the last iterate",
}


@dataclass(frozen=True, eq=False)
class Solved:
    r"""Solutions of :math:`A x_i = b_i` for r right-hand sides, with status and evidence for each.

    Attributes:
        x: the solutions, shape (r, columns).
        status: one for each right-hand side.
        residual: :math:`|b - Ax| / |b|`, recomputed from x at the end, not recurred (but see `recurred` of `Cg`); 0 for
            b = 0; NaN where it is not known (`INTERRUPTED` by the keyboard, `NOT_FINITE`). Where the status is
            `OUTSIDE` it is the relative size of the part of b outside the range.
        normal_residual: :math:`|A^T(b - Ax)| / (|A| |b - Ax|)`, recomputed too (with damping, that of the damped
            problem); NaN for a solution, which needs none; :math:`|A|` is the largest :math:`|Av|/|v|` met, a lower
            bound of the norm.
        tolerance: what `residual` had to reach for `CONVERGED`.
        history: the recurred relative residual after each iteration, (iterations, r); NaN after the end of one.
        normal_history: :math:`|A^T r| / |b|` likewise where the method recurs it (LSMR), else None.
        products: products with A or its transpose made for each right-hand side, those of the checks included.
        iterations: of each right-hand side.
        curvature: unit directions v with :math:`v^TAv < 0` where the status is `CURVATURE` and zero rows elsewhere,
            (r, columns); None if there is none.
        minimum_norm: whether x is of minimum Euclidean norm among the (least-squares) solutions, up to rounding, if A
            is singular. False with a start, or with a preconditioner that does not keep the range.
    """

    x: torch.Tensor
    status: tuple[Status, ...]
    residual: Scalars
    normal_residual: Scalars
    tolerance: float
    history: Scalars
    normal_history: Scalars | None
    products: npt.NDArray[np.int64]
    iterations: npt.NDArray[np.int64]
    curvature: torch.Tensor | None
    minimum_norm: bool

    @property
    def converged(self) -> Mask:
        """Where x solves the system to the tolerance, shape (r,)."""
        return np.array([s in (Status.CONVERGED, Status.ZERO) for s in self.status], dtype=bool)

    def words(self) -> tuple[str, ...]:
        """One sentence for each right-hand side: what became of it, how large the residual is, what it cost."""
        return tuple(self._sentence(i) for i in range(len(self.status)))

    def _sentence(self, i: int) -> str:
        size = self.residual[i]
        if np.isnan(size):
            known = "its residual is not known"
        elif self.status[i] is Status.OUTSIDE:
            known = f"{size:.2g} of its size lies outside, judged to {self.normal_residual[i]:.1g}"
        else:
            known = f"relative residual {size:.2g}, asked for {self.tolerance:.2g}"
        return f"{self.status[i].words}; {known}; {self.products[i]} products in {self.iterations[i]} iterations"


class Stop(Exception):  # noqa: N818 - a request, not an error
    """Raise it in `watch` to end the iteration: `compute` returns what it has, with status `INTERRUPTED`."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during `compute`: still a KeyboardInterrupt, with the last iterates in `solved`.

    No product is made after the key was pressed, so the residuals of the unfinished right-hand sides are NaN.

    Attributes:
        solved: a :class:`Solved`; `INTERRUPTED` for every right-hand side that had not ended.
    """

    def __init__(self, solved: Solved) -> None:
        super().__init__("interrupted; the last iterates are in .solved")
        self.solved = solved
