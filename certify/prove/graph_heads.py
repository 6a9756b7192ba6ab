"""A graph with its training data as a problem about its last linear layer, all before it held as it is."""

from __future__ import annotations

from typing import Any

from certify.format.words import Base, Map, Parameter, Set
from certify.inputs.graphs.rows import GraphRows
from certify.inputs.stated_targets import chosen_loss, stated_targets
from certify.network.graph.graph import GraphNetwork
from certify.problem.problem import Problem


def graph_head(
    network: GraphNetwork, X: Any, y: Any, *, loss: str | None, weight_decay: float, bias_decay: bool = True,
    normalization: str = "fixed",
) -> Problem:
    """The problem, with a question that a caller replaces by theirs: any 1 row left out.

    Args:
        network: whose output is a linear layer's.
        X: `(n, …)` training rows, in the shape of the graph's or flat.
        y: labels, also words, or numbers.
        loss, weight_decay, bias_decay, normalization: of the training.

    Raises:
        InputError: rows of another shape, targets that the loss does not take, or another last node.
    """
    rows = GraphRows(network.shape)
    flat = rows.given(X, "X")
    word = chosen_loss(y, network.widths[-1], loss, heads=True)
    found = stated_targets(y, word, network.widths[-1])
    return Problem(network=network, X=flat, y=found.y, rows=tuple(range(len(flat))), layer="last", labels=found.labels,
                   map=Map.CRITICAL, base=Base.NEARBY, loss=word, weight_decay=float(weight_decay),
                   bias_decay=bias_decay, normalization=normalization, prepare=rows, parameter=Parameter.DELETIONS,
                   set=Set.SPARSE, count=1, classes=found.classes)
