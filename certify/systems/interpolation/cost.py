"""What the tiers of linearisations at an exact fit cost, and in which order they are tried."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from certify.problem.cost import BASE_MEMORY, JACOBIAN_LIMIT, PASS, PASS_DOUBLE, Cost

if TYPE_CHECKING:
    from certify.problem.problem import Problem

DIRECT_FROM = 1500
"""Equations from which the direct tier goes first."""

FINE_PASSES_FROM = 6000
"""Equations from which the direct tier starts with double-double passes: they cost less than a failed Cholesky."""

STREAMED_FROM = 3000
"""Equations from which the kernel of a network with one output is made as it is factorised, and never held whole."""

PASS_ROWS = 2000
"""Rows of one of these passes: what only the pass needs is given back before the next."""

CONGRUENCE_LIMIT, EXTENDED_LIMIT = 12_000, 6000
"""Most equations for the congruence and for the double-double tier, whatever the memory: beyond, BLAS takes hours."""

# Measured, one thread: numbers of N² in memory at the peak, floating-point operations of N³, and seconds of N² that do
# not scale with matrix products; of the Jacobian tier numbers of N·p and operations of N²·p beside.
_DIRECT: Final = (3, 3.0, 2e-7)
_STREAMED: Final = (0.8, 8 / 3, 1e-6)  # as many factorisations as are tried at most; one is usual
_CONGRUENCE: Final = (15, 40.0, 3e-7)
DOUBLE_DOUBLE: Final = (30, 100.0, 4e-6)
JACOBIAN: Final = (20, 72.0)
_BUDGETS: Final = (30.0, 1200.0)  # operations of N³, and of N²·√(2N), in the search for the dual of row budgets
GRADIENTS: Final = 3  # numbers of an entry of a gradient of a prediction, or of an effect on one


def prediction_entries(problem: Problem) -> int:
    """Entries of all gradients that first-order changes of predictions at exact fits need."""
    points = 0 if problem.evaluation is None else len(problem.evaluation)
    return (problem.n + points) * problem.outputs * problem.parameters if points else 0


def columns(problem: Problem) -> int:
    """Columns of the Jacobian that is computed with: parameters, and reference rows."""
    return problem.parameters + problem.kernel_size - problem.equations


def matrix_cost(
    problem: Problem, name: str, need: tuple[float, float, float], when: str, predictions: bool = False, more: int = 0,
    pairs: int = 0, vital: bool = False,
) -> Cost:
    """A tier that works on matrices of N × N numbers.

    Args:
        problem: of N equations.
        name: of the tier.
        need: numbers of N², operations of N³, seconds of N².
        when: when it is used, in words.
        predictions: whether gradients of predictions may be held beside.
        more: columns of the Jacobian that is formed.
        pairs: numbers of the passes in double-double.
        vital: whether the others are of no use without it.
    """
    N, p, entries = problem.kernel_size, columns(problem), prediction_entries(problem)
    points = 0 if problem.evaluation is None or entries > JACOBIAN_LIMIT else len(problem.evaluation) * problem.outputs
    search = (_BUDGETS[0] * N**3 + _BUDGETS[1] * N**2 * (2 * N) ** 0.5) if problem.row_budgets else 0.0
    numbers, flops, rest = need
    fine = numbers == DOUBLE_DOUBLE[0]
    each = (JACOBIAN if fine else (GRADIENTS, 2.0)) if points and predictions else (0, 0.0)
    memory = int(BASE_MEMORY + 8 * (numbers * N**2 + more * JACOBIAN[0] * N + 6 * pairs + each[0] * entries))
    seconds = rest * N**2 + PASS_DOUBLE[1] * pairs / 2 + 0.2
    work = flops * N**3 + more * JACOBIAN[1] * N * N + search + each[1] * points * N * p
    return Cost(name, memory, work, seconds, when, vital)


def solution_cost(problem: Problem) -> tuple[Cost, ...]:
    """The proof of an exact solution nearby, where one is needed."""
    if not problem.nearby:
        return ()
    return (matrix_cost(problem, "solution", DOUBLE_DOUBLE, "an exact solution nearby", predictions=True, vital=True),)


def streamable(problem: Problem) -> bool:
    """Whether the equations are the outputs of the network on its own rows at its own weights, one output a row.

    Of several outputs the theorem about cross-entropy wants differences, which are taken of a whole kernel.
    """
    return problem.outputs == 1 and not problem.nearby and problem.measure.rows == 0


def _streamed_tiers(problem: Problem) -> tuple[Cost, ...]:
    """Both tiers without a whole kernel; upper numbers, counted from the passes.

    Inputs and adjoints of all rows are held, and beside them the pass over some rows that is under way; later the same
    once more, in the order of the factorisation, beside the factor and the columns that are being made. The kernel is
    made anew for every factorisation.
    """
    N, units = problem.kernel_size, sum(problem.network.widths)
    usual = matrix_cost(problem, "streamed", _STREAMED, "modulus, tried first")
    work = usual.flops + 16.0 * N**2 * units
    found = []
    for name, when, (numbers, seconds) in (
        ("streamed", usual.when, PASS), ("finer streamed", "modulus, where rounding leaves a gap", PASS_DOUBLE)):
        passing = BASE_MEMORY + 8 * (2 * N + numbers * min(N, PASS_ROWS)) * units
        memory = max(passing, usual.memory + 8 * N * (4 * units + 2048))
        found.append(replace(usual, name=name, when=when, memory=memory, flops=work,
                             rest=usual.rest + seconds * N * units / 2))
    return tuple(found)


def direct_tiers(problem: Problem) -> tuple[Cost, ...]:
    """The tiers of a total budget that need no congruence; those with a whole kernel behind the streamed ones."""
    N, found = problem.kernel_size, []
    if problem.row_budgets or problem.change is not None or N < DIRECT_FROM:
        return ()
    streamed = _streamed_tiers(problem) if N >= STREAMED_FROM and streamable(problem) else ()
    first = "modulus, where the streamed ways leave a gap" if streamed else "modulus, tried first"
    if N < FINE_PASSES_FROM:
        found.append(matrix_cost(problem, "direct", _DIRECT, first))
    when = "modulus, where rounding leaves a gap" if found else first
    found.append(matrix_cost(problem, "finer direct", _DIRECT, when, pairs=N * sum(problem.network.widths)))
    return (*streamed, *found)


def tiers(problem: Problem, when: str = "tried first") -> tuple[Cost, ...]:
    """The solution nearby, and the tiers that need a congruence.

    Args:
        problem: the problem.
        when: when the first of these is used, in words.
    """
    N, p = problem.kernel_size, columns(problem)
    found = [*solution_cost(problem)]
    if N <= CONGRUENCE_LIMIT:
        found.append(matrix_cost(problem, "congruence", _CONGRUENCE, when, predictions=True))
    if N <= EXTENDED_LIMIT:
        ill = "where the problem is ill-conditioned"
        found.append(matrix_cost(problem, "double-double", DOUBLE_DOUBLE, ill, predictions=True))
        if N * p <= JACOBIAN_LIMIT:
            worse = "where it is worse than that"
            found.append(matrix_cost(problem, "Jacobian", DOUBLE_DOUBLE, worse, predictions=True, more=p))
    return tuple(found)
