"""Heads of graphs: small networks of every kind, their specs, and the problem that the checker reads."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from safetensors.numpy import save, save_file

from certify.check.reading.spec import read_spec
from certify.check.reading.subject import Problem, build_problem
from certify.inputs.graph_file import graph_bytes
from certify.network.graph.graph import GraphNetwork
from tests.oracles.graph import Builder
from tests.oracles.sequences import attend, layer_norm, token_linear

SPEC = """version = 1
[model]
file = "model.safetensors"
graph = "graph.json"
[data]
file = "rows.npz"
features = "X"
targets = "y"
[training]
loss = "{loss}"
weight_decay = {decay}
{training}
[solution]
map = "critical"
base = "nearby"
layer = "last"
[perturbation]
parameter = "{parameter}"
set = "sparse"
count = {count}
[evaluation]
file = "points.npz"
features = "X"
{evaluation}
[run]
time_limit = 20.0
{gates}
"""
STAYS = '[[gate]]\nquantity = "stable_predictions"\nmin = 1\n'


def transformer(rng: np.random.Generator) -> GraphNetwork:
    """Attention, LayerNorm, GELU and a sum, then a mean over tokens."""
    b = Builder(rng, (3, 4))
    attend(b, 2)
    skip = layer_norm(b)
    token_linear(b, 6)
    b.add("gelu")
    token_linear(b, 4)
    b.add("add", (b.at, skip))
    b.add("mean_tokens")
    b.linear(3)
    return b.network()


def tokens(rng: np.random.Generator) -> GraphNetwork:
    """An embedding with positions."""
    b = Builder(rng, (3,))
    b.add("embedding", weight=b.tensor("weight", b.numbers(5, 4)))
    b.add("position", weight=b.tensor("weight", b.numbers(3, 4)))
    layer_norm(b)
    b.add("mean_tokens")
    b.linear(3)
    return b.network()


def convolutions(rng: np.random.Generator) -> GraphNetwork:
    """Convolution, BatchNorm, relu and max-pooling."""
    b = Builder(rng, (2, 4, 4))
    b.conv(3)
    b.norm()
    b.add("relu")
    b.add("max_pool", kernel=(2, 2), stride=(2, 2))
    b.linear(4)
    b.add("relu")
    b.linear(3)
    return b.network()


NETWORKS = {"transformer": transformer, "tokens": tokens, "convolutions": convolutions}


def rows(rng: np.random.Generator, net: GraphNetwork, n: int) -> np.ndarray:
    """Rows that it takes."""
    if net.discrete:
        return rng.integers(0, 5, size=(n, net.widths[0])).astype(np.float64)
    return rng.normal(size=(n, net.widths[0]))


def write(
    folder: Path, net: GraphNetwork, X: np.ndarray, y: np.ndarray, points: np.ndarray, loss: str = "cross_entropy",
    parameter: str = "deletions", count: int = 1, decay: float = 0.1, training: str = "", evaluation: str = "",
    gates: str = STAYS,
) -> Path:
    """A spec with its files."""
    save_file({name: np.ascontiguousarray(a) for name, a in net.tensors.items()}, folder / "model.safetensors")
    (folder / "graph.json").write_bytes(graph_bytes(net.nodes, net.shape, net.output))
    np.savez(folder / "rows.npz", X=X, y=y)
    np.savez(folder / "points.npz", X=points)
    spec = folder / "certify.toml"
    spec.write_text(SPEC.format(loss=loss, decay=decay, parameter=parameter, count=count, training=training,
                                evaluation=evaluation, gates=gates))
    return spec


def checked_head(net: GraphNetwork, X: np.ndarray) -> Problem:
    """The checker's problem of the last layer."""
    spec = SPEC.format(loss="cross_entropy", decay=0.1, parameter="deletions", count=1, training="", evaluation="",
                       gates=STAYS).replace("points.npz", "rows.npz")
    held = io.BytesIO()
    np.savez(held, X=X, y=np.arange(len(X)) % net.widths[-1])
    tensors = save({name: np.ascontiguousarray(a) for name, a in net.tensors.items()})
    return build_problem(read_spec(spec.encode()), tensors, held.getvalue(), False,
                         graph_bytes(net.nodes, net.shape, net.output), evaluation=held.getvalue())
