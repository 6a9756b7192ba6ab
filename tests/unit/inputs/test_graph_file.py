"""The graph file: what is written is read back, and damage is refused in one line, by the checker too."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save, save_file

from certify.check.reading.arrays import read_arrays
from certify.check.reading.graph import read_graph as read_again
from certify.format.errors import InputError
from certify.format.refusal import Invalid
from certify.inputs.graph_file import graph_bytes, parse_graph, read_graph
from tests.effort import examples
from tests.oracles.graph import random_graph


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A graph with every member, and its model."""
    net = random_graph(np.random.default_rng(77))
    seeds = iter(range(1000))
    while not {"conv2d", "batch_norm", "max_pool", "pad_channels", "add"} <= set(net.operations):
        net = random_graph(np.random.default_rng(next(seeds)))
    folder = tmp_path_factory.mktemp("graph")
    save_file({name: np.ascontiguousarray(a) for name, a in net.tensors.items()}, folder / "m.safetensors")
    (folder / "g.json").write_bytes(graph_bytes(net.nodes, net.shape, net.output))
    return folder, net


@given(st.integers(0, 2**32))
@settings(max_examples=examples(50), deadline=None)
def test_what_is_written_is_read_by_both_readers(seed):
    net = random_graph(np.random.default_rng(seed))
    content = graph_bytes(net.nodes, net.shape, net.output)
    assert parse_graph(content, "g") == (net.nodes, net.shape, net.output, net.input)
    arrays = read_arrays(save({name: np.ascontiguousarray(a) for name, a in net.tensors.items()}), "model file")
    again = read_again(content, arrays)
    assert [(n.name, n.op, n.inputs, n.stride, n.padding, n.shape) for n in again.nodes] == [
        (n.name, n.op, n.inputs, n.stride, n.padding, net.shapes[n.name]) for n in net.nodes]
    assert again.outputs == net.widths[1] and again.kinked == net.kinked and again.operations == net.operations
    assert sum(node.parameters for node in again.nodes) == net.parameters("all")


def both(folder, content):
    """What the two readers say: both refuse, or both read."""
    (folder / "changed.json").write_bytes(content)
    words = []
    try:
        read_graph(folder / "changed.json", folder / "m.safetensors")
    except InputError as error:
        words.append(str(error))
        assert "\n" not in str(error)
    try:
        read_again(content, read_arrays((folder / "m.safetensors").read_bytes(), "model file"))
    except Invalid as error:
        words.append(str(error))
    assert len(words) in (0, 2), words
    return words


def changes(value, path=()):
    """Every place of a JSON value with other values for it."""
    for other in (None, True, 0, -1, 1.5, 2**21, "", "x", [], [1], {}, 1e400):
        if type(other) is not type(value) or other != value:
            yield path, other
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, entry in items:
        yield from changes(entry, (*path, key))


def test_every_member_changed_is_read_alike_by_both_readers(files):
    folder, net = files
    top = json.loads((folder / "g.json").read_text())
    refused = 0
    for path, other in changes(top):
        if not path:
            continue
        changed = json.loads(json.dumps(top))
        at = changed
        for key in path[:-1]:
            at = at[key]
        at[path[-1]] = other
        refused += bool(both(folder, json.dumps(changed).encode()))
    assert refused > 500


def test_members_missing_doubled_or_unknown_are_refused(files):
    folder, net = files
    text = (folder / "g.json").read_text()
    top = json.loads(text)
    for node in range(len(top["nodes"])):
        for member in top["nodes"][node]:
            changed = json.loads(text)
            del changed["nodes"][node][member]
            assert both(folder, json.dumps(changed).encode())
        changed = json.loads(text)
        changed["nodes"][node]["groups"] = 1
        assert both(folder, json.dumps(changed).encode())
    for member in top:
        assert both(folder, json.dumps({k: v for k, v in top.items() if k != member}).encode())
    assert both(folder, text.replace('"op": ', '"op": "relu", "op": ', 1).encode())
    assert both(folder, b"\xff" + text.encode()) and both(folder, b"[" * 100000) and both(folder, b"")
    assert not both(folder, text.encode())


@given(st.data())
@settings(max_examples=examples(150), deadline=None)
def test_damaged_bytes_are_read_alike_by_both_readers(files, data):
    folder, _ = files
    content = bytearray((folder / "g.json").read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at:at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
    both(folder, bytes(content))


def test_a_tensor_that_no_node_uses_is_refused_but_for_counters(files):
    folder, net = files
    arrays = {name: np.ascontiguousarray(a) for name, a in net.tensors.items()}
    save_file(arrays | {"bn.num_batches_tracked": np.array(3)}, folder / "counted.safetensors")
    assert read_graph(folder / "g.json", folder / "counted.safetensors").learned == net.learned
    save_file(arrays | {"more.weight": np.ones(2)}, folder / "more.safetensors")
    with pytest.raises(InputError, match="'more.weight'"):
        read_graph(folder / "g.json", folder / "more.safetensors")
    save_file(dict(list(arrays.items())[1:]), folder / "fewer.safetensors")
    with pytest.raises(InputError, match="does not hold"):
        read_graph(folder / "g.json", folder / "fewer.safetensors")
