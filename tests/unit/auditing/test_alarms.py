"""What is printed before any answer: a model that is right less often than no model, a minimum that is far away."""

from __future__ import annotations

import json

import numpy as np
import pytest

import certify
from certify.cli.main import main

X = np.round(np.random.default_rng(3).normal(size=(30, 2)), 3)
Y = (X.sum(axis=1) > 0).astype(int)


@pytest.fixture
def audit(tmp_path, capsys):
    """The status, standard output and `audit.json` of an audit of a linear model with these labels and this size."""
    def asked(labels, size, *more):
        from sklearn.linear_model import LogisticRegression

        model = LogisticRegression(tol=1e-10).fit(X, Y)
        np.savez(tmp_path / "m.npz", coef=model.coef_ * size, intercept=model.intercept_ * size)
        np.savez(tmp_path / "d.npz", X=X, y=labels)
        capsys.readouterr()
        status = main(["audit", str(tmp_path / "m.npz"), str(tmp_path / "d.npz"), "--loss", "logistic",
                       "--weight-decay", repr(1 / 30), "--no-bias-decay", "--ask", "rows deleted", "-q", "-o",
                       str(tmp_path / "out"), *more])
        return status, capsys.readouterr(), json.loads((tmp_path / "out" / "audit.json").read_text()), tmp_path / "out"
    return asked


def test_swapped_labels_are_said_first_and_the_status_stays(audit):
    status, said, content, folder = audit(1 - Y, 1.0)
    first, second, *_, last = said.out.splitlines()
    assert status == 0 and first.startswith("WARNING: the model as it was understood is right on ")
    assert "always answering the commonest label on 5" in first and "are labels swapped" in first
    assert second.startswith("WARNING: the answer is about a minimum that is only known to lie within ")
    assert last == "certified 1 of 1 question answered with a proof; read the warning first"
    assert [f"WARNING: {one}" for one in content["alarms"]] == [first, second]
    assert (folder / "audit.html").read_text().count("<strong>Warning: ") == 2


def test_a_minimum_far_away_is_said_first(audit):
    status, said, content, _ = audit(Y, 1e-3, "--json")
    assert status == 0 and len(content["alarms"]) == 1 and "lengths of the weights" in content["alarms"][0]
    assert json.loads(said.out)["alarms"] == content["alarms"] and said.err.startswith("WARNING: the answer is about")


def test_nothing_is_said_of_a_model_that_fits(audit):
    status, said, content, folder = audit(Y, 1.0)
    assert status == 0 and "alarms" not in content and "WARNING" not in said.out and "warning" not in said.out
    assert "Warning" not in (folder / "audit.html").read_text()


def test_python_says_it_in_the_second_line():
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(tol=1e-10).fit(X, Y)
    problem = certify.from_arrays(model.coef_, model.intercept_, X, 1 - Y, loss="logistic", weight_decay=1 / 30,
                                  bias_decay=False)
    found = certify.audit(problem, X, ask="rows deleted")
    assert repr(found).splitlines()[1].startswith("  WARNING: the model as it was understood is right on ")


def test_a_row_that_is_not_there_is_said_before_that_no_question_is_about_it(audit, tmp_path, capsys):
    def said(*more):
        assert main(["audit", *files, "--ask", "rows deleted", "-o", str(tmp_path / "none"), *more]) == 2
        return capsys.readouterr().err

    audit(Y, 1.0)
    files = [str(tmp_path / "m.npz"), str(tmp_path / "d.npz"), "--loss", "logistic", "--weight-decay", "0.1"]
    assert said("--prediction", "30").startswith(
        "certify: --prediction: there is no prediction 30: they are numbered from 0 to 29; correct what is named; ")
    assert said("--rows", "5,5000").startswith("certify: --rows: the rows are those from 0 to 29, and one has to")
    assert said("--prediction", "29").startswith("certify: --prediction: named, and no question is about one")
    assert not (tmp_path / "none").exists()
    from sklearn.linear_model import LogisticRegression

    problem = certify.from_sklearn(LogisticRegression(tol=1e-10).fit(X, Y), X, Y)
    with pytest.raises(certify.InputError, match="they are numbered from 0 to 3;"):
        certify.audit(problem, X[:4], ask="rows deleted", prediction=4)
