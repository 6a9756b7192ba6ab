"""Noise in a feature that a scaler prepares is counted in the units of the feature."""

from __future__ import annotations

import re
from types import SimpleNamespace

import numpy as np
import pytest

import certify
from certify.auditing.questions.base import Options
from certify.auditing.questions.noise import level
from certify.cli.main import main
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


@pytest.mark.parametrize("scale", [0.1, 3.0])
def test_the_default_level_is_the_one_that_the_help_says(scale: float, capsys: pytest.CaptureFixture[str]) -> None:
    """A tenth more, and of a network that fits well what 1 % of a constant prediction's loss is more."""
    y = np.array([[0.0], [2.0], [4.0], [6.0]])
    today = scale * 0.5 * float(y.var())
    subject = SimpleNamespace(y=y, fit=SimpleNamespace(value=today))
    found = level(subject, Options())
    assert found == pytest.approx(max(1.1 * today, today + 0.01 * 0.5 * float(y.var())), rel=0.01)
    small = level(SimpleNamespace(y=y, fit=SimpleNamespace(value=0.001)), Options())
    assert small == pytest.approx(0.001 + 0.025, rel=0.01)
    assert main(["audit", "--help"]) == 0
    assert "1 % of that of a constant prediction" in " ".join(re.sub("[│|]", " ", capsys.readouterr().out).split())


@pytest.mark.parametrize("name", ["MinMaxScaler", "MaxAbsScaler"])
def test_a_scaler_that_clips_does_not_move_as_far_as_its_columns(name):
    """Beyond the ranges of training the loss stays: no amount in a column's own units exceeds this level."""
    from sklearn import preprocessing
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    pandas = pytest.importorskip("pandas")
    rng = np.random.default_rng(3)
    X = rng.normal(size=(30, 2)) * [10.0, 1.0] + [50.0, 0.0]
    y = (X[:, 0] + 4 * rng.normal(size=30) > 50).astype(int)
    table = pandas.DataFrame(X, columns=["age", "dose"])
    model = make_pipeline(getattr(preprocessing, name)(clip=True), LogisticRegression(C=10.0)).fit(table, y)
    far = table.assign(age=table["age"] + np.where(y == 1, -1e6, 1e6) * np.sign(model[-1].coef_[0, 0]))
    z = model.decision_function(far)
    level = 1.5 * np.logaddexp(0.0, np.where(y == 1, -z, z)).mean()
    problem = certify.from_sklearn(model, table, y)
    amount = certify.audit(problem, ask="noise", noise={"age": 1e6}, level=level)
    assert not amount.answers and "in other units than the amounts" in amount.skipped[0].reason
    (column,) = certify.audit(problem, ask="noise in age", level=level).answers
    assert column.sentence.startswith(f"age as they are after {name} of every training row")


def test_noise_beside_a_probability_is_answered_as_without_one(tmp_path, capsys):
    """It counts no labels, so that its spec has no rows to predict for a threshold to part."""
    skops = pytest.importorskip("skops.io")
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(6)
    X = rng.normal(size=(30, 2))
    y = (X[:, 0] + rng.normal(size=30) > 0).astype(int)
    skops.dump(LogisticRegression().fit(X, y), tmp_path / "m.skops")
    np.savez(tmp_path / "d.npz", X=X, y=y)
    said = []
    for more in ((), ("--probability", "0.3")):
        ask = ["audit", str(tmp_path / "m.skops"), str(tmp_path / "d.npz"), "--ask", "noise", "-q", "-o",
               str(tmp_path / "o"), *more]
        assert main(ask) == 0
        said.append(capsys.readouterr().out.splitlines())
    assert said[0] == said[1] and "1 of 1 question answered" in said[0][-1]
