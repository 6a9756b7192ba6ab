"""Classes of a few rows: what is said of them holds for every model that scikit-learn trains again."""

from __future__ import annotations

from itertools import combinations, product
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, RidgeClassifier

import certify
from certify.prove.stored.vanishing import Classes
from certify.theorems.head.rows.squared.streamed.deletions import FLIPS, OPEN, STAYS, Deleted
from tests.effort import examples


def refits(model: RidgeClassifier, X: np.ndarray, y: np.ndarray, new: np.ndarray, kind: str, count: int) -> np.ndarray:
    """What every change leaves, with every refit that there is."""
    found, n = [], len(y)
    for m in range(count + 1):
        for rows in combinations(range(n), m):
            left = np.setdiff1d(np.arange(n), rows) if kind == "delete" else np.arange(n)
            for labels in product(*(sorted({*y.tolist()} - {y[i]}) for i in rows)) if kind == "relabel" else [()]:
                other = y.copy()
                other[list(rows)[:len(labels)]] = labels
                try:
                    found.append(RidgeClassifier(**model.get_params()).fit(X[left], other[left]).predict(new))
                except IndexError:  # of one class without an intercept it is not even that one
                    assert len(set(other[left])) == 1
    return np.array(found)


@pytest.mark.parametrize("seed", range(examples(24)))
def test_what_is_said_holds_for_every_refit(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng([5, seed])
    kind, classes, count = ("delete", "relabel")[seed % 2], int(rng.choice([2, 3])), int(rng.integers(1, 3))
    y = np.array([0, *rng.integers(1, classes, 11)] if classes == 2 else [0, 1, *rng.integers(1, 3, 6)])
    y[-1] = classes - 1
    X = rng.standard_normal((len(y), 2)) + 1.5 * np.eye(3, 2)[y % 3]
    new = 1.5 * rng.standard_normal((12, 2))
    model = RidgeClassifier(alpha=float(rng.choice([0.1, 3.0])), fit_intercept=bool(rng.integers(2))).fit(X, y)
    np.save(tmp_path / "rows.npy", X)
    found = certify.stored_predictions(model, tmp_path / "rows.npy", y, new, **{kind: count})
    after, today = refits(model, X, y, new, kind, count), model.predict(new)
    assert (after[:, found.proved] == today[found.proved]).all()
    assert (after[:, found.flipped] != today[found.flipped]).any(axis=0).all()
    rare = np.bincount(y)[today] <= count
    assert not rare[found.proved].any()
    if kind == "relabel":
        assert found.tolerated is not None and (found.tolerated[:, 0] < np.bincount(y)[today]).all()
    for j, rows in found.rows.items():
        left = np.setdiff1d(np.arange(len(y)), rows)
        assert RidgeClassifier(**model.get_params()).fit(X[left], y[left]).predict(new[[j]]) != today[j]


def test_a_class_that_vanishes_neither_stays_nor_wins() -> None:
    classes = Classes(np.array([0, 1, 1, 2, 2, 2]), np.array([1, 2, 3]))
    today = np.array([0, 1, 2, 2, 2])
    assert classes.others(today).tolist() == [2, 1, 1, 1, 1]
    lower, upper = classes.tolerated((np.array([4, 4, 1, -1, 0]), np.array([0, 0, 1, -1, 0])), today)
    assert lower.tolist() == [0, 1, 1, -1, 0] and upper.tolist() == [0, 6, 6, -1, 6]
    found = classes.deleted(Deleted(np.array([STAYS, STAYS, FLIPS, FLIPS, FLIPS]), {2: (0,), 3: (), 4: (1,)}, 0.1),
                            today, 1)
    assert found.status.tolist() == [OPEN, STAYS, OPEN, FLIPS, FLIPS] and found.rows == {3: (), 4: (1,)}
    assert "a class has 1 row, and" in classes.words(1) and not Classes(classes.own, classes.rows * 2).words(1)


def test_of_a_logistic_regression_all_classes_stay_and_the_answer_says_so(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    y = np.array([0, 0] + [1] * 60)
    X = rng.standard_normal((62, 2)) + y[:, None]
    np.save(tmp_path / "rows.npy", X)
    model = LogisticRegression().fit(X, y)
    for count, said in ((1, False), (2, True)):
        found = certify.stored_predictions(model, tmp_path / "rows.npy", y, X[:4], relabel=count)
        assert ("the classes those of the labels as they are" in found.words) is said
