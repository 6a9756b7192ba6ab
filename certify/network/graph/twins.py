"""Entries that are the same function of the weights, so that a tie between them harms nothing (G7).

Windows that hold the same numbers, as flat background does, give equal sums whatever the kernel. While a row's
features do not move, equal labels stand for functions that are equal near the given weights; different labels for
nothing. Label 0 is the function 0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from certify.network.graph.compiled import Compiled
from certify.network.graph.graph import ACTIVATIONS, Node
from certify.rigor.fp import Array

Labels = NDArray[np.int64]
Mask = NDArray[np.bool_]

PADDED = -1
"""In the place of a label: padding of a maximum, which never wins."""


def twin_labels(made: Compiled, x: Array, still: dict[str, Mask], name: str) -> Labels:
    """Labels of the entries of one node's value at one row.

    Args:
        made: the graph.
        x: `(d,)` the row.
        still: entries proved to be 0 near the given weights, by node, for this row.
        name: the node, or the input.
    """
    net = made.network
    wanted = _needed(made, name)
    found = {net.input: np.where(x == 0, 0, 1 + np.unique(x, return_inverse=True)[1].reshape(-1)).astype(np.int64)}
    for node in net.nodes:
        if node.name in wanted:
            found[node.name] = labels = _labels(made, node, [found[entry] for entry in node.inputs])
            if node.name in still:
                labels[still[node.name]] = 0
        if node.name == name:
            break
    return found[name]


def _needed(made: Compiled, name: str) -> set[str]:
    wanted = {name}
    for node in reversed(made.network.nodes):
        wanted |= set(node.inputs) if node.name in wanted else set()
    return wanted


def _labels(made: Compiled, node: Node, inputs: list[Labels]) -> Labels:
    """From labels of the inputs: equal ones only where the operation makes equal functions of equal functions."""
    before = inputs[0]
    if node.name in made.network.places:  # nothing is said of sequences: every entry has a label of its own
        return np.arange(1, 1 + made.network.size(node.name), dtype=np.int64)
    if node.op == "flatten":
        return before.copy()
    if node.name in made.selections:
        return np.append(before, 0)[made.selections[node.name][0]]
    if node.op in ACTIVATIONS:
        return _numbered(before[:, None])
    if node.op == "add":
        return _numbered(np.stack(inputs, axis=1))
    if node.op == "max_pool":  # the largest of one set of functions, whatever their order
        return _numbered(np.sort(np.append(before, PADDED)[made.pools[node.name].index], axis=1))
    if node.op == "batch_norm":  # every channel has constants and parameters of its own
        places = made.norms[node.name].places
        return _numbered(np.stack([np.arange(len(before)) // places, before], axis=1))
    window = made.windows[node.name][0]
    of_places = _numbered(np.append(before, 0)[window.index])
    if node.op == "avg_pool":  # a row for each channel and place, one number for all
        return of_places
    channels = len(window.kernel.value.hi)  # each with weights of its own
    return (np.arange(channels)[:, None] * (1 + int(of_places.max())) + of_places[None, :]).reshape(-1)


def _numbered(rows: Labels) -> Labels:
    """A number from 1 on for each row of a table, equal for equal rows."""
    return 1 + np.unique(rows, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)
