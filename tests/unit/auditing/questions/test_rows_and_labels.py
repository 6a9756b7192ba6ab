"""Rows deleted and labels wrong at once, asked in an audit: what phrases mean, and answers against every refit."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

import certify
from certify.auditing.phrases import asked_for
from certify.auditing.questions.base import Options
from certify.check.main import main as check
from certify.cli.main import main
from certify.format.errors import InputError
from certify.prove.changed.shares import Share

N, POINTS = 16, 9


@pytest.mark.parametrize(("phrase", "deleted", "wrong"), [
    ("1 row deleted and 1 label wrong", 1, 1), ("2 wrong labels and 3 rows removed", 3, 2),
    ("any two rows left out and any one label flipped", 2, 1), ("3 rows dropped, 2 others mislabelled", 3, 2),
    ("which predictions stay if we remove 2 records and 1 label is wrong", 2, 1),
    ("delete 4 samples and relabel 2 at once", 4, 2)])
def test_two_numbers_in_a_phrase_are_of_one_question(phrase: str, deleted: int, wrong: int) -> None:
    (question,), options = asked_for([phrase], Options())
    assert (question.slug, options.delete, options.relabel) == ("rows-and-labels", deleted, wrong)


@pytest.mark.parametrize(("phrase", "deleted", "wrong"), [
    ("1 % of rows deleted and 2 labels wrong", 4, 2), ("2 labels wrong and 1 % of rows deleted", 4, 2),
    ("drop 3 rows, and 1.5 percent of the labels are wrong", 3, 6), ("1% deleted, 2% mislabelled", 4, 8),
    ("1 in 100 labels wrong and 2 rows deleted", 2, 4), ("1 of 100 rows deleted and 1 % of labels wrong", 4, 4)])
def test_either_number_may_be_a_share(phrase: str, deleted: int, wrong: int) -> None:
    """Of 426 rows."""
    (question,), options = asked_for([phrase], Options())
    said = [options.of(name) for name in ("delete", "relabel")]
    assert question.slug == "rows-and-labels"
    assert [one.of(426) if isinstance(one, Share) else one for one in said] == [deleted, wrong]
    assert any(isinstance(one, Share) for one in said)


@pytest.mark.parametrize("phrase", ["3 rows deleted", "3 labels wrong", "how many wrong labels until it flips",
                                    "which rows flip prediction 3"])
def test_other_phrases_mean_what_they_meant(phrase: str) -> None:
    assert asked_for([phrase], Options())[0][0].slug != "rows-and-labels"


@pytest.mark.parametrize(("phrases", "options", "said"), [
    (["0 rows deleted and 1 label wrong"], Options(), "0 of one of the two"),
    (["1 row deleted and 2 labels wrong", "3 rows deleted"], Options(), "another number of them"),
    (["1 row deleted and 2 labels wrong", "1 label wrong"], Options(), "another number of them"),
    (["1 row deleted and 2 labels wrong"], Options(relabel=3), "say it once: leave out --relabel"),
    (["1 % of rows deleted and 2 labels wrong"], Options(delete=3), "say it once: leave out --delete"),
    (["1 % of rows deleted and 2 labels wrong", "4 rows deleted"], Options(), "another number of them"),
    (["0 % of rows deleted and 2 labels wrong"], Options(), "0 % is no share"),
    (["3 rows deleted and labels wrong"], Options(), "is not said of each"),
    (["1 of 100 rows deleted and labels wrong"], Options(), "is not said of each"),
    (["2 rows and 3 labels"], Options(), "taken for"), (["2 rows-and-labels, 3"], Options(), "is not said of each"),
    (["leave out row 17 and 2 labels wrong"], Options(), "'row 17' names one"),
    (["1.5 rows deleted and 2 labels wrong"], Options(), "taken for"),
    (["1 row deleted and 2 labels wrong zebra"], Options(), "zebra")])
def test_what_is_no_such_question_is_refused(phrases: list[str], options: Options, said: str) -> None:
    with pytest.raises(InputError, match=said):
        asked_for(phrases, options)


def audited(folder: Path, loss: str, *more: str) -> dict:
    """The claim of predictions that stay, of files that are written here."""
    rng = np.random.default_rng(5)
    X, X_new = np.round(rng.normal(size=(N, 2)), 3), np.round(rng.normal(0.0, 1.2, (POINTS, 2)), 3)
    y = np.where(X[:, 0] + 0.4 * rng.normal(size=N) > 0, 1.0, -1.0)
    save_file({"0.weight": fitted(X, y, np.ones(N), loss)[None, :2], "0.bias": fitted(X, y, np.ones(N), loss)[2:]},
              folder / "model.safetensors")
    np.savez(folder / "train.npz", X=X, y=y)
    np.savez(folder / "new.npz", X=X_new)
    main(["audit", str(folder / "model.safetensors"), str(folder / "train.npz"), "--eval", str(folder / "new.npz"),
          "--loss", loss, "--weight-decay", "0.2", "--threshold", "0", "--ask", *more, "-o", str(folder / "out"),
          "--quiet"])
    claims = json.loads((folder / "out" / "certificate.json").read_text())["claims"]
    return {"claim": next(one for one in claims if one["quantity"] == "stable_predictions"), "data": (X, y, X_new)}


def fitted(X: np.ndarray, y: np.ndarray, kept: np.ndarray, loss: str) -> np.ndarray:
    """The minimum over the rows that are kept, by Newton's method, with the decay of all weights."""
    A, w, n = np.c_[X, np.ones(len(X))], np.zeros(3), kept.sum()
    for _ in range(1 if loss == "squared" else 60):
        t = A @ w
        slope = t - y if loss == "squared" else -y / (1.0 + np.exp(y * t))
        bend = np.ones(len(X)) if loss == "squared" else 1.0 / (2.0 + 2.0 * np.cosh(t))
        w = w - np.linalg.solve((A.T * (kept * bend)) @ A / n + 0.2 * np.eye(3),
                                A.T @ (kept * slope) / n + 0.2 * w)
    return w


@pytest.mark.parametrize(("loss", "phrase"), [
    ("squared", "7 % of rows deleted and 1 label wrong"), ("logistic", "1 row deleted and 1 label wrong")])
def test_what_stays_stays_under_every_choice_and_what_flips_flips(tmp_path: Path, loss: str, phrase: str) -> None:
    found = audited(tmp_path, loss, phrase)
    X, y, X_new = found["data"]
    E = np.c_[X_new, np.ones(POINTS)]
    today, least = E @ fitted(X, y, np.ones(N), loss), np.full(POINTS, np.inf)
    for gone, turned in product(range(N), range(N)):
        kept, labels = np.ones(N), y.copy()
        kept[gone], labels[turned] = 0.0, -labels[turned]
        least = np.minimum(least, np.sign(today) * (E @ fitted(X, labels, kept, loss)))
    claim = found["claim"]
    assert claim["lower"] == claim["upper"] == (least > 0).sum()
    assert sorted(claim["witness"]["flipped"]) == list(np.flatnonzero(least < 0))
    assert 0 < claim["lower"] < POINTS
    assert check([str(tmp_path / "out" / "certificate.json"), "-q"]) == 0
    told_apart(tmp_path / "out", X, y, E, loss)
    page = (tmp_path / "out" / "audit.html").read_text()
    assert "any 1 row left out and any 1 other label wrong" in page
    assert ("7 % of 16 training rows: 1 row, and no more than that share" in page) == ("%" in phrase)


def becoming(gone: Sequence[int], wrong: Sequence[int]) -> list[str]:
    """What becomes of one row at most of either kind, in words."""
    assert len(gone) <= 1 >= len(wrong)
    return [f"row {row} deleted" for row in gone] + [f"row {row} relabelled" for row in wrong]


def told_apart(folder: Path, X: np.ndarray, y: np.ndarray, E: np.ndarray, loss: str) -> None:
    """Line, page and table say which rows are left out and which get another label: done so, the prediction flips."""
    page = (folder / "audit.html").read_text()
    answer = json.loads((folder / "audit.json").read_text())["answers"][0]["answer"]
    today, seen = np.sign(E @ fitted(X, y, np.ones(N), loss)), 0
    with (folder / "predictions.csv").open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    for j, line in enumerate(lines):
        changed, wrong = ([int(row) for row in value.split()] for value in list(line.values())[-2:])
        gone = sorted(set(changed) - set(wrong))
        if not changed:
            continue
        kept, labels = np.ones(N), y.copy()
        kept[gone], labels[wrong] = 0.0, -labels[wrong]
        assert set(wrong) <= set(changed) and np.sign(E[j] @ fitted(X, labels, kept, loss)) != today[j]
        parts = becoming(gone, wrong)
        assert f"<td>{' and '.join(parts)}</td>" in page
        if not seen:
            assert f"(row {j} by training {' and '.join(parts)})" in answer
        seen += 1
    assert seen == sum(line[next(key for key in line if key.startswith("any 1 row"))] == "flips" for line in lines)
    assert "whether it is left out or gets another label" in (folder / "report.html").read_text()


def test_a_notebook_says_which_rows_are_deleted_and_which_relabelled() -> None:
    rng = np.random.default_rng(5)
    X, X_new = np.round(rng.normal(size=(N, 2)), 3), np.round(rng.normal(0.0, 1.2, (POINTS, 2)), 3)
    y = np.where(X[:, 0] + 0.4 * rng.normal(size=N) > 0, 1.0, -1.0)
    w = fitted(X, y, np.ones(N), "squared")
    problem = certify.from_arrays([w[None, :2]], [w[2:]], X, y, loss="squared", weight_decay=0.2)
    found = certify.stable_predictions(problem, X_new, delete=1, relabel=1, threshold=0.0)
    page, flips, E = found._repr_html_(), 0, np.c_[X_new, np.ones(POINTS)]
    assert found.to_frame()["relabelled"].tolist() == [one.relabelled for one in found.rows()]
    for one in (one for one in found.rows() if one.status == "flips"):
        gone, labels, kept = sorted(set(one.changed) - set(one.relabelled)), y.copy(), np.ones(N)
        kept[gone], labels[list(one.relabelled)] = 0.0, -labels[list(one.relabelled)]
        assert np.sign(E[one.row] @ fitted(X, labels, kept, "squared")) != np.sign(E[one.row] @ w)
        assert f"<td>{' and '.join(becoming(gone, one.relabelled))}</td>" in page
        flips += 1
    assert flips
    other = certify.stable_predictions(problem, X_new, delete=1, threshold=0.0)
    assert "relabelled" not in other.to_frame() and " deleted</td>" not in other._repr_html_()


def test_amounts_have_no_wrong_labels(tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    X = rng.normal(size=(N, 2))
    save_file({"0.weight": np.ones((1, 2)), "0.bias": np.zeros(1)}, tmp_path / "model.safetensors")
    np.savez(tmp_path / "train.npz", X=X, y=X.sum(axis=1) + rng.normal(size=N))
    assert main(["audit", str(tmp_path / "model.safetensors"), str(tmp_path / "train.npz"), "--loss", "squared",
                 "--weight-decay", "0.2", "--ask", "1 row deleted and 1 label wrong", "-o", str(tmp_path / "out"),
                 "--quiet"]) != 0
