"""A graph with tables, verified norms and enclosed constants of every node, made once for its passes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from certify.network.graph.graph import GraphNetwork
from certify.network.graph.maps import (
    Channels,
    WindowMap,
    average,
    convolution,
    dense,
    inverse_deviations,
    selection,
)
from certify.network.graph.pooling import Pool
from certify.rigor.arithmetic import Arithmetic
from certify.rigor.fp import Array

if TYPE_CHECKING:
    from certify.network.graph.windows import Index


@dataclass(frozen=True, eq=False)
class Normalisation:
    """A frozen BatchNorm in parts: `γ·((x − mean)·inverse) + β`."""

    minus_mean: Channels
    inverse: Channels
    gamma: Channels | None
    beta: Channels | None
    places: int


@dataclass(frozen=True, eq=False)
class Compiled:
    """A graph with what its passes need, made once: maps by name of their nodes."""

    network: GraphNetwork
    windows: dict[str, tuple[WindowMap, WindowMap]]
    norms: dict[str, Normalisation]
    pools: dict[str, Pool]
    selections: dict[str, tuple[Index, Index]]


def compile_graph(network: GraphNetwork, arithmetic: Arithmetic) -> Compiled:
    """Tables, verified norms and enclosed constants of every node."""
    made = Compiled(network, {}, {}, {}, {})
    get: Callable[[str | None], Array | None] = lambda name: None if name is None else network.tensors[name]  # noqa: E731
    for node in network.nodes:
        shape = network.shapes[node.inputs[0]]
        if node.name in network.places:
            continue
        weight, bias = get(node.weight), get(node.bias)
        if node.op == "conv2d" and weight is not None:
            made.windows[node.name] = convolution(weight, bias, shape, node.stride, node.padding)
        elif node.op == "linear" and weight is not None:
            made.windows[node.name] = dense(weight, bias)
        elif node.op == "avg_pool":
            made.windows[node.name] = average(shape, node.kernel, node.stride, node.padding, arithmetic)
        elif node.op == "max_pool":
            made.pools[node.name] = Pool.make(shape, node.kernel, node.stride, node.padding)
        elif node.op in ("subsample", "pad_channels"):
            made.selections[node.name] = selection(node.op, shape, node.stride, node.before, node.after)
        elif node.op == "batch_norm":
            mean, var = get(node.mean), get(node.var)
            assert mean is not None and var is not None
            made.norms[node.name] = Normalisation(
                Channels.exact(-mean), inverse_deviations(var, node.eps, arithmetic),
                None if weight is None else Channels.exact(weight), None if bias is None else Channels.exact(bias),
                shape[1] * shape[2])
    return made
