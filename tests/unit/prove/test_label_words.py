"""Labels are those of y, words or any numbers, wherever a user gives them or reads them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from certify import from_sklearn, stable_predictions, tolerated_changes
from certify.format.errors import InputError

pytest.importorskip("sklearn")
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.svm import LinearSVC

RNG = np.random.default_rng(3)
X = RNG.normal(size=(30, 2))
NEW = RNG.normal(size=(12, 2))
TWO = (X[:, 0] > 0).astype(int)
THREE = TWO + (X[:, 1] > 0.2)
WORDS = [(3, 8), ("ham", "spam"), (1, 2), (-1, 1), (0, 1), (False, True), (1, 2, 3), ("a", "b", "c"), (0, 2, 5)]


@pytest.mark.parametrize("words", WORDS, ids=str)
@pytest.mark.parametrize("kind", [LogisticRegression, LinearSVC, RidgeClassifier])
def test_accuracy_and_labels_are_those_of_the_estimator(kind: Any, words: tuple[Any, ...]) -> None:
    y = np.array(words)[TWO if len(words) == 2 else THREE]
    fitted = kind().fit(X, y)
    found = stable_predictions(from_sklearn(fitted, X, y), NEW, relabel=1, seconds=5)
    said = fitted.predict(NEW)
    assert [one.label for one in found.rows()] == said.tolist()
    assert found.to_frame()["label"].tolist() == said.tolist()
    assert len(found.accuracy(said).today) == len(NEW)
    assert len(found.accuracy(said.tolist()).today) == len(NEW)
    assert found.accuracy(said).lower == found.lower / len(NEW)
    mixed = np.array(words)[RNG.integers(0, len(words), len(NEW))]
    assert len(found.accuracy(mixed).today) == int((mixed == said).sum())
    for first in (words[0], words[-1]):  # rows of one label alone
        alone = np.full(len(NEW), first)
        assert len(found.accuracy(alone).today) == int((alone == said).sum())


@pytest.mark.parametrize("kind", [LogisticRegression, RidgeClassifier])
def test_what_flips_a_prediction_is_said_in_the_words_of_y(kind: Any) -> None:
    y = np.array(["ham", "spam"])[TWO]
    fitted = kind(tol=1e-10).fit(X, y)
    w, b = np.ravel(fitted.coef_), float(np.ravel(fitted.intercept_)[0])
    near = np.array([(side * 1e-3 - b) * w / (w @ w) for side in (1, -1)])  # on either side of the boundary
    problem = from_sklearn(fitted, X, y)
    found = stable_predictions(problem, near, relabel=1)
    for i in (0, 1):
        witness = found.witness(i)
        assert witness is not None and witness.labels is not None
        row = witness.rows[0]
        assert witness.labels == ("spam" if y[row] == "ham" else "ham",)
        other = y.copy()
        other[row] = witness.labels[0]
        assert kind(tol=1e-10).fit(X, other).predict(near)[i] != fitted.predict(near)[i]
        gone = stable_predictions(problem, near, delete=2).witness(i)
        assert gone is None or gone.labels is None
        both = stable_predictions(problem, near, delete=1, relabel=1).witness(i)
        assert both is not None and both.labels is not None and both.targets is not None
        for label, target in zip(both.labels, both.targets, strict=True):
            assert (label is None) == bool(np.isnan(target[0]))


def test_tolerated_changes_say_the_words_too() -> None:
    y = np.array(["<ham>", "spam"])[TWO]
    fitted = RidgeClassifier().fit(X, y)
    found = tolerated_changes(from_sklearn(fitted, X, y), NEW, "relabel", most=2, seconds=5)
    assert [one.label for one in found.rows()] == fitted.predict(NEW).tolist()
    assert "<ham>" not in found._repr_html_()


def test_labels_that_are_none_are_refused_in_one_line() -> None:
    y = np.array(["ham", "spam"])[TWO]
    problem = from_sklearn(RidgeClassifier().fit(X, y), X, y)
    found = stable_predictions(problem, NEW, delete=1)
    for wrong, said in ((["ham"] * 11 + ["eggs"], "y_eval, row 11: label 'eggs'; the labels are 'ham', 'spam'"),
                        ([0] * 12, "y_eval, row 0: label 0; the labels are 'ham', 'spam'"),
                        (["ham"] * 3, "y_eval: shape (3,) for 12 evaluation rows; give one label a row")):
        with pytest.raises(InputError) as caught:
            found.accuracy(wrong)
        assert str(caught.value) == said
    for fitted in (RidgeClassifier().fit(X, y), LogisticRegression().fit(X, y)):
        with pytest.raises(InputError, match="not fitted to, first 0 in row 0; give the targets .*: 'ham', 'spam'"):
            from_sklearn(fitted, X, np.zeros(30, dtype=int).astype(object))
        with pytest.raises(InputError, match="labels that the estimator was not fitted to"):
            from_sklearn(fitted, X, TWO)


@pytest.mark.parametrize("kind", [
    lambda: LinearSVC(tol=1e-10, max_iter=100_000), lambda: LogisticRegression(tol=1e-10, class_weight="balanced"),
    lambda: LinearSVC(tol=1e-10, max_iter=100_000, class_weight={"ham": 2.0}),
    lambda: RidgeClassifier(class_weight="balanced")])
def test_stated_rows_of_every_loss_and_weight_are_those_of_training_again(kind: Any) -> None:
    y = np.array(["ham", "spam"])[TWO]
    fitted, points = kind().fit(X, y), np.vstack([NEW, 0.1 * X])
    problem, left = from_sklearn(fitted, X, y), np.arange(30) >= 8
    new = {row: "spam" if y[row] == "ham" else "ham" for row in range(6)}
    other = y.copy()
    other[list(new)] = list(new.values())
    for found, again in ((stable_predictions(problem, points, delete=range(8)), kind().fit(X[left], y[left])),
                         (stable_predictions(problem, points, relabel=new), kind().fit(X, other))):
        flipped = np.flatnonzero(again.predict(points) != fitted.predict(points))
        assert len(found.undecided) == 0 and found.attacked.tolist() == flipped.tolist()


def test_a_label_that_a_row_has_is_named_in_the_words_of_y() -> None:
    y = np.array(["ham", "spam"])[TWO]
    problem = from_sklearn(RidgeClassifier().fit(X, y), X, y)
    with pytest.raises(InputError) as caught:
        stable_predictions(problem, NEW, relabel={4: str(y[4])})
    assert str(caught.value) == (f"relabel, row 4: label {str(y[4])!r}, which it has already; list the rows whose "
                                 "labels change, and give them others")
    assert repr(problem) == ("Problem(30 rows, widths [2, 1], 1 output, map 'critical', base 'nearby', loss 'squared', "
                             f"weight_decay {1 / 30:g}, parameter 'deletions', set 'sparse')")


@pytest.mark.parametrize("words", [(0, 1), ("ham", "spam"), (5, 3)])
@pytest.mark.parametrize("kind", ["add", "replace"])
def test_the_label_of_a_new_row_is_one_of_y(words, kind):
    """As it is given, the witness can be put beside the training rows, and a fit anew flips the prediction."""
    rng = np.random.default_rng(0)
    X, points = rng.normal(size=(40, 2)), 0.3 * rng.normal(size=(20, 2))
    y = np.array(words)[(X[:, 0] + 0.5 * rng.normal(size=40) > 0).astype(int)]
    model = LogisticRegression(tol=1e-9).fit(X, y)
    found = stable_predictions(from_sklearn(model, X, y), points, seconds=10, **{kind: 3})
    assert len(found.attacked)
    i = found.attacked[0]
    witness = found.witness(i)
    new, labels = zip(*witness.new, strict=True)
    assert set(labels) <= set(words) and len(labels) <= 3
    kept = np.setdiff1d(np.arange(40), witness.rows)
    again = LogisticRegression(tol=1e-9).fit(np.vstack([X[kept], new]), np.concatenate([y[kept], labels]))
    assert again.predict(points[[i]]) != model.predict(points[[i]])
