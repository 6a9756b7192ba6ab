"""How many rows or labels each prediction survives: what an audit says is what Python proves."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import certify
from certify.auditing.questions.base import Options
from certify.auditing.questions.how_far import HowFar
from certify.auditing.questions.how_far_labels import HowFarLabels
from certify.check.main import main as check
from certify.cli.main import main

RNG = np.random.default_rng(5)
X = np.round(np.vstack([RNG.normal(-1.0, 1.0, (14, 2)), RNG.normal(1.0, 1.0, (14, 2))]), 3)
Y = np.repeat([0, 1], 14)
POINTS = np.round(RNG.normal(0.0, 1.5, (9, 2)), 3)


@pytest.fixture(scope="module")
def problem() -> Any:
    linear = pytest.importorskip("sklearn.linear_model")
    return certify.from_sklearn(linear.LogisticRegression(tol=1e-10, max_iter=10_000).fit(X, Y), X, Y)


@pytest.fixture
def files(problem: Any, tmp_path: Path) -> list[str]:
    """The command of an audit of the same, without what is asked."""
    (W, b) = problem.network.arrays
    np.savez(tmp_path / "m.npz", coef=W, intercept=b)
    np.savez(tmp_path / "train.npz", X=X, y=Y)
    np.savez(tmp_path / "new.npz", X=POINTS)
    return ["audit", str(tmp_path / "m.npz"), str(tmp_path / "train.npz"), "--eval", str(tmp_path / "new.npz"),
            "--loss", "logistic", "--weight-decay", repr(1 / 28), "--no-bias-decay", "--json", "-q",
            "-o", str(tmp_path / "out"), "--ask", "how far from changing"]


@pytest.mark.parametrize(("lower", "upper", "said"), [
    (0, 0, "more than half of the predictions change when some one training row is left out"),
    (0, 1, "fewer than half of the predictions survive any 2 rows left out; of fewer rows it is open"),
    (0, 3, "whether half of the predictions survive any row left out is open; asked up to 3"),
    (None, None, "whether half of the predictions survive any row left out is open; asked up to 3"),
    (1, 1, "at least half of the predictions survive any row left out; asked up to 3"),
    (1, 3, "at least half of the predictions survive any row left out; of 2 to 3 it is open; asked up to 3"),
    (3, 3, "at least half of the predictions survive any 3 rows left out; asked up to 3")])
def test_what_half_of_the_predictions_survive_says_nothing_of_no_row(lower: Any, upper: Any, said: str) -> None:
    subject: Any = SimpleNamespace(own=False, again="and the model trained again")
    subject.rebalanced = subject.reweighed = subject
    subject.rebalanced = subject
    labels = HowFarLabels().answer(subject, Options(), {"lower": lower, "upper": upper})
    assert "wrong" in labels and "left out" not in labels and "row" not in labels
    words = HowFar().answer(subject, Options(), {"lower": lower, "upper": upper})
    assert words.replace(" and the model trained again", "") == said


def test_how_many_wrong_labels_each_prediction_survives_is_what_python_proves(
        problem: Any, files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*files, "--relabel", "4"]) == 0
    (answer,) = json.loads(capsys.readouterr().out)["answers"]
    found = certify.tolerated_changes(problem, POINTS, "relabel", most=4)
    claim = json.loads((tmp_path / "out" / "certificate.json").read_text())["claims"][0]
    assert answer["question"].startswith("how many training labels may be wrong, up to 4,")
    assert [int(low) for low in claim["row_lower"]] == np.minimum(found.lower, 4).tolist()
    assert np.median(found.lower) >= answer["lower"] > 0
    fewest = int(np.argmin(found.upper))
    assert found.upper[fewest] < 4  # so that something is said of it
    assert f"{(found.lower >= 4).sum()} of {len(POINTS)} survive as many" in answer["answer"]
    assert f"fewest: prediction {fewest}, which survives {found.lower[fewest]}" in answer["answer"]
    assert check([str(tmp_path / "out" / "certificate.json")]) == 0, capsys.readouterr()


@pytest.mark.parametrize("pick", [np.argmin, np.argmax])
def test_how_many_rows_one_prediction_survives(
        pick: Any, problem: Any, files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = certify.tolerated_changes(problem, POINTS, "delete", most=4)
    number = int(pick(found.upper))
    assert main([*files, "--delete", "4", "--prediction", str(number)]) == 0
    (answer,) = json.loads(capsys.readouterr().out)["answers"]
    assert (answer["lower"], answer["upper"]) == (min(found.lower[number], 4), min(found.upper[number], 4))
    assert f"prediction {number} " in answer["answer"] and "half" not in answer["answer"]
    assert check([str(tmp_path / "out" / "certificate.json")]) == 0, capsys.readouterr()


def test_a_prediction_that_is_not_there_is_refused(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*files, "--prediction", "99"]) == 2
    assert "there is no prediction 99" in capsys.readouterr().err


@pytest.mark.parametrize(("lower", "upper", "said"), [
    (0, 0, "prediction 2 changes when some one training label is wrong and again"),
    (0, 3, "whether prediction 2 survives any wrong label and again is open; asked up to 3"),
    (0, 2, "whether prediction 2 survives any wrong label and again is open, and not some 3; asked up to 3"),
    (1, 1, "prediction 2 survives any wrong label and again, and not some 2; asked up to 3"),
    (1, 3, "prediction 2 survives any wrong label and again; of 2 to 3 it is open; asked up to 3"),
    (2, None, "prediction 2 survives any 2 wrong labels and again; of 3 it is open; asked up to 3"),
    (3, 3, "prediction 2 survives any 3 wrong labels and again; asked up to 3")])
def test_what_one_prediction_survives_is_said_of_it(lower: Any, upper: Any, said: str) -> None:
    subject: Any = SimpleNamespace(own=False, again="and again")
    subject.rebalanced = subject.reweighed = subject
    assert HowFarLabels().answer(subject, Options(prediction=2), {"lower": lower, "upper": upper}) == said
