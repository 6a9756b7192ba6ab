"""What the last linear layer of a graph reads: the features that the frozen rest makes of every row, enclosed (D1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from certify.network.graph.balls import values_in_balls
from certify.network.graph.compiled import compile_graph
from certify.network.graph.gradients import chunk_rows
from certify.network.graph.graph import GraphNetwork
from certify.network.graph.passes import graph_forward
from certify.rigor.arithmetic import DoubleDouble
from certify.rigor.ball import Balls, rounded
from certify.rigor.fp import Array

WIDEST: Final = 2.0**-44
"""Share of its size that the radius of a row's features may have before they are enclosed in balls, entry by entry."""


def features(
    network: GraphNetwork, X: Array, tell: Callable[[float], None] = lambda _: None,
) -> tuple[Array, Array]:
    """Features of rows, and how far the true ones of each row may be in the Euclidean norm.

    The radius counts all rounding on the way; kinks and ties on the way do no harm, as nothing is differentiated.

    Args:
        network: whose output is a linear node's.
        X: `(n, d)` rows, exact.
        tell: told the fraction done.

    Raises:
        InputError: its output is not that of a linear node with weights of its own.
        EnclosureError: overflow.

    >>> from certify.network.graph.graph import Node
    >>> net = GraphNetwork((Node("a", "relu", ("input",)), Node("b", "linear", ("a",), weight="W")),
    ...                    {"W": np.ones((1, 2))}, (2,), "b")
    >>> mid, rad = features(net, np.array([[-1.0, 0.5]]))
    >>> mid.tolist(), bool(rad[0] < 1e-15)
    ([[0.0, 0.5]], True)
    """
    frozen = network.frozen
    if frozen is None:
        return X, np.zeros(len(X))
    if not frozen.in_balls:
        found = _in_double_double(frozen, X, tell)
        if found is not None:
            return found
    balls = values_in_balls(frozen, X, WIDEST, tell)
    return balls.mid.hi, balls.rad


def _in_double_double(frozen: GraphNetwork, X: Array, tell: Callable[[float], None]) -> tuple[Array, Array] | None:
    """The same in double-double, rows in chunks; None where norms outgrow it."""
    arithmetic = DoubleDouble()
    made, step = compile_graph(frozen, arithmetic), chunk_rows(frozen, True)
    mid, rad = [], []
    for start in range(0, len(X), step):
        found: Balls = rounded(graph_forward(made, X[start : start + step], arithmetic).values[frozen.output])
        if not (found.rad <= WIDEST * found.norm).all():
            return None
        mid.append(found.mid.hi)
        rad.append(found.rad)
        tell(min(1.0, (start + step) / len(X)))
    return np.concatenate(mid), np.concatenate(rad)
