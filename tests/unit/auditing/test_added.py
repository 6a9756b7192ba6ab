"""A question is a file and a line in the table: nothing else knows what it is."""

from __future__ import annotations

import json

import numpy as np

import certify
from certify.auditing.questions import QUESTIONS
from certify.auditing.questions.base import Asked, Question, Wanted, of_head, of_rows
from certify.cli.main import main


class FirstRow(Question):
    """The first row is left out."""

    slug = "first-row"
    words = ("first row",)

    def sentence(self, subject, options):
        return "which predictions stay, when the first row is left out"

    def against(self, subject, options):
        return subject.against_head

    def asked(self, subject, options):
        return Asked(of_head(subject, {"parameter": "deletions", "set": "given", "rows": [0]}),
                     [Wanted("stable_predictions", "min")])

    def answer(self, subject, options, claim):
        return of_rows(subject, claim, "when the first row is left out")


def test_a_new_question_is_asked_by_its_words_and_unasked(monkeypatch, tmp_path, capsys):
    from sklearn.linear_model import LogisticRegression

    monkeypatch.setattr("certify.auditing.phrases.QUESTIONS", (*QUESTIONS, FirstRow()))
    X = np.array([[0.0], [0.2], [0.4], [2.0], [2.2], [2.4]])
    y = np.array([0, 0, 0, 1, 1, 1])
    model = LogisticRegression(tol=1e-10).fit(X, y)
    problem = certify.from_sklearn(model, X, y)
    (answer,) = certify.audit(problem, [[0.1], [2.3]], ask="the first row").answers
    assert (answer.slug, answer.lower, answer.upper, answer.verdict) == ("first-row", 2, 2, "certified")
    assert "first-row" in {one.slug for one in certify.audit(problem, [[0.1], [2.3]]).answers}
    np.savez(tmp_path / "data.npz", X=X, y=y)
    np.savez(tmp_path / "model.npz", coef=model.coef_, intercept=model.intercept_)
    files = [str(tmp_path / name) for name in ("model.npz", "data.npz")]
    training = ["--loss", "logistic", "--weight-decay", repr(1 / 6), "--no-bias-decay"]
    asked = ["--ask", "first row", "--json", "-q", "-o", str(tmp_path / "out")]
    assert main(["audit", *files, *training, *asked]) == 0
    found = json.loads(capsys.readouterr().out)["answers"][0]
    assert found["answer"].startswith("6 of 6 predictions for the training rows proved to stay, when the first row is")
