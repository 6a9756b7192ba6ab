"""Estimators of scikit-learn as problems: the same minimum, and what is not known is refused."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from certify import bound, from_arrays, from_sklearn, stable_predictions
from certify.finders.head.refits import Refitter
from certify.format.errors import InputError
from certify.systems.head.rows.of_problem import head_of

linear_model = pytest.importorskip("sklearn.linear_model")
clone = pytest.importorskip("sklearn.base").clone
LR, RC, Ridge = linear_model.LogisticRegression, linear_model.RidgeClassifier, linear_model.Ridge


def data(classes: int = 2, n: int = 60, d: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(classes)
    y = rng.integers(classes, size=n)
    return rng.normal(size=(n, d)) + y[:, None] * 0.7 * np.sin(np.arange(d) + 1), y


def regression() -> tuple[np.ndarray, np.ndarray]:
    X, _ = data()
    return X, X @ np.array([1.0, -2.0, 0.5, 0.0]) + 3 + np.random.default_rng(1).normal(size=len(X))


@pytest.mark.parametrize("make", [
    lambda: (LR(tol=1e-9), *data()), lambda: (LR(C=0.1, tol=1e-9), *data(3)), lambda: (RC(), *data()),
    lambda: (LR(solver="liblinear", tol=1e-9), *data()), lambda: (LR(fit_intercept=False, tol=1e-9), *data()),
    lambda: (RC(alpha=5.0), *data(3)), lambda: (Ridge(), *regression()), lambda: (Ridge(alpha=20.0), *regression()),
    lambda: (RC(fit_intercept=False), *data()),
    lambda: (LR(tol=1e-9), data()[0], np.where(data()[1] > 0, "yes", "no")),
], ids=["logistic", "multinomial", "ridge classifier", "liblinear", "no intercept", "one against rest", "ridge",
        "ridge, alpha", "ridge classifier, no intercept", "words"])
def test_the_minimum_is_that_of_the_estimator(make: Any) -> None:
    """The exact minimum of the problem's loss is where the estimator stopped, up to its tolerance."""
    estimator, X, y = make()
    estimator.fit(X, y)
    head = head_of(from_sklearn(estimator, X, y))
    V = Refitter(head).V0
    W = np.atleast_2d(estimator.coef_)
    assert np.abs(V[:, : W.shape[1]] - W).max() < 1e-3
    if estimator.fit_intercept:  # of several classes only differences are determined without decay
        off = V[:, -1] - estimator.intercept_
        assert np.abs(off - (off.mean() if isinstance(estimator, LR) else 0)).max() < 1e-3
    else:
        assert V.shape == W.shape


def test_predictions_are_those_of_the_estimator() -> None:
    X, y = data(3)
    estimator = LR().fit(X, y)
    found = stable_predictions(from_sklearn(estimator, X, y), X[:9], delete=1)
    assert [one.label for one in found.rows()] == estimator.predict(X[:9]).tolist()
    assert found.lower + len(found.attacked) + len(found.undecided) == 9 and found.lower > 0


@pytest.mark.parametrize(("estimator", "said"), [
    (LR(C=np.inf), "C: inf; fit with a finite C"),
    (LR(l1_ratio=0.5, solver="saga", max_iter=9), "penalty: 'elasticnet', l1_ratio 0.5; fit with the l2 penalty"),
    (LR(l1_ratio=1.0, solver="saga", max_iter=9), "penalty: 'l1', l1_ratio 1.0; fit with the l2 penalty"),
    (LR(solver="liblinear", intercept_scaling=2.0), "solver: liblinear with a scaled intercept"),
    (RC(alpha=0.0), "alpha: 0.0; fit with an alpha above 0"), (Ridge(alpha=0.0), "alpha: 0.0"),
    (Ridge(positive=True), "positive: True"),
    (linear_model.BayesianRidge(), "estimator: BayesianRidge; use one of LogisticRegression"),
])
@pytest.mark.filterwarnings("ignore")
def test_options_that_are_not_known_are_refused(estimator: Any, said: str) -> None:
    X, y = data()
    with pytest.raises(InputError, match=said) as caught:
        from_sklearn(estimator.fit(X, y), X, y)
    assert "\n" not in str(caught.value)


@pytest.mark.filterwarnings("ignore")
def test_the_l1_penalty_is_refused() -> None:
    X, y = data()
    with pytest.raises(InputError, match="penalty: 'l1'"):
        from_sklearn(LR(penalty="l1", solver="liblinear").fit(X, y), X, y)


@pytest.mark.parametrize("estimator", [LR(), RC(), Ridge()])
def test_an_estimator_that_is_not_fitted_is_refused(estimator: Any) -> None:
    with pytest.raises(InputError, match="that is not fitted; call fit first"):
        from_sklearn(estimator, *data())


def test_several_alphas_are_refused() -> None:
    X, y = regression()
    both = np.column_stack([y, -y])
    with pytest.raises(InputError, match="alpha: 2 numbers"):
        from_sklearn(Ridge(alpha=np.array([1.0, 2.0])).fit(X, both), X, both)


@pytest.mark.parametrize(("change", "said"), [
    (lambda X, y: (SimpleNamespace(toarray=None), y), "X: a sparse matrix; give X.toarray"),
    (lambda X, y: (X[:, :3], y), "X: 3 columns; the estimator was fitted to 4"),
    (lambda X, y: (X[:9], y), r"X, y: shapes \(9, 4\) and \(60,\)"), (lambda X, y: (X[:, 0], y), r"X: shape \(60,\)"),
    (lambda X, y: (X + np.where(np.arange(4) == 2, np.nan, 0), y), "X, row 0, column 2: nan"),
    (lambda X, y: (np.full(X.shape, "a"), y), "X: numbers of type"), (lambda X, y: (X, 3), "X, y: shapes"),
    (lambda X, y: (X, y + 5), "y: labels that the estimator was not fitted to"),
    (lambda X, y: (X, 0 * y), "y: 1 of the 2 labels that the estimator was fitted to"),
])
def test_data_that_do_not_fit_are_refused(change: Any, said: str) -> None:
    X, y = data()
    with pytest.raises(InputError, match=said):
        from_sklearn(LR().fit(X, y), *change(X, y))


@pytest.mark.parametrize(("change", "said"), [
    (lambda y: np.where(y > 3, np.nan, y), "y, entry .*: nan"), (lambda y: np.column_stack([y, y]), "2 targets a row")])
def test_targets_that_do_not_fit_are_refused(change: Any, said: str) -> None:
    X, y = regression()
    with pytest.raises(InputError, match=said):
        from_sklearn(Ridge().fit(X, y), X, change(y))


def test_columns_of_a_table_in_another_order_are_refused() -> None:
    pandas = pytest.importorskip("pandas")
    X, y = data()
    table = pandas.DataFrame(X, columns=list("abcd"))
    estimator = LR().fit(table, y)
    problem = from_sklearn(estimator, table, pandas.Series(y))
    assert problem.names == ("a", "b", "c", "d")
    assert stable_predictions(problem, table[:5], delete=1).lower == stable_predictions(problem, X[:5], delete=1).lower
    with pytest.raises(InputError, match="X: column 0 is 'd', where the training data has 'a'"):
        from_sklearn(estimator, table[list("dabc")], y)
    with pytest.raises(InputError, match="X_eval: column 2 is 'd'"):
        stable_predictions(problem, table[list("abdc")], delete=1)


@pytest.mark.parametrize("estimator", [LR(fit_intercept=False, tol=1e-12, C=0.1),
                                       Ridge(fit_intercept=False, alpha=20.0)], ids=["logistic", "ridge"])
def test_features_of_a_model_without_intercept_may_move(estimator: Any) -> None:
    """All of its weights carry decay (Q6): refits to moved rows stay within both bounds, and with one it is refused."""
    X, y = data() if isinstance(estimator, LR) else regression()
    points, rng = X[:5], np.random.default_rng(2)
    problem = from_sklearn(estimator.fit(X, y), X, y)
    assert problem.bias_decay and problem.network.biases == (None,)
    question = {"parameter": "features", "set": "per_sample", "radius": 0.01, "count": None, "evaluation": points}
    ends = {name: bound(replace(problem, **question), name) for name in ("distance", "prediction_change")}
    assert all(one.upper is not None and 0 < one.lower < one.upper for one in ends.values())
    farthest = 0.0
    slopes = np.outer(np.ones(len(X)), estimator.coef_)
    for step in (slopes, -slopes, *(rng.normal(size=X.shape) for _ in range(8))):
        moved = X + 0.01 * (1 - 1e-9) * step / np.linalg.norm(step, axis=1)[:, None]
        again = clone(estimator).fit(moved, y).coef_ - estimator.coef_
        farthest = max(farthest, float(np.linalg.norm(again)))
        assert np.linalg.norm(again) < ends["distance"].upper
        assert np.abs(points @ np.ravel(again)).max() < ends["prediction_change"].upper
    assert farthest > 0.01 * ends["distance"].upper
    free = type(estimator)(**{**estimator.get_params(), "fit_intercept": True}).fit(X, y)
    with pytest.raises(InputError, match="every weight that moves carries the decay"):
        replace(from_sklearn(free, X, y), **question)
    given = from_arrays(estimator.coef_, None, X, y, loss=str(problem.loss), weight_decay=problem.weight_decay,
                        bias_decay=False)
    assert given.bias_decay
