"""Small systems as dense matrices: every eigenvalue is known, so the pseudo-inverse is, with its numerical rank."""

from __future__ import annotations

import numpy as np
import torch

from certify.estimation.krylov import Operator, Solved, Status

MOST_PARAMETERS = 2000
"""Largest matrix that is formed unasked."""

VERY_FEW = 500
"""Parameters up to which the matrix of a network of linear layers costs no more than an iteration's overhead."""

LEAST_SQUARES = 1e-4
"""Normal residual up to which what is left of b counts as outside the range."""


def dense(operator: Operator, like: torch.Tensor) -> torch.Tensor:
    """The matrix of a symmetric operator, (n, n), in float64: as it forms it, or else its images symmetrised."""
    if operator.formed is not None:
        return operator.formed().to(like.device)
    A = operator.product(torch.eye(operator.columns, dtype=like.dtype, device=like.device)).double()
    return (A + A.T) / 2


def solve_directly(operator: Operator, b: torch.Tensor, tolerance: float) -> Solved:
    r"""`A⁺b` for the rows of b: eigenvalues up to `n·ε·max|λ|`, ε that of the type of b, count as 0.

    Args:
        operator: A, symmetric.
        b: right-hand sides, (r, n).
        tolerance: the relative residual up to which the status is `CONVERGED`. Beyond, b lies outside the range if the
            residual is one of least squares, and else rounding stopped the solve: `STALLED`.

    The residual is `b − Ax` by a product with the operator itself, not with the matrix that was formed from it.
    """
    A, B = dense(operator, b), b.double()
    finite = bool(torch.isfinite(A).all()) and bool(torch.isfinite(B).all())
    if not finite:
        return _solved(torch.zeros_like(b), np.full(len(b), np.nan), np.full(len(b), np.nan), tolerance, len(A))
    x, largest = _definite(A, B, b.dtype)
    if x is None:
        sizes, Q = torch.linalg.eigh(A)
        largest = float(sizes.abs().max())
        clear = sizes.abs() > len(A) * torch.finfo(b.dtype).eps * largest
        x = ((B @ Q[:, clear]) / sizes[clear]) @ Q[:, clear].T
    x = x.to(b.dtype)
    left = B - operator.product(x).double()
    length = left.norm(dim=1)
    relative = torch.where(length > 0, length / B.norm(dim=1), 0.0)
    normal = torch.where(length > 0, (left @ A).norm(dim=1) / (largest * length), 0.0)
    return _solved(x, relative.cpu().numpy(), normal.cpu().numpy(), tolerance, len(A) + 1)


def _definite(A: torch.Tensor, B: torch.Tensor, dtype: torch.dtype) -> tuple[torch.Tensor | None, float]:
    """`A⁻¹B` if A less what counts as 0 is positive definite, and a bound of |A|: several times faster than eigh."""
    bound = float(A.abs().sum(1).max())
    zero = 2 * len(A) * torch.finfo(dtype).eps * bound
    _, failed = torch.linalg.cholesky_ex(A - zero * torch.eye(len(A)).to(A))
    if int(failed):
        return None, bound
    return torch.cholesky_solve(B.T, torch.linalg.cholesky(A)).T, bound


def _status(relative: float, normal: float, tolerance: float) -> Status:
    if not np.isfinite(relative):
        return Status.NOT_FINITE
    if relative <= tolerance:
        return Status.CONVERGED
    return Status.OUTSIDE if normal <= LEAST_SQUARES else Status.STALLED


def _solved(x: torch.Tensor, relative: np.ndarray, normal: np.ndarray, tolerance: float, products: int) -> Solved:
    status = tuple(_status(float(r), float(s), tolerance) for r, s in zip(relative, normal, strict=True))
    count = len(x)
    return Solved(
        x=x, status=status, residual=relative, normal_residual=normal, tolerance=tolerance,
        history=relative[None], normal_history=None, products=np.full(count, products),
        iterations=np.ones(count, dtype=np.int64), curvature=None, minimum_norm=True,
    )
