"""The problem that the checker reads from the bytes of a graph, its tensors and its rows."""

from __future__ import annotations

import io

import numpy as np
from safetensors.numpy import save

from certify.check.reading.spec import read_spec
from certify.check.reading.subject import build_problem
from certify.inputs.graph_file import graph_bytes

SPEC = """version = 1
[model]
file = "model.safetensors"
graph = "graph.json"
[data]
file = "rows.npz"
features = "X"
targets = "y"
[training]
loss = "cross_entropy"
weight_decay = {decay}
[solution]
map = "sublevel"
[perturbation]
parameter = "{parameter}"
"""


def checked_problem(net, X, labels, decay=0.0, parameter="features", graph=None):
    """The checker's problem of a graph network at rows with labels."""
    rows = io.BytesIO()
    np.savez(rows, X=X, y=labels)
    graph = graph_bytes(net.nodes, net.shape, net.output, net.input) if graph is None else graph
    tensors = {name: np.ascontiguousarray(a) for name, a in net.tensors.items()}
    return build_problem(read_spec(SPEC.format(decay=decay, parameter=parameter).encode()), save(tensors),
                         rows.getvalue(), False, graph)
