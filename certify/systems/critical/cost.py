"""What a critical point, and the product with the mixed derivative there, cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from certify.problem.cost import BASE_MEMORY, JACOBIAN_LIMIT, PASS_DOUBLE, Cost

if TYPE_CHECKING:
    from certify.problem.problem import Problem

# Measured, one thread: numbers of p² or of the mixed derivative in memory at the peak, floating-point operations of p³
# or of every column, and seconds of every number that do not scale with matrix products.
_HESSIAN: Final = (10, 16.0, 3e-7)
_MIXED: Final = (3, 4.0, 4e-8)
_CHANGES: Final = 600.0  # operations, for each entry of the factored form and root of twice the rows, of the search


def columns(problem: Problem) -> int:
    """Columns of the mixed derivative."""
    return len(problem.rows) * problem.width


def hessian_cost(problem: Problem) -> Cost:
    """The Hessian with its inverse; after one change a second Newton's method, and the Hessian decomposed."""
    p, k = problem.parameters, problem.outputs
    numbers, flops, rest = _HESSIAN
    passes = PASS_DOUBLE[1] * problem.n * sum(problem.network.widths) * (8 if problem.nearby else 2)
    jacobian = problem.n * k * p if not problem.nearby and problem.n * k * p <= JACOBIAN_LIMIT else 0
    work = flops * p**3 + problem.n * p**2 * (6 if problem.nearby else 2) + 2 * jacobian * p
    return Cost("Hessian", BASE_MEMORY + 8 * (numbers * p**2 + 4 * jacobian),
                work * (1 if problem.change is None else 4), rest * p**2 + passes + 0.3,
                "Hessian, symmetries, base point and inverse", vital=True)


def mixed_cost(problem: Problem) -> Cost:
    """The product with the mixed derivative."""
    p, wide, rows = problem.parameters, columns(problem), len(problem.rows)
    numbers, flops, rest = _MIXED
    kept, work = min(wide * p, 1 << 26), flops * wide * p**2 + _HESSIAN[1] * p**3 / 4
    if problem.row_budgets:
        numbers, kept = 2 * numbers, wide * p
        work = 2 * work + _CHANGES * wide * min(wide, p) * (2 * rows) ** 0.5
    return Cost("mixed derivative", BASE_MEMORY + 8 * (_HESSIAN[0] * p**2 + numbers * kept), work,
                rest * wide * p + 0.2, "both ends of the modulus")
