"""The optimum of the dual of N1 and of N2's weights by cvxpy: an oracle for tests and small problems, never trusted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.format.errors import InputError, MissingPackage
from certify.rigor.fp import Array

LARGEST = 100
"""Rows up to which an interior-point solver takes seconds."""


@dataclass(frozen=True, eq=False)
class Optimum:
    """What the solver returned.

    Attributes:
        value: the optimal value, to the solver's accuracy.
        weights: `(n,)` the d_i.
        status: the solver's word for how it ended.
    """

    value: float
    weights: Array
    status: str


def weights_optimum(M: Array, k: int = 1, count: int | None = None, solver: str = "CLARABEL") -> Optimum:
    """Minimise the sum of the m largest d_i over `blkdiag(d_i I_k) ⪰ M`.

    Args:
        M: `(n·k, n·k)` symmetric positive semidefinite, `E^½K⁻¹E^½` for ellipsoids `E_i`.
        k: size of the blocks.
        count: m; None: all rows (N1).
        solver: an interior-point (``"CLARABEL"``) or first-order (``"SCS"``) solver of cvxpy.

    Raises:
        InputError: more than `LARGEST` rows.
        MissingPackage: cvxpy is not installed.

    >>> round(weights_optimum(np.array([[2.0, 1.0], [1.0, 2.0]])).value, 4)
    6.0
    """
    n = len(M) // k
    if n > LARGEST:
        raise InputError("weights_optimum", f"{n} rows", f"use at most {LARGEST}, or certify.finders.low_rank")
    try:
        import cvxpy as cp
    except ImportError:
        raise MissingPackage("weights_optimum", "cvxpy is not installed", "pip install 'certify[convex]'") from None
    scale = float(np.abs(M).max()) or 1.0
    d = cp.Variable(n)
    blocks = cp.diag(d) if k == 1 else cp.diag(np.kron(np.eye(n), np.ones((k, 1))) @ d)
    total = cp.sum(d) if count is None or count >= n else cp.sum_largest(d, count)
    problem = cp.Problem(cp.Minimize(total), [blocks - M / scale >> 0])
    problem.solve(solver=solver)
    if d.value is None:
        return Optimum(float("nan"), np.full(n, np.nan), str(problem.status))
    return Optimum(float(problem.value) * scale, np.asarray(d.value, dtype=float) * scale, str(problem.status))
