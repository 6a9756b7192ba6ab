"""Noise in a feature that a scaler prepares is counted in the units of the feature."""

from __future__ import annotations

import numpy as np
import pytest

import certify
from certify.format.errors import InputError


@pytest.mark.parametrize("scaler", ["StandardScaler", "MinMaxScaler", "MaxAbsScaler", "RobustScaler"])
def test_no_noise_of_the_proved_size_exceeds_the_level(scaler):
    from sklearn import preprocessing
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    pandas = pytest.importorskip("pandas")
    rng = np.random.default_rng(3)
    X = rng.normal(size=(30, 3)) * [1.0, 50.0, 0.01] + [0.0, 400.0, 1.0]
    y = (X[:, 1] + 20 * rng.normal(size=30) > 400).astype(int)
    table = pandas.DataFrame(X, columns=["age", "dose", "rate"])
    model = make_pipeline(getattr(preprocessing, scaler)(), LogisticRegression(C=10.0)).fit(table, y)
    found = certify.audit(certify.from_sklearn(model, table, y), ask="noise in dose", level=0.6)
    (answer,) = found.answers
    assert "dose of every training row may be off by up to" in answer.sentence
    said = float(answer.sentence.partition("by up to ")[2].partition(",")[0])

    def loss(shift):
        moved = table.assign(dose=table["dose"] + shift)
        z = model.decision_function(moved)
        return np.logaddexp(0.0, np.where(y == 1, -z, z)).mean()

    W = model[-1].coef_[0, 1]
    worst = np.where(y == 1, -1.0, 1.0) * np.sign(W)  # every row towards the other label
    assert loss(said * worst) <= 0.6
    past = float(answer.sentence.partition("some change of at most ")[2].split()[0])
    assert loss(past * worst) > 0.6 * (1 - 1e-6)
    for _ in range(20):
        assert loss(said * rng.uniform(-1, 1, 30)) <= 0.6


def test_an_amount_in_raw_units_decides():
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    pandas = pytest.importorskip("pandas")
    rng = np.random.default_rng(4)
    X = pandas.DataFrame(rng.normal(size=(25, 2)) * [1.0, 200.0], columns=["a", "b"])
    y = X["a"] + X["b"] / 100
    problem = certify.from_sklearn(make_pipeline(StandardScaler(), Ridge()).fit(X, y), X, y)
    small = certify.audit(problem, ask="noise", noise={"b": 0.1})
    large = certify.audit(problem, ask="noise", noise={"b": 1e4})
    assert (small.verdict, large.verdict) == ("certified", "refuted")
    with pytest.raises(InputError, match="there is no column 'c'"):
        certify.audit(problem, ask="noise", noise={"c": 1.0})
