"""Estimators around others, and answers with several labels: a refusal with a next step, and the step works."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import certify
from certify.format.errors import InputError

pytest.importorskip("sklearn")
from sklearn import ensemble, multiclass, multioutput
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.naive_bayes import ComplementNB
from sklearn.svm import SVR

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

RNG = np.random.default_rng(4)
X = RNG.normal(size=(24, 2))
REAL = X[:, 0] + RNG.normal(size=24)
Y = (REAL > 0.5).astype(int)
TWO = np.c_[Y, X[:, 1] > 0].astype(int)
LR = LogisticRegression(tol=1e-10)


@pytest.mark.parametrize(("estimator", "y", "said"), [
    (multioutput.MultiOutputClassifier(LR), TWO, r"each column of y; .*estimators_\[j\] with y\[:, j\]"),
    (multioutput.ClassifierChain(LR), TWO, r"estimators_\[0\] with y\[:, model.order_\[0\]\]"),
    (CalibratedClassifierCV(LR), Y, "fit the estimator in it .*--probability"),
    (ensemble.VotingClassifier([("a", LR)]), Y, "give one of model.estimators_ at a time"),
    (ensemble.StackingClassifier([("a", LR)]), Y, "give one of model.estimators_ at a time"),
    (ensemble.BaggingClassifier(LR), Y, "rows and columns it was fitted to"),
    (FixedThresholdClassifier(LR, threshold=0.3), Y, "give model.estimator_, .*--probability P"),
    (ComplementNB(), Y, "by means of classes.*fit LogisticRegression"),
    (SVR(), REAL, "fit Ridge, or with a kernel KernelRidge"),
], ids=lambda value: type(value).__name__)
def test_every_kind_has_a_next_step(estimator: Any, y: Any, said: str) -> None:
    with pytest.raises(InputError, match=f"^estimator: {type(estimator).__name__}, .*{said}"):
        certify.from_sklearn(estimator.fit(abs(X), y), abs(X), y)


def test_the_steps_work() -> None:
    several = multioutput.MultiOutputClassifier(LR).fit(X, TWO)
    assert certify.from_sklearn(several.estimators_[1], X, TWO[:, 1]).n == 24
    chain = multioutput.ClassifierChain(LR).fit(X, TWO)
    assert certify.from_sklearn(chain.estimators_[0], X, TWO[:, chain.order_[0]]).n == 24
    inner = FixedThresholdClassifier(LR, threshold=0.3).fit(X, Y)
    problem = certify.from_sklearn(inner.estimator_, X, Y)
    at = float(np.log(0.3 / 0.7))
    assert ((inner.estimator_.decision_function(X) > at) == inner.predict(X)).all()
    assert len(certify.stable_predictions(problem, X, delete=1, threshold=at).proved)


def test_several_labels_of_a_row_are_called_so() -> None:
    model = multiclass.OneVsRestClassifier(LR).fit(X, TWO)
    with pytest.raises(InputError, match=r"^y: 2 labels a row; fit one estimator for each column, to y\[:, j\]"):
        certify.from_sklearn(model, X, TWO)
    assert certify.from_sklearn(model.estimators_[1], X, TWO[:, 1]).n == 24


def test_balanced_weights_of_two_labels_against_the_rest_are_those_of_fits_anew() -> None:
    def fit(rows: Any, labels: Any) -> Any:
        inner = LogisticRegression(tol=1e-12, max_iter=1000, class_weight="balanced")
        return multiclass.OneVsRestClassifier(inner).fit(rows, labels)

    model = fit(X, Y)
    new = RNG.normal(size=(30, 2))
    found = certify.stable_predictions(certify.from_sklearn(model, X, Y), new, delete=1, seconds=10)
    flips = np.zeros(30, dtype=bool)
    for i in range(24):
        left = np.arange(24) != i
        flips |= fit(X[left], Y[left]).predict(new) != model.predict(new)
    assert flips.any() and not len(found.undecided)
    assert found.attacked.tolist() == np.flatnonzero(flips).tolist()


@pytest.mark.parametrize("fit", [lambda: (PoissonRegressor(tol=1e-10).fit(X, Y + 1.0), Y + 1.0, None),
                                 lambda: (Ridge().fit(X, REAL, sample_weight=Y + 1.0), REAL, Y + 1.0)])
def test_the_call_that_a_refusal_names_gives_a_bound(fit: Any) -> None:
    model, y, weights = fit()
    problem = certify.from_sklearn(model, X, y, sample_weight=weights)
    with pytest.raises(InputError) as caught:
        certify.prediction_change(problem, X[:3], delete=2)
    call = str(caught.value).partition("together ask ")[2]
    found = eval(call, {"certify": certify, "problem": problem, "X_new": X[:3]})
    assert call.startswith("certify.audit(") and found.verdict == "certified"


def test_no_weight_decay_is_advised_where_a_label_may_lose_all_its_rows() -> None:
    problem = certify.from_sklearn(LR.fit(X, Y), X, Y)
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        found = certify.stable_predictions(problem, X[:3], delete=int(Y.sum()), seconds=3)
    assert len(found.undecided) and "no method applies where a label may lose all its rows; give so few" in str(found)
    assert "weight decay" not in str(found)
    assert any(f"a label has {Y.sum()} rows, and" in str(one.message) for one in heard)
