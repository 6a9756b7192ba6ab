"""To which of several labels a prediction flips: what training again without the named rows says."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import certify
from certify.auditing.shown.after import labels_after
from certify.problem.bound import Bound

pytest.importorskip("sklearn")


def three_classes() -> tuple[Any, ...]:
    rng = np.random.default_rng(11)
    X = np.vstack([rng.normal(middle, 1.0, (12, 2)) for middle in ((-1.5, 0.0), (1.5, 0.0), (0.0, 1.5))])
    return X, np.repeat(["=low", "mid", "high"], 12), rng.normal(0.0, 0.8, (60, 2))


@pytest.mark.parametrize("name", ["logistic", "ridge"])
def test_the_label_is_that_of_training_again(name: str, tmp_path: Path) -> None:
    from sklearn.base import clone
    from sklearn.linear_model import LogisticRegression, RidgeClassifier

    X, y, points = three_classes()
    model = (LogisticRegression(tol=1e-10, max_iter=10_000) if name == "logistic" else RidgeClassifier(1.0)).fit(X, y)
    certify.audit(certify.from_sklearn(model, X, y), points, ask="rows deleted").save(tmp_path / "o")
    with (tmp_path / "o" / "predictions.csv").open(newline="", encoding="utf-8") as file:
        found = list(csv.DictReader(file))
    seen = 0
    for at, line in enumerate(found):
        flips, said = line["any 1 row left out"] == "flips", line["any 1 row left out: label then"].lstrip("'")
        assert (said != "") == flips
        if flips:
            left = np.arange(len(X)) != int(line["any 1 row left out: training rows"])
            again = clone(model).fit(X[left], y[left]).predict(points[at : at + 1])[0]
            assert said == again != line["label today"].lstrip("'")
            seen += 1
    assert seen > 2
    page = (tmp_path / "o" / "audit.html").read_text(encoding="utf-8")
    assert "flips</span> to " in page


def test_of_two_labels_the_other_one_needs_no_name(tmp_path: Path) -> None:
    from sklearn.linear_model import LogisticRegression

    X, y, points = three_classes()
    two = y != "high"
    problem = certify.from_sklearn(LogisticRegression().fit(X[two], y[two]), X[two], y[two])
    found = certify.audit(problem, points, ask="rows deleted")
    assert found.predictions is not None and "label then" not in found.predictions.csv()


def test_nothing_is_said_where_no_refit_is_held() -> None:
    from sklearn.linear_model import LogisticRegression

    X, y, points = three_classes()
    subject = certify.audit(certify.from_sklearn(LogisticRegression().fit(X, y), X, y), points,
                            ask="which rows matter").subject
    assert labels_after(subject, None, {}) == {}
    from certify.format.words import Rigour
    assert labels_after(subject, Bound("stable_predictions", "D1", Rigour.PROVED, 1.0, 2.0, "rows"), {}) == {}
