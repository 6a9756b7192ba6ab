"""What passes through a network cost; no matrix over the rows is formed."""

from __future__ import annotations

from typing import Final

from certify.network.graph.gradients import chunk_rows, numbers_of_row
from certify.network.graph.graph import GraphNetwork
from certify.problem.cost import BASE_MEMORY, PASS, PASS_DOUBLE, Cost
from certify.problem.problem import Problem
from certify.systems.interpolation.cost import JACOBIAN

# Measured, one thread: numbers and seconds for each row and unit of a graph, and bytes and seconds of a number of
# windows.
_GRAPH: Final = (3, 1.3e-8)
_GRAPH_DOUBLE: Final = (12, 2.6e-7)
_GRAPH_BALLS: Final = (120, 2e-6)

_ONLY = "one forward, one backward, in balls: the one arithmetic of sequences"
_FIRST, _FINER = "one forward, one backward, tried first", "the same, where rounding leaves a gap"


def passes(problem: Problem) -> Cost:
    """One forward and one backward pass."""
    net = problem.network
    if isinstance(net, GraphNetwork) and net.in_balls:
        return _balls_cost(problem, net, "passes", _ONLY)
    if isinstance(net, GraphNetwork):
        return _graph_cost(problem, net, "passes", _GRAPH, _FIRST, False)
    return pass_cost(problem, "passes", PASS, _FIRST)


def finer_passes(problem: Problem) -> tuple[Cost, ...]:
    """The same in finer arithmetic."""
    net = problem.network
    if not isinstance(net, GraphNetwork):
        return (pass_cost(problem, "double-double", PASS_DOUBLE, _FINER),)
    if net.in_balls:
        return ()
    balls = _balls_cost(problem, net, "balls", "where double-double leaves one: many layers")
    return _graph_cost(problem, net, "double-double", _GRAPH_DOUBLE, _FINER, True), balls


def pass_cost(
    problem: Problem, name: str, need: tuple[int, float], when: str, more: int = 0, vital: bool = False
) -> Cost:
    """Passes through a fully connected network.

    Args:
        problem: the problem.
        name: of the tier.
        need: numbers and seconds for each row and unit.
        when: when it is used, in words.
        more: numbers beside.
        vital: whether the others are of no use without it.
    """
    rows = problem.measure.rows
    entries, M = (problem.n + rows) * sum(problem.network.widths), problem.kernel_size if rows else 0
    formed = M * (problem.parameters + M)  # entries of the matrix of S2
    memory = BASE_MEMORY + 8 * (need[0] * entries + more + JACOBIAN[0] * formed)
    return Cost(name, memory, JACOBIAN[1] * M * formed, need[1] * entries + 0.2, when, vital)


def _graph_cost(
    problem: Problem, network: GraphNetwork, name: str, need: tuple[int, float], when: str, extended: bool
) -> Cost:
    """Passes through a graph, in chunks of rows: memory does not grow with the rows but for the data."""
    each = numbers_of_row(network)
    rows = min(problem.n, chunk_rows(network, extended))
    return Cost(name, BASE_MEMORY + 8 * (need[0] * rows * each + _data(problem)), 0.0,
                need[1] * problem.n * each + 1.0, when)


def _balls_cost(problem: Problem, network: GraphNetwork, name: str, when: str) -> Cost:
    """Passes in balls of python-flint, row by row."""
    windows = sum(network.windows(node) for node in network.nodes) + network.units
    memory = BASE_MEMORY + 2 * _GRAPH_BALLS[0] * windows + 8 * _data(problem) + 200 * network.parameters("all")
    return Cost(name, memory, 0.0, 2.0 + _GRAPH_BALLS[1] * problem.n * windows, when)


def _data(problem: Problem) -> int:
    return 3 * problem.n * problem.inputs
