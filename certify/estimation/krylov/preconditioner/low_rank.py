"""The inverse of a sum of squares of known rows plus a multiple of the identity."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from certify.errors import InputError


@dataclass(frozen=True, eq=False)
class LowRank:
    r"""The map :math:`\mu\,(R^TR + \mu I)^{-1}`, through eigenvectors or, with more rows than columns, as a matrix.

    .. math:: M = I - U^T \operatorname{diag}\Bigl(\frac{\lambda_i}{\lambda_i + \mu}\Bigr) U, \qquad
        RR^T = Q \Lambda Q^T, \quad U = \Lambda^{-1/2} Q^T R.

    It keeps the range of a singular A only where that contains the rows of R, which is not checked: not promised.

    Attributes:
        vectors: U, (m, n); or M itself, (n, n).
        weights: :math:`\lambda/(\lambda + \mu)`, (m,); None where `vectors` is M.

    >>> M = low_rank_preconditioner(torch.tensor([[3.0, 0.0]]), 1.0)
    >>> [round(value, 6) for value in M.apply(torch.ones(1, 2))[0].tolist()]
    [0.1, 1.0]
    """

    vectors: torch.Tensor
    weights: torch.Tensor | None

    @property
    def keeps_range(self) -> bool:
        """Not promised."""
        return False

    def apply(self, V: torch.Tensor) -> torch.Tensor:
        """M v for each row of V, shape (r, n)."""
        if self.weights is None:
            return V @ self.vectors
        return V - ((V @ self.vectors.T) * self.weights) @ self.vectors


def low_rank_preconditioner(rows: torch.Tensor, shift: float) -> LowRank:
    """The preconditioner of rows R, (m, n), and a shift μ > 0.

    Raises:
        InputError: a shift that is not positive, or rows that are not finite.
    """
    if not 0 < shift < math.inf or rows.ndim != 2 or not bool(torch.isfinite(rows).all()):
        raise InputError("low_rank_preconditioner", f"shift {shift}, rows of shape {tuple(rows.shape)}",
                         "give finite rows and a positive shift")
    m, n = rows.shape
    if m >= n:
        R = rows.double()
        inverse = torch.cholesky_inverse(torch.linalg.cholesky(R.T @ R + shift * torch.eye(n).to(R)))
        return LowRank(inverse.mul_(shift).to(rows), None)
    sizes, Q = torch.linalg.eigh((rows @ rows.T).double())
    clear = sizes > 10 * torch.finfo(rows.dtype).eps * sizes.amax().clamp_min(1e-300) if m else sizes > 0
    sizes, Q = sizes[clear], Q[:, clear]
    return LowRank((Q / sizes.sqrt()).T.to(rows) @ rows, (sizes / (sizes + shift)).to(rows))
