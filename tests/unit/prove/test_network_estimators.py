"""MLPClassifier and MLPRegressor: outputs, loss and gradient are the estimator's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from certify import from_sklearn, stable_predictions
from certify.format.errors import InputError
from certify.network.layers.passes import forward, known_weights
from certify.network.loss.losses import LOSSES
from certify.rigor.arithmetic import Binary64

pytest.importorskip("sklearn")
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

RNG = np.random.default_rng(3)
X = RNG.normal(size=(50, 4))
TWO, THREE = (X[:, 0] > 0).astype(int), np.digitize(X[:, 1], [-0.5, 0.5])
REAL = X @ RNG.normal(size=(4, 2)) + 0.1 * RNG.normal(size=(50, 2))
FULL: dict[str, Any] = {"hidden_layer_sizes": (6, 5), "solver": "lbfgs", "max_iter": 7, "alpha": 0.3, "random_state": 0}

pytestmark = pytest.mark.filterwarnings("ignore:.*lbfgs failed:UserWarning", "ignore:Stochastic Optimizer",
                                         "ignore:.*refits of its last layer alone")


def outputs(problem: Any) -> np.ndarray:
    net = problem.network
    return np.asarray(forward(net, known_weights(net), problem.X, Binary64()).output.mid.hi)


def loss_of(problem: Any, f: np.ndarray | None = None) -> float:
    """The stated training loss in floats."""
    loss = LOSSES[problem.loss]
    aims = loss.aims(*problem.read_by_loss, problem.outputs)
    f = outputs(problem) if f is None else f
    decayed = sum(float((W**2).sum()) for W in problem.network.weights)
    return float(np.mean(loss.rough(f, aims)[0])) + problem.weight_decay / 2 * decayed


CASES = [
    (MLPClassifier, TWO, {"activation": "relu"}), (MLPClassifier, THREE, {"activation": "tanh"}),
    (MLPClassifier, np.where(TWO > 0, "yes", "no"), {"activation": "logistic"}),
    (MLPRegressor, REAL[:, 0], {"activation": "tanh"}), (MLPRegressor, REAL, {"activation": "relu"}),
    (MLPRegressor, REAL[:, 0], {"activation": "identity"}), (MLPClassifier, TWO, {"hidden_layer_sizes": (3,)}),
    (MLPClassifier, TWO, {"hidden_layer_sizes": ()})]


@pytest.mark.parametrize(("kind", "y", "options"), CASES)
def test_outputs_and_loss_are_the_estimators(kind: Any, y: Any, options: dict[str, Any]) -> None:
    estimator = kind(**FULL | options).fit(X, y)
    problem = from_sklearn(estimator, X, y)
    f = outputs(problem)
    if kind is MLPRegressor:
        assert np.allclose(f, estimator.predict(X).reshape(f.shape), rtol=1e-12)
    else:
        p = estimator.predict_proba(X)
        own = np.log(p[:, 1:] / p[:, :1])
        assert np.allclose(f if f.shape[1] == 1 else f[:, 1:] - f[:, :1], own, atol=1e-9)
        assert problem.classes == tuple(estimator.classes_.tolist())
    assert (problem.weight_decay, problem.bias_decay) == (0.3 / 50, False)
    if y.ndim == 1:
        assert loss_of(problem) == pytest.approx(estimator.loss_, rel=1e-6)


@pytest.mark.parametrize(("kind", "y", "options"), CASES)
def test_the_gradient_is_the_one_the_estimator_descends_along(kind: Any, y: Any, options: dict[str, Any]) -> None:
    """Of several outputs too, whose printed loss is divided by their number and whose gradient is not."""
    torch = pytest.importorskip("torch")
    estimator = kind(**FULL | options).fit(X, y)
    problem = from_sklearn(estimator, X, y)
    loss = LOSSES[problem.loss]
    aims = loss.aims(*problem.read_by_loss, problem.outputs)
    slopes = torch.tensor(loss.rough_slopes(outputs(problem), aims))
    weights = [torch.tensor(W).requires_grad_() for W in problem.network.weights]
    biases = [torch.tensor(b).requires_grad_() for b in problem.network.biases]
    a = torch.tensor(X)
    act = {"relu": torch.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid, "identity": lambda z: z}
    for h, (W, b) in enumerate(zip(weights, biases, strict=True)):
        a = a @ W.T + b
        a = act[problem.network.activation](a) if h < len(weights) - 1 else a
    ((a * slopes).sum() / len(X) + problem.weight_decay / 2 * sum((W**2).sum() for W in weights)).backward()
    _, coefs, intercepts = backprop(estimator, y)
    for W, own in zip(weights, coefs, strict=True):
        assert np.allclose(W.grad.numpy().T, own, atol=1e-10)
    for b, own in zip(biases, intercepts, strict=True):
        assert np.allclose(b.grad.numpy(), own, atol=1e-10)


def backprop(estimator: Any, y: Any) -> Any:
    """The estimator's own loss and gradient at its weights."""
    targets = estimator._label_binarizer.transform(y) if isinstance(estimator, MLPClassifier) else y.reshape(len(X), -1)
    layers = [X, *([None] * (estimator.n_layers_ - 1))]
    deltas = [None] * (estimator.n_layers_ - 1)
    return estimator._backprop(X, targets, None, layers, deltas, list(estimator.coefs_), list(estimator.intercepts_))


def test_batches_meet_the_penalty_each_and_that_is_said() -> None:
    still = MLPClassifier((3,), solver="sgd", learning_rate_init=1e-300, batch_size=20, max_iter=1, alpha=0.5)
    still.fit(X, TWO)
    with pytest.warns(UserWarning, match="MLPClassifier: it met its penalty 3 times a round"):
        problem = from_sklearn(still, X, TWO)
    assert problem.weight_decay == 0.5 * 3 / 50 and problem.normalization == "remaining"
    assert loss_of(problem) == pytest.approx(still.loss_, rel=1e-9)


@pytest.mark.parametrize(("y", "kind"), [(TWO, MLPClassifier), (THREE, MLPClassifier), (REAL[:, 0], MLPRegressor)])
def test_the_last_layer_of_a_training_to_its_end_is_a_minimum(y: Any, kind: Any) -> None:
    exact = {"max_iter": 20_000, "max_fun": 10**6, "tol": 1e-12, "alpha": 1.0}
    estimator = kind(**FULL | exact | {"hidden_layer_sizes": (3,), "activation": "tanh"}).fit(X, y)
    threshold = None if kind is MLPClassifier else float(np.median(y))
    found = stable_predictions(from_sklearn(estimator, X, y), X[:20], delete=1, threshold=threshold)
    assert found.distance < 1e-3 * np.linalg.norm(found.head.V) and found.lower > 5
    if kind is MLPClassifier:
        assert [one.label for one in found.rows()] == estimator.predict(X[:20]).tolist()


def test_a_pipeline_before_it_is_taken_and_counts_its_loss_too() -> None:
    net = MLPRegressor(**FULL | {"loss": "poisson"})
    counts = np.random.default_rng(0).poisson(2.0, size=50).astype(float)
    estimator = make_pipeline(StandardScaler(), net).fit(X * 5, counts)
    with pytest.warns(UserWarning, match="StandardScaler before MLPRegressor"):
        problem = from_sklearn(estimator, X * 5, counts)
    assert problem.loss == "poisson" and np.allclose(np.exp(outputs(problem)[:, 0]), estimator.predict(X * 5))


@pytest.mark.parametrize(("estimator", "y", "change", "said"), [
    (MLPClassifier(early_stopping=True), TWO, {}, "early_stopping: True; fit with early_stopping=False"),
    (MLPClassifier(), np.column_stack([TWO, 1 - TWO]), {}, "y: 2 labels a row; fit one estimator for each column"),
    (MLPClassifier(), TWO, {"n": 49}, "X: 49 rows, and the estimator was fitted to another number"),
    (MLPRegressor(loss="poisson"), np.abs(REAL), {}, "loss: 'poisson' of 2 outputs; fit one estimator for each"),
    (MLPRegressor(), REAL, {"y": REAL[:, 0]}, "y: 1 targets a row; the estimator was fitted to 2"),
    (MLPClassifier(), TWO, {"columns": 3}, "X: 3 columns; the estimator was fitted to 4"),
    (MLPClassifier(), TWO, {"sample_weight": np.ones(50)}, "MLPClassifier, which divides by their sum"),
    (MLPClassifier(alpha=0.0, hidden_layer_sizes=(2,)), TWO, {"delete": 1}, "weight_decay: no weight_decay"),
])
@pytest.mark.filterwarnings("ignore:of the 2 layers")
def test_what_changes_the_mathematics_is_refused(estimator: Any, y: Any, change: dict[str, Any], said: str) -> None:
    fitted = estimator.set_params(max_iter=3).fit(X, y)
    n, columns = change.get("n", 50), change.get("columns", 4)
    with pytest.raises(InputError, match=said) as caught:
        problem = from_sklearn(fitted, X[:n, :columns], change.get("y", y)[:n], change.get("sample_weight"))
        stable_predictions(problem, X[:2], delete=change["delete"])
    assert "\n" not in str(caught.value)


def test_one_that_is_not_fitted_is_refused() -> None:
    with pytest.raises(InputError, match="MLPClassifier that is not fitted; call fit first"):
        from_sklearn(MLPClassifier(), X, TWO)


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_that_the_last_layer_alone_is_trained_again_is_said(solver: str) -> None:
    """Its own fit anew trains all layers, and nothing is proved of that."""
    given = MLPClassifier((4,), solver=solver, alpha=0.5, max_iter=2000, random_state=0).fit(X, TWO)
    with pytest.warns(UserWarning, match="refits of its last layer alone, and the others stay as they are"):
        from_sklearn(given, X, TWO)
