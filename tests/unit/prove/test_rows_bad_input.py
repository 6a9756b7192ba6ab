"""Bad input to questions about rows: one line each, and nothing vacuous is called proved."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from certify import Problem, from_sklearn, stable_predictions
from certify.format.errors import InputError
from certify.network.network import Network

pytest.importorskip("sklearn")
from sklearn import linear_model as lm
from sklearn.svm import LinearSVC

LR, RC = lm.LogisticRegression, lm.RidgeClassifier
RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 3))
Y = (X[:, 0] > 0).astype(int)
ONE, TWO = np.eye(20, dtype=int)[0], np.eye(20, dtype=int)[0] + np.eye(20, dtype=int)[1]
SPARSE = SimpleNamespace(toarray=None)


def asked(estimator: Any, X: Any = X, y: Any = Y, of: Any = None, points: Any = X, **more: Any) -> Callable[[], Any]:
    """A question; `of` is what from_sklearn is given for y where it is not what was fitted."""
    def ask() -> Any:
        given = estimator.fit(X if isinstance(X, np.ndarray) and np.isfinite(X).all() else RNG.normal(size=(20, 3)), y)
        return stable_predictions(from_sklearn(given, X, y if of is None else of), points, **({"delete": 1} | more))

    return ask


def bare(decay: float, columns: int = 3, loss: str = "logistic") -> Callable[[], Any]:
    """The same of plain arrays."""
    def ask() -> Any:
        rows = X if columns == 3 else np.ones((20, columns))
        net = Network((np.ones((1, columns)),), (np.zeros(1),), "identity")
        problem = Problem(net, rows, None, "deletions", tuple(range(20)), labels=Y.astype(float), map="critical",
                          base="nearby", loss=loss, weight_decay=decay, set="sparse", count=1)
        return stable_predictions(problem, rows, delete=1)

    return ask


REFUSED = {
    "separable without decay": (asked(LR(C=np.inf)),
                                "C: inf; fit with a finite C: without a penalty the solution need not be stable"),
    "lambda 0, ridge": (asked(RC(alpha=0.0)),
                        "alpha: 0.0; fit with an alpha above 0: without a penalty the solution need not be stable"),
    "lambda 0, arrays": (bare(0.0), "weight_decay: no weight_decay, and without weight decay the solution need be "
                         "neither unique nor stable; give weight_decay"),
    "lambda 0, hinge": (bare(0.0, loss="squared_hinge"), "weight_decay: no weight_decay, and without weight decay the "
                        "solution need be neither unique nor stable; give weight_decay"),
    "lambda below 0": (bare(-1.0), "weight_decay: -1.0; give a finite number from 0 on"),
    "no penalty at all": (asked(lm.LinearRegression()), "weight_decay: plain least squares (LinearRegression) has no "
                          "penalty, and without weight decay the solution need be neither unique nor stable; ask "
                          "certify.prediction_change(problem, X_new, delete=3) how far predictions move, "
                          "certify.sign_survives(X, y, column) how many rows a coefficient survives, or fit Ridge with "
                          "an alpha above 0; to arrays give weight_decay"),
    "constant labels": (asked(LR(), of=0 * Y), "y: 1 of the 2 labels that the estimator was fitted to; give the "
                        "targets it was fitted to"),
    "constant labels, hinge": (asked(LinearSVC(), of=0 * Y), "y: 1 of the 2 labels that the estimator was fitted to; "
                               "give the targets it was fitted to"),
    "constant targets relabelled": (
        asked(lm.Ridge(), y=0.0 * Y + 1, delete=None, relabel=1, threshold=0.5),
        "parameter: labels, and all targets are the same; give targets of two labels or more"),
    "NaN in X": (asked(LR(), X=np.where((np.arange(20)[:, None] == 2) & (np.arange(3) == 1), np.nan, X)),
                 "X, row 2, column 1: nan; correct it, or leave it out: only finite numbers can be certified"),
    "NaN in y": (asked(LR(), of=np.where(np.arange(20) == 3, np.nan, Y)),
                 "y, entry 3: nan; give the targets it was fitted to"),
    "NaN in X_eval": (asked(LR(), points=np.array([[np.nan, 0.0, 0.0]])), "X_eval, row 0, column 0: nan; correct it, "
                      "or leave it out: only finite numbers can be certified"),
    "sparse X": (asked(LR(), X=SPARSE), "X: a sparse matrix; give X.toarray(), if it fits into memory"),
    "sparse X_eval": (asked(LR(), points=SPARSE),
                      "X_eval: a sparse matrix; give X_eval.toarray(), if it fits into memory"),
    "no time": (asked(LR(), seconds=0), "seconds: 0; give a number above 0"),
    "time that is no number": (asked(LR(), seconds=float("nan")), "seconds: nan; give a number above 0"),
    "more rows than there are": (asked(LR(), delete=21), "delete: 21 of 20 rows that may change; give at most 20"),
    "10^6 columns": (bare(0.1, 10**6), "X: 1000001 weights of the head (1000000 columns, 1 outputs); give at most "
                     "20000, e.g. fewer columns: a refit solves a system of that size"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_in_one_line(name: str) -> None:
    ask, line = REFUSED[name]
    with pytest.raises(InputError) as said:
        ask()
    assert str(said.value) == line


WORDS = {0: "ham", 1: "spam"}
OPEN = {
    "class with one row": (asked(LR(), y=ONE),
                           "class 1 has 1 rows, and without them the free intercept has no finite minimum"),
    "as many rows as the class has": (asked(LR(), y=TWO, delete=2),
                                      "class 1 has 2 rows, and without them the free intercept has no finite minimum"),
    "of the class may be relabelled": (asked(LR(), y=TWO, delete=None, relabel=2),
                                       "class 1 has 2 rows, and without them the free intercept has no finite minimum"),
    "class of words with two rows": (asked(LR(), y=np.array([WORDS[int(one)] for one in TWO]), delete=2),
                                     "class 'spam' has 2 rows, and without them the free intercept has no finite "
                                     "minimum"),
    "class of a number with two rows": (asked(LR(), y=TWO.astype(int) + 7, delete=2),
                                        "class 8 has 2 rows, and without them the free intercept has no finite "
                                        "minimum"),
    "all rows": (asked(LR(), delete=20), f"class 0 has {20 - Y.sum()} rows, and without them the free intercept has no "
                 "finite minimum"),
    "balanced weights of a class with one row": (
        asked(LinearSVC(class_weight="balanced"), y=ONE),
        "class 1 has 1 rows, and without them balanced weights have no meaning"),
    "balanced weights of the squared loss": (
        asked(RC(class_weight="balanced"), y=TWO, delete=2),
        "class 1 has 2 rows, and without them balanced weights have no meaning"),
    "counts of which one is above 0": (
        asked(lm.PoissonRegressor(), y=ONE * 1.0, threshold=-3.0),
        "1 rows have a target above 0, and without them the free intercept has no finite minimum"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", OPEN)
def test_nothing_is_proved_where_there_may_be_no_refit(name: str) -> None:
    ask, line = OPEN[name]
    found = ask()
    assert found.lower == 0 and len(found.attacked) == 0 and len(found.undecided) == 20
    assert line in found.reasons


@pytest.mark.parametrize(("estimator", "y", "count"), [(LinearSVC(), ONE, 1), (RC(fit_intercept=False), TWO, 2),
                                                      (LR(solver="liblinear"), ONE, 1)])
def test_a_minimum_without_a_class_is_said_to_be_one(estimator: Any, y: Any, count: int) -> None:
    """There is one, and answers are about it; scikit-learn would not fit."""
    with pytest.warns(UserWarning, match=f"a label has {count} rows?, and any {count} may be deleted: scikit-learn r"):
        found = asked(estimator, y=y, delete=count)()
    assert found.lower + len(found.attacked) + len(found.undecided) == 20
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asked(LinearSVC(tol=1e-9, max_iter=10**5))()


def test_of_three_classes_one_that_vanishes_is_never_predicted() -> None:
    """scikit-learn fits the other two without a word, so that what is answered is not what it would say."""
    three = np.where(np.arange(20) == 3, 2, Y)
    with pytest.warns(UserWarning, match="a label has 1 row, and any 1 may be deleted: scikit-learn then fits the ot"):
        asked(RC(), y=three, delete=1)()


def test_how_far_amounts_move_is_public_and_named_where_a_threshold_is_missing() -> None:
    import certify

    assert "prediction_change" in certify.__all__ and "prediction_change" in dir(certify)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(12, 2))
    y = X @ [1.0, 2.0]
    ridge = certify.from_sklearn(pytest.importorskip("sklearn.linear_model").Ridge().fit(X, y), X, y)
    with pytest.raises(certify.InputError, match=r"how far amounts move certify\.prediction_change\(problem"):
        certify.stable_predictions(ridge, X, delete=1)
