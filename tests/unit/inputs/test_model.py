"""Models: natural order, pairs, shapes; what does not fit says both shapes."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import save

from certify.format.errors import InputError
from certify.inputs import read_network
from certify.inputs.model import natural, widths_of
from certify.spec import parse_spec
from tests.families.small import SPEC, tensors


def read(folder, model, spec=SPEC):
    content = model if isinstance(model, bytes) else save(model)
    (folder / "model.safetensors").write_bytes(content)
    return read_network(parse_spec(spec.encode()), folder)


def refusal(folder, model, spec=SPEC):
    with pytest.raises(InputError) as caught:
        read(folder, model, spec)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_values_arrive_exactly_and_in_order(tmp_path):
    widths = (2,) * 13
    model = tensors(widths=widths)
    spec = SPEC.replace("[3, 8, 1]", str(list(widths)))
    network = read(tmp_path, dict(reversed(model.items())), spec)
    for h, (W, b) in enumerate(zip(network.weights, network.biases, strict=True)):
        assert np.array_equal(W, model[f"{2 * h}.weight"]) and np.array_equal(b, model[f"{2 * h}.bias"])
    assert widths_of(tmp_path / "model.safetensors") == list(widths)


def test_natural_order():
    keys = ["10.weight", "9.weight", "a10.weight", "a9.weight", "a.weight", "2.1.weight", "2.weight"]
    assert sorted(keys, key=natural) == [
        "2.1.weight", "2.weight", "9.weight", "10.weight", "a9.weight", "a10.weight", "a.weight"]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int8])
def test_narrow_types_are_upcast_exactly(tmp_path, dtype):
    model = {key: (4 * value).astype(dtype) for key, value in tensors().items()}
    network = read(tmp_path, model)
    assert np.array_equal(network.weights[0], model["0.weight"].astype(float))
    assert all(W.dtype == np.float64 for W in network.weights)


def test_biases_may_be_missing_layer_by_layer(tmp_path):
    model = tensors()
    del model["0.bias"]
    network = read(tmp_path, model)
    assert network.biases[0] is None and network.biases[1] is not None


@pytest.mark.parametrize("spec_widths, parts", [
    ("[3, 9, 1]", ["'0.weight' has shape (8, 3)", "widths [3, 9, 1] need (9, 3)", "fits widths = [3, 8, 1]"]),
    ("[4, 8, 1]", ["has shape (8, 3)", "need (8, 4)"]),
    ("[3, 8, 2]", ["'2.weight' has shape (1, 8)", "need (2, 8)"]),
    ("[3, 1]", ["2 weights ('0.weight', '2.weight')", "widths [3, 1] need 1"]),
    ("[3, 8, 8, 1]", ["2 weights", "need 3", "fits widths = [3, 8, 1]"]),
])
def test_wrong_widths_say_both_shapes(tmp_path, spec_widths, parts):
    message = refusal(tmp_path, tensors(), SPEC.replace("[3, 8, 1]", spec_widths))
    assert all(part in message for part in parts), message


def change(**more):
    model = tensors()
    for key, value in more.items():
        name = key.replace("_", ".").removeprefix("l")
        model[name] = value
    return {key: value for key, value in model.items() if value is not None}


def with_nan():
    W = tensors()["0.weight"]
    W[5, 2] = np.nan
    return W


@pytest.mark.parametrize("model, parts", [
    ({key: value.T.copy() for key, value in tensors().items()}, ["transpose the weights"]),
    (change(l0_bias=np.zeros(7)), ["'0.bias' has shape (7,)", "need (8,)"]),
    (change(l0_bias=np.zeros((8, 1))), ["'0.bias' has shape (8, 1)"]),
    (change(l0_weight=np.zeros((8, 3, 1))), ["has shape (8, 3, 1)"]),
    (change(l0_weight=None), ["'0.bias' has no '0.weight'"]),
    (change(running_mean=np.zeros(3)), ["the key 'running.mean' is neither a weight nor a bias"]),
    (change(scale=np.zeros(3)), ["the key 'scale' is neither"]),
    (change(l0_weight=with_nan()), ["'0.weight' in model file", "row 5, column 2: nan"]),
    (change(l2_bias=np.array([np.inf])), ["'2.bias'", "entry 0: inf"]),
    (change(l2_bias=np.array([2**53 + 1])), ["'2.bias'", "beyond 2^53"]),
    ({}, ["no tensor in it"]),
])
def test_models_that_do_not_fit(tmp_path, model, parts):
    message = refusal(tmp_path, model)
    assert all(part in message for part in parts), message
