"""Outputs of a graph in plain float64, with rounding errors that nobody bounds: for figures that are no claims."""

from __future__ import annotations

import numpy as np

from certify.network.graph.compiled import Compiled
from certify.network.graph.graph import ACTIVATIONS, Node
from certify.rigor.activation import activation
from certify.rigor.arithmetic import Pair
from certify.rigor.fp import Array


def outputs_in_floats(made: Compiled, X: Array) -> Array:
    """`f(x)` for every row of X, about."""
    net = made.network
    values = {net.input: X}
    for node in net.nodes:
        inputs = [values[name] for name in node.inputs]
        if node.name in net.places:
            operation, place = net.places[node.name]
            shaped = [x.reshape(len(x), *shape) for x, shape in zip(inputs, place.before, strict=True)]
            values[node.name] = operation.floats(place, shaped).reshape(len(X), -1)
        else:
            values[node.name] = _value(made, node, inputs)
    return values[net.output]


def _value(made: Compiled, node: Node, inputs: list[Array]) -> Array:
    x, n = inputs[0], len(inputs[0])
    if node.op in ACTIVATIONS:
        return activation(node.op).enclose(x, 0)[0].mid
    if node.op == "add":
        return x + inputs[1]
    if node.name in made.selections:
        return np.append(x, np.zeros((n, 1)), axis=1)[:, made.selections[node.name][0]]
    if node.op == "max_pool":
        return np.asarray(np.append(x, np.full((n, 1), -np.inf), axis=1)[:, made.pools[node.name].index].max(axis=2))
    if node.op == "batch_norm":
        norm = made.norms[node.name]
        y = x.reshape(n, -1, norm.places) + norm.minus_mean.value.hi[:, None]
        y = y * (norm.inverse.value.hi * (1.0 if norm.gamma is None else norm.gamma.value.hi))[:, None]
        return np.asarray(y + (0.0 if norm.beta is None else norm.beta.value.hi[:, None])).reshape(n, -1)
    if node.name in made.windows:
        window = made.windows[node.name][0]
        y = window.windows(Pair(x)).hi.reshape(n, window.places, -1) @ window.kernel.value.hi.T
        return np.asarray(y + (0.0 if window.bias is None else window.bias.hi)).swapaxes(1, 2).reshape(n, -1)
    return x  # flatten
