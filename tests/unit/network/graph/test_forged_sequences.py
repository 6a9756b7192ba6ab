"""Ends proved for one graph of sequences are refused for another of the same tensors and shapes, digests made anew."""

from __future__ import annotations

import json

import numpy as np
import pytest

from certify.auditing.spec_run import run_audit
from certify.check.main import main
from certify.inputs.graph_file import graph_bytes
from certify.network.graph.graph import GraphNetwork
from tests.oracles.graph import Builder
from tests.oracles.sequences import attend, layer_norm, token_linear
from tests.unit.check.enclosure.test_graph import rebound, write

rng = np.random.default_rng(3)


def block() -> GraphNetwork:
    """As many tokens as channels, so that much fits elsewhere."""
    b = Builder(np.random.default_rng(3), (4, 4))
    attend(b, 2)
    layer_norm(b)
    skip = b.at
    token_linear(b, 4)
    b.add("gelu")
    b.add("add", (b.at, skip))
    b.add("transpose")
    b.add("times", factor=0.5)
    b.add("mean_tokens")
    b.linear(3)
    return b.network()


FORGED = [
    ("attention", {"heads": 1}), ("attention", {"heads": 4}), ("attention", {"scale": 0.5}),
    ("attention", {"scale": 0}), ("attention", {"causal": True}), ("attention", {"inputs": "turned"}),
    ("layer_norm", {"eps": 0.5}), ("layer_norm", {"eps": 0.0}), ("layer_norm", {"weight": "bias", "bias": "weight"}),
    ("gelu", {"op": "gelu_tanh"}), ("gelu", {"op": "silu"}), ("add", {"op": "multiply"}),
    ("transpose", {"op": "reshape", "size": [4, 4]}), ("times", {"factor": 0.5001}), ("times", {"factor": -0.5})]


@pytest.fixture(scope="module", params=["features", "sample_weights"])
def certified(tmp_path_factory, request):
    folder = tmp_path_factory.mktemp(request.param)
    run_audit(write(folder, block(), rng.normal(size=(3, 16)), np.array([0, 1, 2]), parameter=request.param))
    assert main([str(folder / "certificate.json"), "--quiet"]) == 0
    return folder


@pytest.mark.parametrize(("op", "members"), FORGED, ids=str)
def test_ends_of_another_graph_are_refused(certified, op, members) -> None:
    name = json.loads((certified / "certificate.json").read_text())["subject"]["graph"]["path"]
    kept = {path: (certified / path).read_bytes() for path in (name, "certificate.json")}
    net = block()
    top = json.loads(graph_bytes(net.nodes, net.shape, net.output))
    assert rebuilt(certified, name, top) == 0
    node = next(node for node in top["nodes"] if node["op"] == op)
    if "inputs" in members:
        members = {"inputs": [node["inputs"][at] for at in (1, 0, 2)]}
    node.update({role: node[value] if role in ("weight", "bias") else value for role, value in members.items()})
    try:
        assert rebuilt(certified, name, top) == 2
    finally:
        for path, content in kept.items():
            (certified / path).write_bytes(content)


def rebuilt(folder, name, top) -> int:
    """What the checker returns for another graph file."""
    rebound(folder, name, "graph", json.dumps(top).encode())
    return main([str(folder / "certificate.json"), "--quiet"])
