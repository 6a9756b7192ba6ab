"""Rows by what hangs on each: the ends hold what training again without each row finds."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest

import certify
from certify.check.main import main as check

TOLERANCE = 1e-6
"""How far the refits of these tests may be from exact ones."""


def drawn(kind: str):
    """Three classes in two columns, a fitted classifier, and rows to predict."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier

    rng = np.random.default_rng(3)
    middles = np.array([[-1.2, 0.0], [1.2, 0.0], [0.0, 1.5]])
    X = np.vstack([rng.normal(m, 0.9, (9, 2)) for m in middles])
    points = rng.normal(0.0, 1.0, (6, 2))
    names = np.array(["ham", "eggs", "spam"])
    y = np.repeat(names, 9)
    if kind == "raw":  # millimetres, and two classes
        shift, stretch = np.array([900.0, 150.0]), np.array([40.0, 9.0])
        X, points, y = X * stretch + shift, points * stretch + shift, np.where(y == "spam", "ham", y)
    model = LogisticRegression(tol=1e-12, max_iter=100_000, solver="newton-cholesky" if kind == "raw" else "lbfgs")
    if kind == "one_vs_rest":
        model = OneVsRestClassifier(model)
    return model.fit(X, y), X, y, points


def leads(model, points, today):
    """The output of each point, or the lead of today's label over the second."""
    F = model.decision_function(points)
    if F.ndim == 1:
        return F
    order = np.argsort(today, axis=1)
    at = np.arange(len(points))
    return F[at, order[:, -1]] - F[at, order[:, -2]]


def retrained(model, X, y, points):
    """Per row: changes of outputs or leads, labels that change, and how far the weights go."""
    from sklearn.base import clone

    today = np.atleast_2d(model.decision_function(points))
    base, found = leads(model, points, today), []
    for row in range(len(X)):
        new = clone(model).fit(np.delete(X, row, 0), np.delete(y, row))
        found.append((leads(new, points, today) - base, np.flatnonzero(new.predict(points) != model.predict(points)),
                      np.linalg.norm(weights(new) - weights(model))))
    return found


def weights(model):
    return model.coef_ if hasattr(model, "coef_") else np.vstack([one.coef_ for one in model.estimators_])


@pytest.mark.parametrize("kind", ["softmax", "one_vs_rest", "raw"])
def test_each_row_is_enclosed_where_training_again_without_it_leads(kind):
    model, X, y, points = drawn(kind)
    truth = retrained(model, X, y, points)
    found = certify.audit(certify.from_sklearn(model, X, y), points, ask="which rows matter")
    first = found.answers[0]
    assert first.verdict == "certified" and f"training row {first.ranking['rows'][0]['row']} m" in first.sentence
    slack = TOLERANCE * max(1.0, first.ranking["upper"])
    assert len(first.ranking["rows"]) == first.ranking["of"] == len(X)
    for one in first.ranking["rows"]:
        change, flipped, far = truth[one["row"]]
        assert one["lower"] - slack <= change[one["prediction"]] <= one["upper"] + slack
        assert one["flips"] == flipped.tolist() and one["undecided"] == 0
        assert one["weights"][0] - slack <= far <= one["weights"][1] + slack
        assert one["label"] == y[one["row"]] and list(one["data"].values()) in (
            X[one["row"]].tolist(), X[one["row"], ::-1].tolist())
    assert max(np.abs(change).max() for change, _, _ in truth) <= first.ranking["upper"] + slack


@pytest.mark.parametrize("kind", ["softmax", "raw"])
def test_what_no_certificate_holds_is_said_and_the_one_beside_it_checks(kind, tmp_path, capsys):
    model, X, y, points = drawn(kind)
    found = certify.audit(certify.from_sklearn(model, X, y), points, ask="which rows matter", folder=tmp_path)
    first, *others = json.loads((tmp_path / "audit.json").read_text())["answers"]
    assert first["quantity"] == "leave_one_out" and not first["in_certificate"] and others[0]["in_certificate"]
    assert "no certificate holds it" in first["cautions"][0] and not any(
        "no certificate" in words for one in others for words in one["cautions"])
    assert others[0]["quantity"] == "stable_predictions" and found.verdict == "certified"
    assert check([str(tmp_path / "certificate.json")]) == 0, capsys.readouterr()


def test_rows_are_not_ranked_beyond_what_is_held_or_in_no_time(monkeypatch):
    model, X, y, points = drawn("softmax")
    problem = certify.from_sklearn(model, X, y)
    monkeypatch.setattr("certify.auditing.ranked.left_out.MOST", 100)
    (*_, last) = found = certify.audit(problem, points, ask="which rows matter").answers
    assert found[0].ranking["rows"] == [] and "--prediction" in found[0].ranking["reason"] and last.in_certificate
    monkeypatch.undo()
    clock = SimpleNamespace(monotonic=iter(range(0, 10**6, 1000)).__next__)
    monkeypatch.setattr("certify.auditing.ranked.left_out.time", clock)
    found = certify.audit(problem, points, ask="which rows matter").answers
    assert "the time was up" in found[0].ranking["reason"]
