"""Exported graphs (.pt2, .onnx): a plain chain is read exactly, anything else is named."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.format.errors import InputError
from certify.inputs import read_network
from certify.inputs.onnx.onnx_file import OnnxArchive
from certify.inputs.torch.export_file import ExportArchive
from certify.inputs.torch.weights_file import TorchArchive
from certify.spec import parse_spec
from tests.effort import examples
from tests.families.onnx_bytes import model, node, put, tensor
from tests.families.small import SPEC

FILES = Path(__file__).parents[3] / "tests" / "families" / "files"
rng = np.random.default_rng(0)
W1, B1, W2, B2 = (rng.standard_normal(shape) for shape in ((8, 3), (8,), (1, 8), (1,)))
ALL = {"w1": W1, "b1": B1, "w2": W2, "b2": B2}


def gemm(name: str, source: str, output: str, **options) -> bytes:
    return node("Gemm", [source, f"w{name}", f"b{name}"], output, **{"transB": 1, **options})


def plain(activation: str = "Tanh", **options) -> bytes:
    nodes = [gemm("1", "x", "a"), node(activation, ["a"], "c", **options), gemm("2", "c", "y", alpha=1.0, beta=1.0)]
    return model(nodes, ALL)


def export(name: str) -> ExportArchive:
    return ExportArchive((FILES / f"{name}.pt2").read_bytes(), "f")


def test_export_holds_what_the_state_dict_holds():
    found, state = export("tanh"), TorchArchive((FILES / "tanh.pt").read_bytes(), "f")
    assert found.activation == "tanh" and found.names == state.names
    assert all(np.array_equal(found.read(name), state.read(name)) for name in state.names)
    deep = export("deep")
    assert deep.activation == "gelu" and deep.names == ("0.weight", "0.bias", "2.weight", "4.weight", "4.bias")


@pytest.mark.parametrize("name, words", [
    ("tanh-last", "tanh after the last linear layer"), ("slope", "leaky_relu with negative_slope = 0.2; only"),
    ("norm", "the buffer '1.running_mean', of a BatchNorm; train without it"), ("hardtanh", "the operation hardtanh"),
])
def test_export_refusals(name, words):
    with pytest.raises(InputError, match=words):
        export(name)


def changed(change) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(FILES / "tanh.pt2") as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            member = old.read(name)
            if name.endswith("models/model.json"):
                program = json.loads(member)
                change(program["graph_module"])
                member = json.dumps(program)
            new.writestr(name, member)
    return buffer.getvalue()


def swap(module):
    module["graph"]["nodes"][1], module["graph"]["nodes"][2] = module["graph"]["nodes"][2], module["graph"]["nodes"][1]


def rename(module):
    text = json.dumps(module).replace("p_2_bias", "p_0_bias").replace('"2.bias"', '"0.bias"')
    module |= json.loads(text)


@pytest.mark.parametrize("change, words", [
    (swap, "does not follow the one before it"), (rename, "a parameter that two layers share"),
    (lambda m: m["graph"]["nodes"].pop(), "tanh after the last linear layer|an output that is not the last"),
    (lambda m: m["graph"]["nodes"][2]["inputs"].pop(1), "damaged"),
    (lambda m: m["signature"]["input_specs"].pop(), "a graph of 0 inputs"),
    (lambda m: m["graph"]["nodes"][1].update(target="torch.ops.aten.sin.default"), "the operation sin"),
    (lambda m: m["graph"]["nodes"][1]["outputs"][0]["as_tensor"].update(name="p_2_weight"), "damaged|follow"),
    (lambda m: m.pop("graph"), "damaged, or of a form"),
])
def test_changed_graphs_are_refused(change, words):
    with pytest.raises(InputError, match=words):
        ExportArchive(changed(change), "f")


def test_onnx_chain_and_transposed_weights():
    for content in (plain(), model([
        node("Flatten", ["x"], "f"), node("MatMul", ["f", "w1"], "m"), node("Add", ["b1", "m"], "a"),
        node("Tanh", ["a"], "c"), node("Gemm", ["c", "w2", "b2"], "y"),
    ], {**ALL, "w1": W1.T, "w2": W2.T})):
        found = OnnxArchive(content, "f")
        assert found.activation == "tanh" and found.names == ("0.weight", "0.bias", "2.weight", "2.bias")
        for name, array in zip(found.names, (W1, B1, W2, B2), strict=True):
            assert np.array_equal(found.read(name), array)
    assert OnnxArchive(plain("LeakyRelu", alpha=0.01), "f").activation == "leaky_relu"
    assert OnnxArchive(model([node("MatMul", ["x", "w1"], "y")], {"w1": W1.T}), "f").activation is None


@pytest.mark.parametrize("content, words", [
    (b"", "0 graphs"), (b"hello", "not an .onnx file, or damaged"),
    (plain("Elu", alpha=0.5), "elu with alpha = 0.5; only alpha = 1.0 is built"),
    (plain("LeakyRelu", alpha=0.2), "leaky_relu with negative_slope = 0.2"),
    (plain("Gelu", approximate="tanh"), "gelu with approximate = tanh"),
    (plain("Clip"), "the operation Clip, no part"), (plain("Tanh", axis=1), "tanh with axis"),
    (model([gemm("1", "x", "a"), gemm("2", "a", "c"), node("Tanh", ["c"], "y")], ALL), "tanh after the last"),
    (model([node("Tanh", ["x"], "a"), gemm("1", "a", "y")], ALL), "tanh before the first linear layer"),
    (model([gemm("1", "x", "a"), node("BatchNormalization", ["a", "b1"], "y")], ALL), "numbers are no stored tensors"),
    (model([gemm("1", "x", "a", alpha=2.0), node("Tanh", ["a"], "y")], ALL), "Gemm with alpha = 2.0"),
    (model([gemm("1", "x", "a"), node("Tanh", ["x"], "y")], ALL), "Tanh does not follow the one before it"),
    (model([gemm("1", "x", "a"), node("Add", ["a", "x"], "y")], ALL), "Add joins two branches of its graph; only one"),
    (model([gemm("1", "x", "a"), node("Sigmoid", ["a"], "s"), node("Mul", ["a", "s"], "y")], ALL),
     "Mul joins two branches .* if it is SiLU's, save the state_dict"),
    (model([node("Identity", ["b1"], "b"), node("Gemm", ["x", "w1", "b"], "y")], ALL), "the tensor 'b' in two places"),
    (model([node("BatchNormalization", ["a", "b1"], "y")], ALL), "BatchNorm that does not follow the operation"),
    (model([gemm("1", "x", "a"), node("Softmax", ["a"], "y")], ALL), "Softmax, .* without it: the cross-entropy loss"),
    (model([gemm("1", "x", "a"), node("Add", ["a", "b1"], "y")], ALL), "an Add that is not the bias"),
    (model([node("Tanh", ["x"], "y", domain="my.ops")], ALL), "Tanh of the domain 'my.ops'"),
    (model([gemm("1", "x", "a")], ALL), "an output that is not the last operation's"),
    (model([gemm("1", "x", "w2"), gemm("2", "w2", "y")], ALL), "Gemm with outputs"),
    (model([gemm("1", "x", "y")], {**ALL, "b1": B2}), r"a bias of shape \(1,\) for 8 outputs"),
    (model([gemm("1", "x", "y")], ALL, extra=put(25, b"")), "functions of its own"),
    (model([], ALL, output="x"), "no linear layer"),
    (put(7, put(5, tensor("w", W1)) * 2), "the tensor w occurs twice"),
])
def test_onnx_refusals(content, words):
    with pytest.raises(InputError, match=words) as caught:
        OnnxArchive(content, "f")
    assert "\n" not in str(caught.value)


def test_activation_of_the_spec_is_held_against_the_graph(tmp_path):
    (tmp_path / "m.onnx").write_bytes(plain())
    spec = SPEC.replace("model.safetensors", "m.onnx")
    assert read_network(parse_spec(spec.encode()), tmp_path).widths == (3, 8, 1)
    with pytest.raises(InputError, match='its layers are joined by tanh, model.activation is "relu"; give'):
        read_network(parse_spec(spec.replace('"tanh"', '"relu"').encode()), tmp_path)
    with pytest.raises(InputError, match=r"has shape \(8, 3\), widths \[3, 9, 1\] need"):
        read_network(parse_spec(spec.replace("8", "9").encode()), tmp_path)


def attempt(reader, content: bytes) -> None:
    try:
        found = reader(content, "f")
        for name in found.names:
            found.read(name)
    except InputError as error:
        assert "\n" not in str(error)


@given(st.data())
@settings(max_examples=examples(200), deadline=None)
def test_damaged_files_raise_nothing_else(data):
    reader, whole = data.draw(st.sampled_from([
        (OnnxArchive, plain("Elu", alpha=1.0)), (ExportArchive, (FILES / "deep.pt2").read_bytes())]))
    content = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    attempt(reader, bytes(content))


@given(st.binary(max_size=60))
def test_random_bytes_raise_nothing_else(content):
    attempt(OnnxArchive, content)
    attempt(OnnxArchive, put(7, content))
    attempt(ExportArchive, content)


values = st.none() | st.integers() | st.text(max_size=3) | st.just([]) | st.just({}) | st.just([{}])


@given(st.data())
@settings(max_examples=examples(150), deadline=None)
def test_any_json_in_the_graph_raises_nothing_else(data):
    def change(module):
        place = module
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                return
            key = data.draw(st.sampled_from(keys))
            if not isinstance(place[key], dict | list) or data.draw(st.integers(0, 3)) == 0:
                place[key] = data.draw(values)
                return
            place = place[key]

    attempt(ExportArchive, changed(change))
