"""Weights as arrays become the problem they are meant as; what changes the mathematics is asked for by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from certify import from_arrays, stable_predictions
from certify.finders.head.refits import Refitter
from certify.format.errors import InputError
from certify.network.layers.passes import forward, known_weights
from certify.rigor.arithmetic import Binary64
from certify.systems.head.rows.of_problem import head_of

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(40, 3)), np.arange(40) % 2
X[:, 0] += 2.0 * Y
DEEP = [RNG.normal(size=(4, 3)), RNG.normal(size=(2, 4))]
REAL = X @ np.array([1.0, 2.0, -1.0]) + 0.1 * RNG.normal(size=40)


def outputs(problem: Any) -> np.ndarray:
    net = problem.network
    return np.asarray(forward(net, known_weights(net), problem.X, Binary64()).output.mid.hi)


def test_a_linear_model_gives_the_question_of_left_out_rows() -> None:
    problem = from_arrays([1.0, 0.0, 0.5], 0.25, X, Y, loss="logistic", weight_decay=0.1, bias_decay=False)
    assert (str(problem.parameter), str(problem.set), problem.count, problem.bias_decay) == (
        "deletions", "sparse", 1, False)
    assert np.allclose(outputs(problem)[:, 0], X @ [1.0, 0.0, 0.5] + 0.25)
    V = Refitter(head_of(problem)).V0
    fitted = from_arrays(V[:, :3], V[:, 3], X, Y, loss="logistic", weight_decay=0.1, bias_decay=False)
    found = stable_predictions(fitted, X[:10], delete=1)
    assert found.distance < 1e-6 and found.lower > 5


@pytest.mark.parametrize("decay", [True, False])
def test_several_layers_give_the_question_of_all_of_them_where_there_is_one(decay: bool) -> None:
    problem = from_arrays(DEEP, [np.zeros(4), None], X, Y, activation="tanh", weight_decay=0.05, bias_decay=decay)
    assert str(problem.loss) == "cross_entropy"  # the only one that fits
    assert (problem.layer, str(problem.parameter)) == (("all", "features") if decay else (2, "deletions"))
    assert np.allclose(outputs(problem), np.tanh(X @ DEEP[0].T) @ DEEP[1].T)


@pytest.mark.filterwarnings("ignore:the exact minimum")
def test_the_last_layer_answers_for_a_network_and_that_is_said() -> None:
    problem = from_arrays(DEEP, None, X, Y, activation="relu", weight_decay=0.05)
    with pytest.warns(UserWarning, match="of the 2 layers the last alone is trained again, and the others stay"):
        found = stable_predictions(problem, X[:8], delete=1)
    V = Refitter(found.head).V0
    trained = from_arrays([DEEP[0], V], None, X, Y, activation="relu", weight_decay=0.05)
    with pytest.warns(UserWarning, match="the last alone"):
        again = stable_predictions(trained, X[:8], delete=1)
    features = np.maximum(X @ DEEP[0].T, 0)
    head = from_arrays(V, None, features, Y, loss="cross_entropy", weight_decay=0.05)
    plain = stable_predictions(head, features[:8], delete=1)
    assert again.distance < 1e-6 and again.lower == plain.lower > 0


@pytest.mark.parametrize(("weights", "biases"), [
    (np.ones(3), None), (np.ones((1, 3)), None), ([1, 1, 1], None), ([[1, 1, 1]], None), ([np.ones(3)], None),
    (np.ones(3), 0.0), (np.ones(3), [0.0]), (np.ones(3), np.zeros(1)), ([np.ones((1, 3))], [np.zeros(1)]),
    ([np.ones((1, 3))], [None]), (tuple(np.ones(3)), None)])
def test_a_linear_model_may_be_written_in_many_ways(weights: Any, biases: Any) -> None:
    problem = from_arrays(weights, biases, X, REAL, loss="squared", weight_decay=0.1)
    assert problem.network.widths == (3, 1) and np.allclose(outputs(problem)[:, 0], X.sum(axis=1))


def test_words_are_labels_and_tables_have_names() -> None:
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(X, columns=["a", "b", "c"])
    words = pandas.Series(np.where(Y > 0, "spam", "ham"))
    problem = from_arrays(np.ones(3), None, table, words, loss="logistic", weight_decay=0.1)
    assert problem.names == ("a", "b", "c") and problem.classes == ("ham", "spam")
    assert np.array_equal(problem.labels, Y)


def test_tensors_and_datasets_are_taken() -> None:
    torch = pytest.importorskip("torch")
    layer = torch.nn.Linear(3, 2)
    data = torch.utils.data.TensorDataset(torch.tensor(X, dtype=torch.float32), torch.tensor(Y))
    problem = from_arrays([layer.weight], [layer.bias], data, loss="cross_entropy", weight_decay=0.1)
    with torch.no_grad():
        assert np.allclose(outputs(problem), layer(data.tensors[0]).numpy(), atol=1e-6)


def test_without_weight_decay_it_is_said_why_left_out_rows_have_no_answer() -> None:
    problem = from_arrays(np.ones(3), 0.0, X, REAL, loss="squared")
    assert str(problem.parameter) == "features"
    with pytest.raises(InputError, match="without weight decay the solution need be neither unique nor stable"):
        stable_predictions(problem, X[:2], delete=1, threshold=0.0)


@pytest.mark.parametrize(("change", "said"), [
    ({"activation": None}, "activation: not given, and the network has 2 layers; give activation = the one it was"),
    ({"activation": "rellu"}, "unknown name 'rellu'"), ({"loss": "hinge"}, "loss: 'hinge'; use one of squared"),
    ({"weights": np.ones(3), "biases": None, "y": REAL}, "loss: not given, and several fit the targets; give loss = "
     "'squared' or 'huber'"),
    ({"weights": np.ones(3), "biases": None}, "give loss = 'squared' or 'logistic' or 'squared_hinge'"),
    ({"weights": [DEEP[0], DEEP[1][:1]], "y": np.full(40, "a")}, "y: 1 different labels, of a network with 1 outputs"),
    ({"weights": np.ones(4), "biases": None}, "weights: a first layer of shape .1, 4., and X has 3 columns"),
    ({"weights": DEEP[0].T, "biases": None}, "give weights of 3 inputs"),
    ({"weights": [W.T for W in DEEP[::-1]]}, "a first layer of shape .4, 2., and X has 3 columns"),
    ({"weights": DEEP[0][:, :3].T @ DEEP[0], "y": REAL, "loss": "squared", "biases": None}, "give .40, 3. numbers"),
    ({"biases": np.zeros(2)}, "biases: one array; give a list of 2"), ({"biases": [None]}, "biases: 1 of them; give 2"),
    ({"biases": [np.zeros(3), None]}, r"biases\[0\]: 3 numbers; give 4"), ({"y": None}, "y: not given"),
    ({"y": Y[:9]}, r"X, y: shapes \(40, 3\) and \(9,\)"), ({"y": Y + 5}, "loss: not given, and none fits targets"),
    ({"y": Y + 1, "loss": "cross_entropy"}, "y, entry 1: label 2; labels are 0 … 1, one for each output"),
    ({"y": np.where(Y > 0, "a", "b"), "loss": "squared"}, "y: labels that are words, with the squared loss; use a"),
    ({"names": ["a"]}, "names: 1 of them; give 3"), ({"normalization": "mean"}, "normalization: 'mean'; use one of"),
    ({"weights": np.ones((1, 1, 3)), "biases": None}, r"weights: shape \(1, 1, 3\)"),
    ({"weights": np.full((2, 3), np.nan), "biases": None}, "weights, row 0, column 0: nan"),
    ({"weight_decay": -1.0}, "weight_decay: -1.0"), ({"X": [[1.0, np.inf, 0.0]] * 40}, "X, row 0, column 1: inf"),
])
def test_what_is_not_stated_or_does_not_fit_is_refused(change: dict[str, Any], said: str) -> None:
    given = {"weights": DEEP, "biases": None, "X": X, "y": Y, "activation": "tanh", "weight_decay": 0.05}
    with pytest.raises(InputError, match=said) as caught:
        from_arrays(**given | change)
    assert "\n" not in str(caught.value)
