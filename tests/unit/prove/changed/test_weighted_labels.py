"""Wrong labels of logistic regressions with class weights, against every fit anew by scikit-learn."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from certify import from_sklearn, stable_predictions, tolerated_changes

NEAR = 1e-6


def data(seed: int, n: int = 15) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng([22, seed])
    y = (np.arange(n) % 3 == 0).astype(np.int64)
    X = rng.normal(size=(n, 2)) + 1.2 * y[:, None]
    return X, y, 2.5 * rng.normal(size=(40, 2)) + 0.6


def least(X: np.ndarray, y: np.ndarray, points: np.ndarray, most: int, fit: Any) -> list[np.ndarray]:
    """For 0 to `most` changed labels the least output, times the sign of today's, of fits anew."""
    today, found = np.sign(fit.decision_function(points)), []
    for r in range(most + 1):
        low = np.full(len(points), np.inf)
        for rows in combinations(range(len(X)), r):
            new = y.copy()
            new[list(rows)] = 1 - new[list(rows)]
            low = np.minimum(low, today * LogisticRegression(**fit.get_params()).fit(X, new).decision_function(points))
        found.append(low if not found else np.minimum(low, found[-1]))
    return found


@pytest.mark.filterwarnings("ignore:class_weight")
@pytest.mark.parametrize("weight", [{0: 1.0, 1: 2.5}, "balanced"])
def test_predictions_stay_and_survive_as_fits_anew_say(weight: Any) -> None:
    X, y, points = data(0)
    fit = LogisticRegression(C=0.2, tol=1e-10, max_iter=5000, class_weight=weight).fit(X, y)
    problem, low = from_sklearn(fit, X, y), least(X, y, points, 2, fit)
    found = stable_predictions(problem, points, relabel=2)
    assert len(found.undecided) <= 2 and len(found.proved) > 5 and len(found.attacked) > 5
    assert (low[2][found.proved] > -NEAR).all() and (low[2][found.attacked] < NEAR).all()
    many = tolerated_changes(problem, points, "relabel", most=2)
    assert (many.lower[found.proved] == 2).all()
    for r in (1, 2):
        assert (low[r][many.lower >= r] > -NEAR).all() and (low[r][many.upper < r] < NEAR).all()
