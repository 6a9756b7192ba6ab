"""The inverse of a sum of squares of known rows plus a multiple of the identity."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from certify.format.errors import InputError


@dataclass(frozen=True, eq=False)
class LowRank:
    r"""The map :math:`\mu\,(R^TR + \mu I)^{-1}`, through the smaller of two Gram matrices.

    .. math:: M = I - R^T (RR^T + \mu I)^{-1} R.

    It keeps the range of a singular A only where that contains the rows of R, which is not checked: not promised.

    Attributes:
        rows: R, (m, n); with more rows than columns M itself, (n, n).
        factor: the Cholesky factor of :math:`RR^T + \mu I`, (m, m); None where `rows` is M.

    >>> M = low_rank_preconditioner(torch.tensor([[3.0, 0.0]]), 1.0)
    >>> [round(value, 6) for value in M.apply(torch.ones(1, 2))[0].tolist()]
    [0.1, 1.0]
    """

    rows: torch.Tensor
    factor: torch.Tensor | None

    @property
    def keeps_range(self) -> bool:
        """Not promised."""
        return False

    def apply(self, V: torch.Tensor) -> torch.Tensor:
        """M v for each row of V, shape (r, n)."""
        if self.factor is None:
            return V @ self.rows
        if not len(self.rows):
            return V
        return V - torch.cholesky_solve(self.rows @ V.T, self.factor).T @ self.rows


def low_rank_preconditioner(rows: torch.Tensor, shift: float, gram: torch.Tensor | None = None) -> LowRank:
    """The preconditioner of rows R, (m, n), and a shift μ > 0; `gram`: `RRᵀ` in float64, where it is known.

    Raises:
        InputError: a shift that is not positive, or rows that are not finite.
    """
    if not 0 < shift < math.inf or rows.ndim != 2 or not bool(torch.isfinite(rows).all()):
        raise InputError("low_rank_preconditioner", f"shift {shift}, rows of shape {tuple(rows.shape)}",
                         "give finite rows and a positive shift")
    m, n = rows.shape
    if m >= n:
        return LowRank(_inverse(rows.double(), shift).to(rows), None)
    gram = rows @ rows.T if gram is None else gram.clone()
    bound = float(gram.diagonal().sum())
    # what rounding of the Gram matrix can take from its eigenvalues must stay small beside the shift
    if 10 * torch.finfo(gram.dtype).eps * bound > shift and gram.dtype != torch.float64:
        R = rows.double()
        gram = R @ R.T
    gram.diagonal().add_(shift)
    factor, failed = torch.linalg.cholesky_ex(gram)
    if int(failed):  # eigenvalues beyond 1e15 shifts: not even float64 tells them from singular
        gram.diagonal().add_(4 * len(gram) * torch.finfo(gram.dtype).eps * bound)
        factor = torch.linalg.cholesky(gram)
    return LowRank(rows, factor.to(rows))


def _inverse(R: torch.Tensor, shift: float) -> torch.Tensor:
    gram = R.T @ R
    gram.diagonal().add_(shift)
    return torch.cholesky_inverse(torch.linalg.cholesky(gram)).mul_(shift)
