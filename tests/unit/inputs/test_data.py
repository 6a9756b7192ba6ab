"""Data: names, shapes, labels or numbers; every refusal names the array and what would fit."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import save

from certify.format.errors import CertifyError
from certify.inputs import read_data
from certify.inputs.data import load_evaluation, load_reference
from certify.spec import parse_spec
from tests.families.small import SPEC, features

X = features()
Y = np.linspace(-1, 1, 10)
TWO = SPEC.replace("[3, 8, 1]", "[3, 8, 2]")
CE = '[training]\nloss = "cross_entropy"\n'
LOGISTIC = '[training]\nloss = "logistic"\n'
TARGETS = '[perturbation]\nparameter = "targets"\n'
NO_NAMES = SPEC.replace('features = "X"\ntargets = "y"\n', "")


def read(folder, spec=SPEC, **arrays):
    np.savez(folder / "train.npz", **arrays)
    return read_data(parse_spec(spec.encode()), folder)


def refusal(folder, spec=SPEC, **arrays):
    with pytest.raises(CertifyError) as caught:
        read(folder, spec, **arrays)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_numbers(tmp_path):
    found, y, labels = read(tmp_path, X=X.astype(np.float32), y=Y)
    assert np.array_equal(found, X.astype(np.float32)) and found.dtype == np.float64
    assert y.shape == (10, 1) and np.array_equal(y[:, 0], Y) and labels is None
    assert read(tmp_path, X=X, y=Y[:, None])[1].shape == (10, 1)
    assert read(tmp_path, TWO, X=X, y=np.ones((10, 2), dtype=int))[1].dtype == np.float64


def test_arrays_that_are_not_asked_for_are_left_alone(tmp_path):
    names = np.array(["a", "b"], dtype=object)
    assert len(read(tmp_path, X=X, y=Y, names=names)[0]) == 10


def test_safetensors_data(tmp_path):
    (tmp_path / "train.safetensors").write_bytes(save({"X": X, "y": Y}))
    found, y, _ = read_data(parse_spec(SPEC.replace(".npz", ".safetensors").encode()), tmp_path)
    assert np.array_equal(found, X) and np.array_equal(y[:, 0], Y)


def test_default_features_are_all_but_the_targets(tmp_path):
    assert np.array_equal(read(tmp_path, NO_NAMES, inputs=X)[0], X)
    assert np.array_equal(read(tmp_path, SPEC.replace('features = "X"\n', ""), inputs=X, y=Y)[0], X)
    assert read(tmp_path, NO_NAMES, inputs=X)[1:] == (None, None)
    assert "'X', 'y' could be meant" in refusal(tmp_path, NO_NAMES, X=X, y=Y)


def test_labels(tmp_path):
    classes = np.arange(10) % 2
    for spec, values in ((TWO + CE, classes), (TWO + CE, classes[:, None]), (SPEC + LOGISTIC, 2.0 * classes - 1),
                         (SPEC + LOGISTIC, classes), (SPEC + LOGISTIC, classes.astype(bool))):
        _, y, labels = read(tmp_path, spec, X=X, y=values)
        assert y is None and labels.dtype == np.int64 and np.array_equal(labels, np.ravel(values).astype(int))


def test_probabilities(tmp_path):
    p = np.full((10, 2), 0.5)
    assert read(tmp_path, TWO + CE, X=X, y=p)[1].shape == (10, 2)
    p[4] = (0.5, 0.6)
    assert "row 4: no row of probabilities" in refusal(tmp_path, TWO + CE, X=X, y=p)
    p[4] = (-0.5, 1.5)
    assert "row 4: no row of probabilities" in refusal(tmp_path, TWO + CE, X=X, y=p)


def with_value(array, index, value):
    array = array.copy()
    array[index] = value
    return array


@pytest.mark.parametrize("spec, arrays, parts", [
    (SPEC, {"x": X, "y": Y}, ["no array named 'X'", "it holds 'x', 'y'", "did you mean 'x'?"]),
    (SPEC, {"X": X, "target": Y}, ["no array named 'y', which data.targets asks for", "'X', 'target'"]),
    (SPEC, {"X": X[:, 0], "y": Y}, ["shape (10,), features are (rows, 3)", "X.reshape(-1, 1)"]),
    (SPEC, {"X": X[:, None], "y": Y}, ["shape (10, 1, 3)", "X.reshape(10, -1)"]),
    (SPEC, {"X": np.array(1.0), "y": Y}, ["shape ()"]),
    (SPEC, {"X": X[:, :2], "y": Y}, ["shape (10, 2), widths [3, 8, 1] need (10, 3)"]),
    (SPEC, {"X": X[:0], "y": Y[:0]}, ["empty (shape (0, 3))"]),
    (SPEC, {"X": X, "y": Y[:9]}, ["shape (9,) for 10 rows"]),
    (SPEC, {"X": X, "y": np.array(1.0)}, ["shape () for 10 rows"]),
    (SPEC, {"X": X, "y": np.ones((10, 2))}, ["shape (10, 2), widths [3, 8, 1] need (10, 1)"]),
    (TWO, {"X": X, "y": Y}, ["shape (10,), widths [3, 8, 2] need (10, 2)", 'take training.loss = "cross_entropy"']),
    (TWO + CE, {"X": X, "y": np.zeros(10)}, ["need (10, 2)", "class numbers have to be integers"]),
    (SPEC, {"X": with_value(X, (3, 2), np.nan), "y": Y}, ["array 'X'", "row 3, column 2: nan"]),
    (SPEC, {"X": X, "y": with_value(Y, 7, np.inf)}, ["array 'y'", "entry 7: inf"]),
    (SPEC, {"X": X, "y": np.full(10, 2**53 + 1)}, ["array 'y'", "beyond 2^53"]),
    (SPEC, {"X": X.astype(complex), "y": Y}, ["array 'X'", "complex128"]),
    (SPEC, {"X": X.astype(object), "y": Y}, ["array 'X'", "object array"]),
    (SPEC, {"X": X.astype(str), "y": Y}, ["array 'X'", "words", "store numbers"]),
    (SPEC.replace('"X"', '["X"]'), {"X": X, "y": Y}, ["a list of columns is for .csv and .parquet files", "'X', 'y'"]),
    (TWO + CE, {"X": X, "y": np.arange(10)}, ["entry 2: label 2; labels are 0 … 1"]),
    (TWO + CE, {"X": X, "y": np.full(10, -1)}, ["entry 0: label -1"]),
    (SPEC + LOGISTIC, {"X": X, "y": Y}, ["entry 1", "-1 and 1, or 0 and 1"]),
    (SPEC + LOGISTIC, {"X": X, "y": np.ones((10, 2))}, ["labels are one a row"]),
    (TWO + CE + TARGETS, {"X": X, "y": np.zeros(10, int)}, ["class labels, which cannot move a little", '"features"']),
    (SPEC + LOGISTIC + TARGETS, {"X": X, "y": np.zeros(10, int)}, ["class labels"]),
])
def test_refusals(tmp_path, spec, arrays, parts):
    message = refusal(tmp_path, spec, **arrays)
    assert all(part in message for part in parts), message


@pytest.mark.parametrize("asked, arrays, parts", [
    ('[evaluation]\nfile = "e.npz"\nfeatures = "Z"\n', {"X": X}, ["correct evaluation.features"]),
    ('[evaluation]\nfile = "e.npz"\n', {"Z": X}, ["evaluation.features asks for", "correct evaluation.features"]),
    ('[evaluation]\nfile = "e.npz"\n', {"X": X[:, :2]}, ["shape (10, 2)", "the features that the training data have"]),
    ('[weights]\nnorm = "function"\nreference = "e.npz"\n', {"Z": X}, ["correct data.features"]),
    ('[weights]\nnorm = "function"\nreference = "e.npz"\n', {"X": X[:, :2]}, ["the features that the training data"]),
    ('[evaluation]\nfile = "e.npz"\n', {"X": X * np.inf}, ["row 0, column 0", "correct it, or leave it out"]),
])
def test_other_files_name_the_key_that_is_theirs(asked, arrays, parts, tmp_path):
    gate = '[[gate]]\nquantity = "{}"\nmax = 1\n'
    evaluated = "evaluation" in asked
    extra = asked + gate.format("first_order_prediction_change" if evaluated else "modulus")
    spec = parse_spec((SPEC + ("[perturbation]\nradius = 1\n" if evaluated else "") + extra).encode())
    np.savez(tmp_path / "e.npz", **arrays)
    load = load_evaluation if evaluated else load_reference
    with np.errstate(invalid="ignore"), pytest.raises(CertifyError) as caught:
        load(spec, tmp_path, (3, 8, 1))
    assert "\n" not in str(caught.value) and all(part in str(caught.value) for part in parts), caught.value
    assert not ("evaluation" in asked and "data.features" in str(caught.value))
