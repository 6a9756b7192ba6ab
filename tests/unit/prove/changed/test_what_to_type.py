"""What a refused question is told to ask instead can be typed as it is, and answers."""

from __future__ import annotations

import re

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor

import certify
from certify.format.errors import InputError

RNG = np.random.default_rng(0)
X, X_NEW = RNG.normal(size=(30, 2)), RNG.normal(size=(4, 2))
COUNTS, LABELS = RNG.poisson(np.exp(0.3 * X[:, 0] + 0.5)), np.arange(30) % 3
CALL = r"certify\.\w+\(problem, X_new(?:, [^()]*)?\)"


def told(problem, **change):
    """The calls that a refusal of `prediction_change` names, and the whole of it."""
    with pytest.raises(InputError) as caught:
        certify.prediction_change(problem, X_NEW, **change)
    said = str(caught.value)
    assert "dataclasses" not in said
    return re.findall(CALL, said), said


@pytest.mark.parametrize(("model", "y", "change"), [
    (PoissonRegressor(alpha=1, tol=1e-10), COUNTS, {"delete": 1}),
    (PoissonRegressor(alpha=1, tol=1e-10), COUNTS, {"delete": 2}),
    (LogisticRegression(tol=1e-10), LABELS, {"relabel": 1})])
def test_what_is_asked_instead_answers(model, y, change):
    problem = certify.from_sklearn(model.fit(X, y), X, y)
    calls, _ = told(problem, **change)
    assert len(calls) == 1 + (change == {"delete": 1})
    for call in calls:
        found = eval(call, {"certify": certify, "problem": problem, "X_new": X_NEW})  # noqa: S307
        assert np.isfinite(found.lower).all() if "leave_one_out" in call else found.verdict == "certified"


def test_amounts_without_a_threshold_name_what_bounds_them():
    problem = certify.from_sklearn(PoissonRegressor(alpha=1, tol=1e-10).fit(X, COUNTS), X, COUNTS)
    with pytest.raises(InputError) as caught:
        certify.stable_predictions(problem, X_NEW, delete=2)
    calls = re.findall(CALL, str(caught.value))
    assert calls == ['certify.audit(problem, X_new, delete=2, ask="rows deleted")',
                     "certify.leave_one_out(problem, X_new)"]


def test_plain_least_squares_is_told_of_what_is_its_own():
    y = X @ [1.0, -1.0] + RNG.normal(size=30)
    with pytest.warns(UserWarning, match="it has no penalty"):
        problem = certify.from_sklearn(LinearRegression().fit(X, y), X, y)
    for ask in (lambda: certify.leave_one_out(problem, X_NEW), lambda: certify.tolerated_changes(
            problem, X_NEW, "delete", threshold=0.0), lambda: certify.stable_predictions(problem, X_NEW, delete=1)):
        with pytest.raises(InputError, match=r"prediction_change\(problem, X_new, delete=3\)"):
            ask()
    assert np.isfinite(certify.prediction_change(problem, X_NEW, delete=3).upper).all()
    assert certify.sign_survives(X, y, 0) is not None
