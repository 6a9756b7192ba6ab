"""Graphs of ONNX files against ONNX's own evaluator: what depends on the number of rows, and what was read wrongly."""

from __future__ import annotations

import builtins
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from certify.cli.main import main
from certify.format.errors import InputError
from certify.inputs.onnx.graph import read
from certify.inputs.onnx.graph.compared import compared
from certify.inputs.onnx.graph.read import fixed_rows, read_graph
from certify.network.graph.graph import GraphNetwork
from tests.families.onnx_bytes import model, node
from tests.unit.inputs.onnx.test_onnx_graph import IMAGE, image

HERE = Path()


def scaled_from(rows: int) -> bytes:
    """Inputs are scaled otherwise where that many rows or more pass through."""
    whole = {"zero": np.array([0]), "least": np.array([rows]), "one": np.array([1]), "two": np.array([2])}
    steps = [
        node("Shape", ["x"], "s"), node("Gather", ["s", "zero"], "n", axis=0), node("Div", ["n", "least"], "q"),
        node("Equal", ["q", "zero"], "few"), node("Where", ["few", "two", "one"], "c"),
        node("Cast", ["c"], "f", to=1), node("Mul", ["x", "f"], "scaled"),
        node("Gemm", ["scaled", "w", "b"], "a", transB=1), node("Relu", ["a"], "r"),
        node("Gemm", ["r", "v"], "y", transB=1)]
    rng = np.random.default_rng(3)
    return model(steps, whole | {"w": rng.normal(size=(4, 3)).astype("f4"), "b": np.zeros(4, dtype="f4"),
                                 "v": rng.normal(size=(2, 4)).astype("f4")}, dims=(0, 3))


@pytest.mark.parametrize("rows", [2, 4, 7, 12])
def test_constants_that_depend_on_the_number_of_rows_are_refused_beyond_three_too(rows: int) -> None:
    with pytest.raises(InputError, match="how many rows pass through at once|something else"):
        network, _ = read_graph(scaled_from(rows), "model")
        compared(scaled_from(rows), network, "model", HERE)


def test_the_evaluator_sees_what_the_reader_does_not(monkeypatch) -> None:
    pytest.importorskip("onnx.reference")
    monkeypatch.setattr(read, "ROWS", (2, 3, 1))
    content = scaled_from(7)
    network, _ = read_graph(content, "model")
    with pytest.raises(InputError, match="something else than onnx itself makes of it, as 7 rows"):
        compared(content, network, "model", HERE)


def test_graphs_are_what_the_evaluator_makes_of_them() -> None:
    pytest.importorskip("onnx.reference")
    for dims, said in (((0, 1, 6, 6), "1, 2, 3, 7, 16 rows"), ((1, 1, 6, 6), "of 1 rows")):
        network, _ = read_graph(image(dims), "model")
        assert said in compared(image(dims), network, "model", HERE)
        assert fixed_rows(image(dims)) == dims[0]
    wrong = {name: array + (0.01 if name == str(network.last.bias) else 0) for name, array in network.tensors.items()}
    other = GraphNetwork(network.nodes, wrong, network.shape, network.output, network.input)
    with pytest.raises(InputError, match="something else"):
        compared(image(dims), other, "model", HERE)
    nodes = tuple(replace(one, op="gelu") if one.op == "silu" else one for one in network.nodes)
    with pytest.raises(InputError, match="something else"):
        compared(image(dims), replace(network, nodes=nodes), "model", HERE)


def test_it_is_said_where_nothing_was_compared(monkeypatch, tmp_path, capsys) -> None:
    network, _ = read_graph(image(), "model")
    (tmp_path / "m.onnx").write_bytes(image())
    assert main(["graph", str(tmp_path / "m.onnx"), "-o", str(tmp_path / "g.json")]) == 0
    assert "compared with what onnx itself makes" in capsys.readouterr().err
    real = builtins.__import__

    def without(name: str, *rest, **more):
        if name.partition(".")[0] == "onnx":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    assert "was not compared" in compared(image(), network, "model", HERE)
    assert "pip install onnx" in compared(image(), network, "model", HERE)


def test_what_the_evaluator_does_not_take_is_no_reason_to_refuse() -> None:
    pytest.importorskip("onnx.reference")
    network, _ = read_graph(image(), "model")
    assert "was not compared" in compared(b"\x00", network, "model", HERE)
    broken = model([node("Mystery", ["x"], "y")], {"w": IMAGE["wl"]}, dims=(0, 1, 6, 6))
    assert "was not compared" in compared(broken, network, "model", HERE)


def turned(size: float) -> bytes:
    """A bias that is added along the other axis of a square value than that of the layer before it."""
    rng = np.random.default_rng(0)
    steps = [node("MatMul", ["x", "w"], "m"), node("Transpose", ["m"], "t", perm=[0, 2, 1]),
             node("Add", ["t", "b"], "u"), node("Flatten", ["u"], "f"), node("Gemm", ["f", "v"], "y", transB=1)]
    return model(steps, {"w": rng.normal(size=(3, 3)).astype("f4"), "b": rng.normal(size=3).astype("f4"),
                         "v": (size * rng.normal(size=(2, 9))).astype("f4")}, dims=(0, 3, 3))


def test_a_bias_along_another_axis_is_not_that_of_the_layer_before_it() -> None:
    with pytest.raises(InputError, match="added to values"):
        read_graph(turned(1.0), "model")


@pytest.mark.parametrize("size", [1.0, 1e-7, 1e30])
def test_small_outputs_and_those_beside_infinite_ones_are_compared_too(size: float) -> None:
    pytest.importorskip("onnx.reference")
    rng = np.random.default_rng(0)
    weight, other = ((size * rng.normal(size=(2, 3))).astype("f4") for _ in range(2))
    content = model([node("Gemm", ["x", "v"], "y", transB=1)], {"v": weight}, dims=(0, 3))
    network, _ = read_graph(content, "model")
    assert "the same" in compared(content, network, "model", HERE)
    wrong = GraphNetwork(network.nodes, {"v": other.astype(float)}, network.shape, network.output, network.input)
    with pytest.raises(InputError, match="something else"):
        compared(content, wrong, "model", HERE)


def test_outputs_none_of_which_is_finite_are_not_compared() -> None:
    pytest.importorskip("onnx.reference")
    content = model([node("Gemm", ["x", "v"], "a", transB=1), node("Gemm", ["a", "w"], "y", transB=1)],
                    {"v": np.full((3, 3), 1e300), "w": np.full((3, 3), 1e300)}, dims=(0, 3))
    network, _ = read_graph(content, "model")
    assert "not compared" in compared(content, network, "model", HERE)


@pytest.mark.parametrize("opset", [9, 13, 14, 20])
def test_batch_norm_of_eval_mode_is_compared_in_every_version(opset: int) -> None:
    pytest.importorskip("onnx.reference")
    rng = np.random.default_rng(0)
    stored = {name: np.abs(rng.normal(size=2)).astype("f4") for name in "sbmv"} | {
        "w": rng.normal(size=(3, 8)).astype("f4")}
    content = model([node("BatchNormalization", ["x", *"sbmv"], "n"), node("Flatten", ["n"], "f"),
                     node("Gemm", ["f", "w"], "y", transB=1)], stored, dims=(0, 2, 2, 2), opset=opset)
    network, _ = read_graph(content, "model")
    assert "the same" in compared(content, network, "model", HERE)
    wrong = network.tensors | {str(network.nodes[0].mean): network.tensors[str(network.nodes[0].mean)] + 0.1}
    with pytest.raises(InputError, match="something else"):
        compared(content, GraphNetwork(network.nodes, wrong, network.shape, network.output), "model", HERE)
