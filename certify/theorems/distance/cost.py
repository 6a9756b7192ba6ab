"""What the distance of exact fits at finite size costs."""

from __future__ import annotations

from typing import Final

from certify.network.network import Network
from certify.problem.cost import JACOBIAN_LIMIT, Cost
from certify.problem.problem import Problem
from certify.systems.interpolation.cost import DOUBLE_DOUBLE, columns, matrix_cost
from certify.theorems.distance.layer_constants import LARGEST

_CONSTANTS: Final = (6, 30.0, 0.02)
"""Measured, one thread: numbers of s², operations of s³ and seconds for each row and layer, s units."""


def distance_cost(problem: Problem) -> tuple[Cost, ...]:
    """An exact fit of the moved data, or what one layer can compensate for; with LipSDP where it is tried."""
    p = columns(problem)
    formed = p if problem.kernel_size * p <= JACOBIAN_LIMIT else 0
    whole = matrix_cost(problem, "distance", DOUBLE_DOUBLE, "distance", more=formed)
    return (whole, *_layer_constants(problem, whole))


def _layer_constants(problem: Problem, whole: Cost) -> tuple[Cost, ...]:
    """`distance` over a budget with LipSDP for every row, behind one or more layers; none where it is not tried."""
    net, n, rows = problem.network, len(problem.kept), len(problem.rows)
    if problem.change is not None or not isinstance(net, Network):
        return ()
    widths, largest, work, layers = net.widths, 0, 0.0, 0
    for h in net.layers(problem.layer):
        size = min(widths[:2]) + sum(widths[1:h])
        if h > 1 and widths[h - 1] + (net.biases[h - 1] is not None) >= n and rows * size**3 <= LARGEST:
            largest, work, layers = max(largest, size), work + rows * size**3, layers + 1
    if not layers:
        return ()
    return (Cost("constants", whole.memory + 8 * _CONSTANTS[0] * largest**2, whole.flops + _CONSTANTS[1] * work,
                 whole.rest + _CONSTANTS[2] * rows * layers,
                 "the same with LipSDP, where it can gain on norms of layers"),)
