"""ONNX files that look like a graph's operation and compute something else are refused, or told as what they are."""

from __future__ import annotations

import math

import numpy as np
import pytest

from certify.format.errors import InputError
from certify.inputs.onnx.graph.read import read_graph
from certify.network.graph.compiled import compile_graph
from certify.network.graph.floats import outputs_in_floats
from certify.network.graph.graph import GraphNetwork
from certify.rigor.arithmetic import Binary64
from tests.families.onnx_bytes import model, node, put

rng = np.random.default_rng(11)
T, D = 4, 6


def f4(*shape: int) -> np.ndarray:
    return rng.normal(size=shape).astype("f4")


FIRST = node("MatMul", ["x", "w"], "h")
LAST = [node("ReduceMean", ["z", "axes"], "r", keepdims=0), node("MatMul", ["r", "last"], "y")]
TENSORS = {"w": f4(D, D), "last": f4(D, 3), "axes": np.array([1]), "b": f4(D)}


def graph(*steps: bytes, opset: int = 20, rows: int = 0, **tensors: np.ndarray) -> GraphNetwork:
    last = LAST if opset > 17 else [node("ReduceMean", ["z"], "r", keepdims=0, axes=[1]), LAST[1]]
    return read_graph(model([FIRST, *steps, *last], TENSORS | tensors, dims=(rows, T, D), opset=opset), "model")[0]


def agrees(net: GraphNetwork, function) -> None:
    X = rng.normal(size=(3, T, D))
    w, last = (TENSORS[name].astype(float) for name in ("w", "last"))
    got = outputs_in_floats(compile_graph(net, Binary64()), X.reshape(3, -1))
    assert np.abs(got - function(X @ w).mean(axis=1) @ last).max() < 1e-5


def phi(h: np.ndarray) -> np.ndarray:
    return np.vectorize(lambda v: (1 + math.erf(v / math.sqrt(2))) / 2)(h)


ERF = [node("Div", ["h", "root"], "u"), node("Erf", ["u"], "e"), node("Add", ["e", "one"], "p")]
NUMBERS = {"root": np.float32(math.sqrt(2)).reshape(()), "one": np.ones((), "f4"), "half": np.full((), 0.5, "f4"),
           "two": np.full((), 2, "f4")}


def test_gelu_takes_its_factors_in_any_order() -> None:
    for steps in ([node("Mul", ["p", "half"], "q"), node("Mul", ["q", "h"], "z")],
                  [node("Mul", ["p", "h"], "q"), node("Div", ["q", "two"], "z")],
                  [node("Mul", ["h", "half"], "q"), node("Mul", ["q", "p"], "z")]):
        net = graph(*ERF, *steps, **NUMBERS)
        assert "gelu" in net.operations and "multiply" not in net.operations
        agrees(net, lambda h: h * phi(h))


@pytest.mark.parametrize("steps", [
    [node("Mul", ["p", "half"], "z")], [node("Div", ["p", "two"], "z")],
    [node("Div", ["p", "h"], "q"), node("Mul", ["q", "half"], "z")]])
def test_half_of_one_plus_erf_alone_is_no_gelu(steps: list[bytes]) -> None:
    with pytest.raises(InputError):
        graph(*ERF, *steps, **NUMBERS)


@pytest.mark.parametrize("pair", [["h", "s"], ["s", "h"]])
def test_a_quotient_with_a_sigmoid_is_no_silu(pair: list[str]) -> None:
    with pytest.raises(InputError, match="quotient"):
        graph(node("Sigmoid", ["h"], "s"), node("Div", pair, "z"))


@pytest.mark.parametrize("step", [
    node("Identity", ["h"], "i"), node("Dropout", ["h"], "i"), node("Reshape", ["h", "same"], "i")])
def test_a_bias_of_a_second_reading_stays_out_of_the_layer(step: bytes) -> None:
    with pytest.raises(InputError, match="added to values"):
        graph(step, node("Add", ["i", "b"], "a"), node("Add", ["a", "h"], "z"), same=np.array([0, 0, D]))


def test_a_bias_of_some_tokens_stays_out_of_the_layer() -> None:
    with pytest.raises(InputError, match="added to values"):
        graph(node("Split", ["h"], ["i", "j"], axis=1, num_outputs=2), node("Add", ["i", "b"], "a"),
              node("Add", ["a", "j"], "z"))


def test_a_number_with_more_axes_than_the_value_is_refused() -> None:
    for step in (node("Mul", ["h", "c"], "z"), node("Add", ["h", "c"], "z")):
        with pytest.raises(InputError):
            graph(step, c=f4(1, 1, 1, 1))


def test_a_column_is_no_bias_of_a_gemm() -> None:
    with pytest.raises(InputError, match="no vector"):
        read_graph(model([node("Gemm", ["x", "w", "c"], "y")], {"w": f4(D, 3), "c": f4(3, 1)}, dims=(3, D)), "model")


def heads(axes: dict[str, int], opset: int = 20, apart: str = "qkv", twice: bool = False) -> GraphNetwork:
    steps = [node("Reshape", ["h", "one"], "h4")]
    named = {name: "h4" if name in apart else "h" for name in "qkv"}
    steps += [node("Transpose", [named["k"]], "t", perm=[0, 1, 3, 2] if "k" in apart else [0, 2, 1]),
              node("MatMul", [named["q"], "t"], "s"), node("Softmax", ["s"], "p", **axes),
              *([node("Softmax", ["p"], "p2")] if twice else []),
              node("MatMul", ["p2" if twice else "p", named["v"]], "a"), node("Reshape", ["a", "back"], "z")]
    return graph(*steps, opset=opset, rows=1, one=np.array([0, 1, T, D]), back=np.array([1, T, D]))


def test_a_softmax_without_an_axis_is_over_the_keys_from_opset_13_on() -> None:
    heads({}, 13), heads({"axis": 3}, 12), heads({"axis": -1}, 12)
    with pytest.raises(InputError, match="before opset 13"):
        heads({}, 12)


def test_a_softmax_of_a_softmax_is_refused() -> None:
    with pytest.raises(InputError, match="outside an attention"):
        heads({}, twice=True)


def test_a_function_in_the_place_of_an_operation_is_refused() -> None:
    content = model([FIRST, node("Relu", ["h"], "z"), *LAST], TENSORS, dims=(0, T, D),
                    extra=put(25, put(1, "Relu") + put(10, "")))
    with pytest.raises(InputError, match="in the place of an operation"):
        read_graph(content, "model")


def test_an_attention_of_values_with_different_axes_is_refused() -> None:
    with pytest.raises(InputError, match="3 and 4 axes"):
        heads({}, apart="kv")


def test_operations_from_before_opset_7_are_refused() -> None:
    with pytest.raises(InputError, match="opset 6"):
        graph(node("Add", ["h", "b"], "z", broadcast=1, axis=1), opset=6)


def test_whole_numbers_are_divided_towards_0() -> None:
    step = [node("Div", ["i", "j"], "c"), node("Cast", ["c"], "d", to=1), node("Mul", ["h", "d"], "z")]
    agrees(graph(*step, i=np.array(-7), j=np.array(2)), lambda h: -3 * h)
    with pytest.raises(InputError, match="fmod"):
        graph(node("Mod", ["i", "j"], "c", fmod=1), *step[1:], i=np.array(-7), j=np.array(2))


def test_a_number_for_one_row_alone_is_refused() -> None:
    with pytest.raises(InputError, match="how many rows"):
        graph(node("Shape", ["h"], "s", start=0, end=1), node("Equal", ["s", "one"], "c"),
              node("Where", ["c", "p", "q"], "d"), node("Mul", ["h", "d"], "z"), one=np.array([1]), p=f4(1), q=f4(1))


@pytest.mark.parametrize(("step", "shape"), [
    (node("Expand", ["p", "to"], "e"), (1, D)), (node("Gather", ["p", "twice"], "e"), (T, D))])
def test_one_parameter_at_several_tokens_is_refused(step: bytes, shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="no stored tensor"):
        graph(step, node("Relu", ["h"], "g"), node("Add", ["g", "e"], "z"), p=f4(*shape), to=np.array([T, D]),
              twice=np.array([0, 0, 1, 1]))
