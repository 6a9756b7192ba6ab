"""Linear models in .npz files, under the names that people give their arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from certify import from_arrays
from certify.format.errors import InputError
from certify.inputs.linear_file import linear_of

W, B = np.arange(6.0).reshape(2, 3), np.array([0.5, -1.0])


def stored(folder: Path, **arrays: Any) -> Path:
    np.savez(folder / "model.npz", **arrays)
    return folder / "model.npz"


@pytest.mark.parametrize(("arrays", "biased"), [
    ({"coef": W, "intercept": B}, True), ({"coef_": W, "intercept_": B}, True), ({"W": W, "b": B}, True),
    ({"weight": W.astype("f4"), "bias": B}, True), ({"weights": W, "biases": B[:, None]}, True), ({"w": W}, False)])
def test_weights_and_biases_come_back(arrays: dict[str, Any], biased: bool, tmp_path: Path) -> None:
    weights, biases = linear_of(stored(tmp_path, **arrays))
    assert np.array_equal(weights, W) and (np.array_equal(biases, B) if biased else biases is None)
    problem = from_arrays(weights, biases, np.eye(3), [0, 1, 1], loss="cross_entropy", weight_decay=0.1)
    assert np.array_equal(problem.network.weights[0], W)


@pytest.mark.parametrize(("w", "b"), [(W[0], 0.5), (W[0], np.array([0.5])), (W[:1], np.array(0.5)), (W[0], None)])
def test_a_vector_is_one_output(w: Any, b: Any, tmp_path: Path) -> None:
    weights, biases = linear_of(stored(tmp_path, w=w, **({} if b is None else {"b": b})))
    assert np.array_equal(weights, W[:1]) and (biases is None if b is None else biases.tolist() == [0.5])


@pytest.mark.parametrize(("arrays", "said"), [
    ({"X": W}, "it holds 'X', and nothing that is called weights; save one array named coef and one named intercept"),
    ({"coef": W, "classes": B}, "it holds 'classes' beside weights and biases"),
    ({"bias": B}, "it holds 'bias', and no weights; name them coef"),
    ({"coef": W, "w": W}, "it holds 'coef', 'w', and each could be meant; save one of them"),
    ({"coef": W, "bias": B, "b": B}, "'bias', 'b', and each could be meant"),
    ({"coef": W.T, "bias": B}, "array 'bias' in .*: 2 numbers, and 'coef' has 3 outputs; give one for every output; "),
    ({"coef": W, "bias": np.ones(5)}, "5 numbers, and 'coef' has 2 outputs; give one for every output$"),
    ({"coef": W[None]}, r"shape \(1, 2, 3\)"), ({"coef": W * np.nan}, "row 0, column 0: nan"),
    ({"coef": W + 1j}, "numbers of type complex128"),
    ({"coef": np.array([{}, 1], dtype=object)}, "an object array, which is a pickle"),
])
def test_what_is_no_linear_model_is_refused(arrays: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=said) as caught:
        linear_of(stored(tmp_path, **arrays))
    assert "\n" not in str(caught.value)


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        linear_of(tmp_path / "none.npz")
    (tmp_path / "a.npz").write_bytes(b"coef")
    with pytest.raises(InputError, match="not an .npz file, or damaged"):
        linear_of(tmp_path / "a.npz")
