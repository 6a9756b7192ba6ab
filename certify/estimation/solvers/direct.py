"""Small systems as dense matrices: every eigenvalue is known, so the pseudo-inverse is, with its numerical rank."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import torch

from certify.estimation.krylov import Operator, Solved, Status
from certify.format.errors import InputError
from certify.problem.progress import Progress, silent

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

MOST_PARAMETERS = 2000
"""Largest matrix that is formed unasked."""

MOST_ASKED = 20_000
"""Largest matrix that is formed where it is asked for: 3.2 GB, of which a solve holds a few."""

AT_ONCE = 64
"""Columns that are made together: more are no faster, and nothing could be told in between."""

VERY_FEW = 500
"""Parameters up to which the matrix of a network of linear layers costs no more than an iteration's overhead."""

ALONE = 1000
"""Parameters up to which one thread of BLAS is the fastest."""

MOST_REFINEMENTS = 12
"""Corrections of an answer; two or three are usual."""

ENOUGH = 1e4
"""Units in the last place that refinement has to reach: else the matrix does not suit float32."""

AMPLE = 1e-5
"""Share of a tolerance: a first answer that leaves no more of b is not corrected. Of 0.1 float32 leaves so little."""

LEAST_SQUARES = 1e-4
"""Normal residual up to which what is left of b counts as outside the range."""


def require_size(parameters: int) -> None:
    """Refuse a matrix that would not fit into memory.

    >>> require_size(270_000)
    Traceback (most recent call last):
    certify.format.errors.InputError: solver: "direct" for 270000 parameters, whose matrix takes 583 GB; use ...
    """
    if parameters > MOST_ASKED:
        raise InputError("solver", f'"direct" for {parameters} parameters, whose matrix takes '
                         f"{8 * parameters**2 / 1e9:.0f} GB", 'use "minres_qlp" or "cg"')


def dense(operator: Operator, like: torch.Tensor, tell: Progress = silent) -> torch.Tensor:
    """The matrix of a symmetric operator, (n, n), in float64: as it forms it, or else its images symmetrised."""
    if operator.formed is not None:
        lower = operator.formed(torch.float64).to(like.device).tril()
        return lower + lower.tril(-1).T
    A = torch.empty(operator.columns, operator.columns, dtype=torch.float64, device=like.device)
    for i in range(0, len(A), AT_ONCE):
        tell("dense matrix", i / len(A))
        some = torch.zeros(min(AT_ONCE, len(A) - i), len(A), dtype=like.dtype, device=like.device)
        some[:, i : i + len(some)].fill_diagonal_(1.0)
        A[i : i + len(some)] = operator.product(some)
    return (A + A.T) / 2


def solve_directly(operator: Operator, b: torch.Tensor, tolerance: float, tell: Progress = silent) -> Solved:
    r"""`A⁺b` for the rows of b: eigenvalues up to `n·ε·max|λ|`, ε that of the type of b, count as 0.

    Args:
        operator: A, symmetric.
        b: right-hand sides, (r, n).
        tolerance: the relative residual up to which the status is `CONVERGED`. Beyond, b lies outside the range if the
            residual is one of least squares, and else rounding stopped the solve: `STALLED`.
        tell: told the fraction of the matrix that is there.

    The residual is `b − Ax` by a product with the operator itself, not with the matrix that was formed from it. Where
    the operator forms its matrix, a Cholesky factor in float32 is tried first: it solves for the residual, which is
    computed in float64, again and again until the answer is as good as its type holds; once, if that leaves no more
    than `AMPLE` of the tolerance.
    """
    if operator.formed is not None:
        with _alone() if operator.rows <= ALONE else nullcontext():
            solved = _refined(operator, b, tolerance)
        if solved is not None:
            return solved
    A, B = dense(operator, b, tell), b.double()
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


@cache
def _blas() -> ThreadpoolController:
    """The thread pools of numpy and scipy; looking for them takes as long as a small solve."""
    from scipy.linalg import lapack  # noqa: F401  a pool that is not loaded yet is not found
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _alone() -> AbstractContextManager[object]:
    """Their BLAS on one thread: for a small matrix threads wait for each other longer than they work."""
    pools = _blas()
    if all(pool.num_threads == 1 for pool in pools.lib_controllers if pool.user_api == "blas"):
        return nullcontext()  # to limit and to restore them takes as long as a product
    return pools.limit(limits=1, user_api="blas")


def _refined(operator: Operator, b: torch.Tensor, tolerance: float) -> Solved | None:
    """The answers by refinement, or None where the matrix is not clearly positive definite in float32.

    What is clear: an inverse iteration, solved for beside the residuals, finds the least eigenvalue; four times what
    counts as 0 leaves room for its start.
    """
    from scipy.linalg.lapack import spotrf, spotrs  # its factor overwrites the matrix: half of torch's time

    assert operator.formed is not None
    A, right = operator.formed(torch.float32).numpy(), b.detach().numpy()
    bound = math.sqrt(2) * float(np.sqrt(np.vdot(A, A)))  # at least that of the whole matrix
    if not (math.isfinite(bound) and np.isfinite(right).all()):
        return None
    factor, failed = spotrf(A.T, lower=0, clean=0, overwrite_a=1)
    if failed:
        return None
    n, unit, zero = len(A), float(np.finfo(right.dtype).eps), 8 * len(A) * np.finfo(np.float32).eps * bound
    scale = np.ldexp(1.0, np.frexp(np.abs(right).max(1, keepdims=True))[1])  # powers of two: no digit changes
    B = right / scale
    x, left, size = np.zeros_like(right), B, _lengths(B)
    best, columns = size, np.empty((n, len(B) + 1), np.float32, "F")
    columns[:, -1] = np.cos(np.arange(n))
    before, products, done = float(_lengths(columns.T[-1:])[0]), 0, False
    while not done and products < MOST_REFINEMENTS:
        columns[:, :-1] = left.T
        columns, _ = spotrs(factor, columns, lower=0, overwrite_b=1)
        after = float(_lengths(columns.T[-1:])[0])
        least, before = before / after, after
        better = (x + columns.T[:-1]).astype(right.dtype)
        residual = B - operator.product(torch.from_numpy(better.astype(np.float64))).numpy()
        length, products = _lengths(residual), products + 1
        falls = length < best
        ample = products == 1 and bool((length <= AMPLE * tolerance * size).all())
        done = ample or products > 1 and bool(((length > best / 2) | (length <= 4 * unit * size)).all())
        x, left = np.where(falls[:, None], better, x), np.where(falls[:, None], residual, left)
        best = np.where(falls, length, best)
    if ample:  # of an inverse iteration one step says little
        least = before / float(_lengths(spotrs(factor, columns[:, -1:], lower=0)[0].T)[0])
    if not least > zero or not ample and (best > ENOUGH * unit * size).any():
        return None
    relative = np.divide(best, size, out=np.zeros(len(B)), where=size > 0)
    normal = relative
    if (relative > tolerance).any():
        slope = _lengths(operator.product(torch.from_numpy(left)).numpy())
        normal = np.divide(slope, bound * best, out=np.zeros(len(B)), where=best > 0)
    return _solved(torch.from_numpy((x * scale).astype(right.dtype)), relative, normal, tolerance, n + products)


def _lengths(rows: np.ndarray) -> np.ndarray:
    return np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64))


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
