"""To which of several labels a prediction flips: what training again without the named rows says."""

from __future__ import annotations

import csv
import html
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import certify
from certify.auditing.shown.after import labels_after
from certify.cli.main import main
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


@pytest.mark.parametrize("labels", [("ham", "rare"), ("ham", "r" * 70, "toast")])
def test_a_label_that_may_lose_its_rows_is_called_by_its_name(labels: tuple[str, ...], tmp_path: Path) -> None:
    """In line, certificate and pages; a redacted page leaves it out, also where it is cut as it is long."""
    sio = pytest.importorskip("skops.io")
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(1)
    y = np.array([labels[0]] * 12 + [labels[1]] * 2 + [*labels[2:]] * 9)
    X = np.round(rng.normal(size=(len(y), 2)) + 2.0 * (y == labels[0])[:, None], 3)
    sio.dump(LogisticRegression(tol=1e-10, max_iter=9999).fit(X, y), tmp_path / "m.skops")
    lines = ["a,b,kind", *(f"{a!r},{b!r},{kind}" for (a, b), kind in zip(X.tolist(), y, strict=True))]
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    out = tmp_path / "o"
    assert main(["audit", str(tmp_path / "m.skops"), str(tmp_path / "t.csv"), "--ask", "2 rows deleted", "-o", str(out),
                 "-q"]) == 4
    name = labels[1] if len(labels[1]) < 60 else f"{labels[1][:60]}…"
    said = f"class '{name}' has 2 rows, and without them"
    answer = json.loads((out / "audit.json").read_text())["answers"][0]
    assert said in answer["reason"] and "class 1" not in answer["reason"]
    assert said in html.unescape((out / "report.html").read_text())
    assert main(["report", str(out / "certificate.json"), "--redact", "-o", str(tmp_path / "r.html")]) == 0
    page = html.unescape((tmp_path / "r.html").read_text())
    assert "class [left out] has 2 rows" in page and labels[1][:60] not in page
