"""Any users deleted, each with all its rows: the column is named, the answer is that of training again without them."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import certify
from certify.cli.main import main
from certify.format.errors import InputError


def data(seed: int = 4) -> tuple[Any, ...]:
    """Rows of twelve users, a fitted model and rows to predict."""
    rng = np.random.default_rng(seed)
    users = np.array([f"u{i}" for i in rng.integers(0, 12, 90)])
    X = rng.standard_normal((90, 2))
    y = np.where(X[:, 0] + 0.7 * rng.standard_normal(90) > 0, "good", "bad")
    new = rng.standard_normal((25, 2)) * 0.6
    return X, y, users, new, LogisticRegression(C=0.5, tol=1e-12, max_iter=10000).fit(X, y)


def flips(X: Any, y: Any, users: Any, new: Any, model: Any, count: int) -> np.ndarray:
    """Which predictions training without any so many users changes."""
    found, before = np.zeros(len(new), bool), model.predict(new)
    for size in range(1, count + 1):
        for out in combinations(np.unique(users), size):
            kept = ~np.isin(users, out)
            again = LogisticRegression(C=0.5, tol=1e-12, max_iter=10000).fit(X[kept], y[kept])
            found |= again.predict(new) != before
    return found


def written(folder: Path) -> list[str]:
    """Files of a model and its table, as an audit takes them."""
    skops, pandas = pytest.importorskip("skops.io"), pytest.importorskip("pandas")
    X, y, users, new, model = data()
    skops.dump(model, folder / "model.skops")
    pandas.DataFrame(X, columns=["a", "b"]).assign(user=users, outcome=y).to_csv(folder / "train.csv", index=False)
    pandas.DataFrame(new, columns=["a", "b"]).to_csv(folder / "new.csv", index=False)
    return ["audit", str(folder / "model.skops"), str(folder / "train.csv"), "--eval", str(folder / "new.csv"), "-o",
            str(folder / "out"), "--targets", "outcome"]


def test_right_labels_are_counted_too(tmp_path: Path) -> None:
    """Those that are right today and that no two users turn; the certificate states it, and its check agrees."""
    X, y, users, new, model = data()
    right = np.where(new[:, 0] + new[:, 1] > 0, "good", "bad")
    found = certify.audit(certify.from_sklearn(model, X, y), new, right, groups=users, ask="2 users deleted",
                          seconds=30, folder=tmp_path / "o")
    stays = ~flips(X, y, users, new, model, 2)
    correct = stays & (model.predict(new) == right)
    assert 0 < correct.sum() < stays.sum()
    assert [(one.quantity, one.lower, one.upper) for one in found.answers] == [
        ("stable_predictions", stays.sum(), stays.sum()), ("correct_predictions", correct.sum(), correct.sum())]
    assert "are right and stay right, whichever 2 of the 12 groups" in found.answers[1].sentence
    assert main(["check", str(tmp_path / "o" / "certificate.json"), "-q"]) == 0
    forged = json.loads((tmp_path / "o" / "certificate.json").read_text())
    forged["claims"][1]["lower"] += 1
    forged["claims"][1]["upper"] += 1
    (tmp_path / "o" / "certificate.json").write_text(json.dumps(forged))
    assert main(["check", str(tmp_path / "o" / "certificate.json"), "-q"]) == 2


def test_the_answer_is_that_of_training_again() -> None:
    X, y, users, new, model = data()
    problem = certify.from_sklearn(model, X, y)
    found = certify.audit(problem, new, groups=users, ask="2 users deleted", seconds=30)
    falls = flips(X, y, users, new, model, 2)
    assert falls.any() and not falls.all()
    (answer,) = found.answers
    assert (answer.lower, answer.upper) == (np.sum(~falls), np.sum(~falls))
    assert "whichever 2 of the 12 groups of training rows are left out" in answer.sentence
    assert " by group u" in answer.sentence or " by groups u" in answer.sentence  # an array has no name
    assert answer.predictions is not None and answer.predictions.heading == "any 2 groups left out"


def test_the_command_line_names_the_column_and_the_certificate_is_checked(tmp_path, capsys) -> None:
    told = written(tmp_path)
    assert main([*told, "--groups", "user", "--ask", "any 2 users deleted", "--json", "-q"]) == 0
    content = json.loads(capsys.readouterr().out)
    falls = flips(*data(), 2)
    assert content["answers"][0]["lower"] == np.sum(~falls) == content["answers"][0]["upper"]
    assert main(["check", str(tmp_path / "out" / "certificate.json")]) == 0
    assert 'groups = "groups"' in (tmp_path / "out" / "certify.toml").read_text()


def test_groups_alone_ask_the_question_first(tmp_path, capsys) -> None:
    told = written(tmp_path)
    assert main([*told, "--groups", "user", "--json", "-q", "--seconds", "5"]) in (0, 4)
    assert "of the 12 groups" in json.loads(capsys.readouterr().out)["answers"][0]["answer"]


@pytest.mark.parametrize(("more", "words"), [
    (["--ask", "any 12 users deleted", "--groups", "user"], "12 of 12 groups"),
    (["--ask", "any 2 users deleted", "--groups", "nobody"], "nobody"),
    (["--ask", "any 2 users deleted", "--groups", "users"], "'outcome'; correct --groups (did you mean 'user'?)"),
    (["--ask", "any 2 users deleted", "--weights", "users"], "correct --weights (did you mean 'user'?)"),
    (["--ask", "any 2 users deleted", "--groups", "outcome"], "targets"),
    (["--ask", "2 rows deleted", "--groups", "user"], "no question is about groups")])
def test_what_cannot_be_asked_is_said(tmp_path, capsys, more: list[str], words: str) -> None:
    assert main([*written(tmp_path), *more]) in (2, 4)
    said = capsys.readouterr()
    assert words in said.err + said.out


def test_amounts_without_a_threshold_and_missing_labels_are_refused() -> None:
    X, y, users, new, model = data()
    nobody = certify.audit(certify.from_sklearn(model, X, y), new, ask="2 users deleted")
    assert "no column says whose" in nobody.skipped[0].reason
    amounts = certify.from_arrays([np.ones((1, 2))], [np.zeros(1)], X, X[:, :1], loss="squared", weight_decay=0.1)
    found = certify.audit(amounts, new, groups=users, ask="2 users deleted")
    assert "prediction_change(problem, X_new, delete=2, groups=users)" in found.skipped[0].reason
    for bad in (users[:-1], np.where(np.arange(90) == 3, np.nan, np.arange(90.0)), "users"):
        with pytest.raises(InputError, match="groups"):
            certify.audit(amounts, new, groups=bad, ask="2 users deleted")


def test_users_whose_numbers_round_to_the_same_double_are_no_one_user(tmp_path, capsys) -> None:
    """Numbers of 64 bits: to leave out both users is another question than to leave out one of them."""
    told = written(tmp_path)
    lines = (tmp_path / "train.csv").read_text().splitlines()
    users = [line.split(",") for line in lines[1:]]
    big = [",".join([a, b, str(2**53 + int(user[1:])), y]) for a, b, user, y in users]
    (tmp_path / "train.csv").write_text("\n".join([lines[0], *big, ""]))
    assert main([*told, "--groups", "user", "--ask", "1 user deleted", "--json", "-q"]) == 0
    found = json.loads(capsys.readouterr().out)["answers"][0]
    assert "12 groups" in found["answer"] and found["lower"] == np.sum(~flips(*data(), 1))


def test_the_advice_is_about_groups() -> None:
    """Where predictions stay open; no time is given, so that all of them do."""
    X, y, users, new, model = data()
    found = certify.stable_predictions(certify.from_sklearn(model, X, y), new, delete=3, groups=users, seconds=1e-9)
    assert "fewer groups at once" in str(found) and "a smaller count" not in str(found)
