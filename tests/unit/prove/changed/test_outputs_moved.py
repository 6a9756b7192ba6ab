"""`certify.prediction_change` of wrong labels and of logistic heads: every refit lies between both ends."""

from __future__ import annotations

import warnings
from dataclasses import replace
from itertools import combinations, product
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeClassifier

import certify
from certify.finders.head.changed import Changed
from certify.format.errors import InputError
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.of_problem import head_of
from certify.theorems.head.rows.motions import bent

N, COUNT = 14, 2


def table(outputs: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng([outputs, 4])
    X, points = rng.normal(size=(N, 2)), rng.normal(size=(4, 2))
    scores = X @ rng.normal(size=2) + rng.normal(size=N)
    return X, points, scores.argsort().argsort() * max(outputs, 2) // N  # no label may lose all its rows


def refits(model: Any, X: np.ndarray, y: np.ndarray, relabel: bool) -> Any:
    """Outputs after every change of at most two rows, at the points."""
    labels = np.unique(y)
    for size in range(1, COUNT + 1):
        for rows in combinations(range(N), size):
            if not relabel:
                left = np.setdiff1d(np.arange(N), rows)
                yield model.fit(X[left], y[left])
                continue
            for new in product(*([c for c in labels if c != y[i]] for i in rows)):
                changed = y.copy()
                changed[list(rows)] = new
                yield model.fit(X, changed)


def outputs_of(model: Any, points: np.ndarray) -> np.ndarray:
    found = model.decision_function(points) if hasattr(model, "decision_function") else model.predict(points)
    return np.asarray(found).reshape(len(points), -1)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("kind", "outputs", "relabel", "apart"), [
    (Ridge(0.5), 1, True, 1.000001), (LinearRegression(), 1, True, 1.000001), (RidgeClassifier(0.5), 1, True, 1.000001),
    (RidgeClassifier(0.5), 3, True, 1.15), (LogisticRegression(C=0.1, tol=1e-12), 1, True, 1.3),
    (LogisticRegression(C=0.1, tol=1e-12), 1, False, 1.3)], ids=str)
def test_every_refit_lies_between_both_ends(kind: Any, outputs: int, relabel: bool, apart: float) -> None:
    X, points, y = table(outputs)
    target = y.astype(float) if kind.__class__ in (Ridge, LinearRegression) else y
    today = outputs_of(kind.fit(X, target), points)
    found = certify.prediction_change(certify.from_sklearn(kind, X, target), points, seconds=5.0,
                                      **{"relabel" if relabel else "delete": COUNT})
    moved = np.array([outputs_of(one, points) - today for one in refits(kind, X, target, relabel)])
    far = np.linalg.norm(moved, axis=2).max(axis=0)
    slack = 1e-6 if isinstance(kind, LogisticRegression) else 1e-9
    assert (found.lower <= far * (1 + slack)).all()
    assert (far <= found.upper * (1 + slack)).all()
    assert (-moved.min(axis=0) <= found.falls * (1 + slack) + 1e-12).all()
    assert (moved.max(axis=0) <= found.rises * (1 + slack) + 1e-12).all()
    assert (found.upper <= found.lower * apart).all()
    assert (found.labels is not None) == (relabel and hasattr(kind, "decision_function"))
    for j, rows in enumerate(found.rows):  # the rows that are named move it that far
        gone, new = rows[rows >= 0], target.copy()
        if not relabel:
            left = np.setdiff1d(np.arange(N), gone)
            again = kind.fit(X[left], target[left])
        else:
            new[gone] = found.labels[j] if found.labels is not None else 1.0 - new[gone]
            again = kind.fit(X, new)
        step = float(np.linalg.norm(outputs_of(again, points)[j] - today[j]))
        assert step == pytest.approx(found.lower[j], rel=1e-3 if isinstance(kind, LogisticRegression) else 1e-9)


@pytest.mark.filterwarnings("ignore")
def test_what_it_is_not_for() -> None:
    X, points, y = table(3)
    three = certify.from_sklearn(LogisticRegression().fit(X, y), X, y)
    with pytest.raises(InputError, match="cross_entropy"):
        certify.prediction_change(three, points, relabel=1)
    amounts = X[:, 0] + 0.1
    ridge = certify.from_sklearn(Ridge().fit(X, amounts), X, amounts)
    with pytest.raises(InputError, match="distinct"):
        certify.prediction_change(ridge, points, relabel=1)
    plain = certify.from_sklearn(LinearRegression().fit(X, amounts), X, amounts)
    with pytest.raises(InputError, match="distinct"):
        certify.prediction_change(plain, points, relabel=1)
    for more in ({}, {"delete": 1, "relabel": 1}, {"relabel": 0}, {"relabel": N + 1}, {"relabel": {0: 1}}):
        with pytest.raises(InputError):
            certify.prediction_change(ridge, points, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("relabels", [True, False])
@pytest.mark.parametrize("seed", range(8))
def test_a_box_bounds_weights_and_outputs(seed: int, relabels: bool) -> None:
    """Against every refit of small heads (D24 of motions)."""
    rng = np.random.default_rng([seed, 24])
    X, points = rng.normal(size=(N, 2)), rng.normal(size=(3, 2))
    y = np.where(X[:, 0] + rng.normal(size=N) > 0, 1, -1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = LogisticRegression(C=[0.05, 0.2][seed % 2], tol=1e-10, fit_intercept=seed % 4 < 2).fit(X, y)
        problem = certify.from_sklearn(model, X, y)
    head = head_of(replace(problem, parameter="labels" if relabels else "deletions", set="sparse", count=COUNT,
                           map="critical", base="nearby", evaluation=points))
    change = RowChange(relabels, COUNT, tuple(range(N)))
    found = bent.box_of(head, change, lambda: 20.0)
    if found is None:
        return
    box = found[0]
    ways, far = bent.outputs_bent(box, head.points, lambda: 20.0), bent.weights_bent(box)[0]
    solver = Changed(head)
    most, low, high = 0.0, np.zeros(3), np.zeros(3)
    for choices in change.every(head):
        D = (solver.settled(choices, solver.solve(choices)) - solver.V0)[:, 0]
        F = D @ head.points.T
        most = max(most, float(np.linalg.norm(D, axis=1).max()))
        low, high = np.maximum(low, (-F).max(axis=0)), np.maximum(high, F.max(axis=0))
    assert most <= far * (1 + 1e-9) <= 3 * most
    assert (low <= ways.falls * (1 + 1e-9)).all()
    assert (high <= ways.rises * (1 + 1e-9)).all()
    assert (ways.falls <= 2 * np.maximum(low, 1e-9)).all()
    assert not np.isfinite(bent.outputs_bent(box, head.points, lambda: 0.0).falls).any()
