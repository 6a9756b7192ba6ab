"""Of several real targets no label is told of, but which output is the largest."""

from __future__ import annotations

import numpy as np
import pytest

import certify
from certify.cli.main import main

pytest.importorskip("sklearn")
pytest.importorskip("pandas")
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 3))
Y = np.column_stack([X @ [1.0, 2.0, 0.0] + 0.1, X @ [0.0, 1.0, 1.0]])
NEW = RNG.normal(size=(5, 3))


def test_several_amounts_have_no_label() -> None:
    problem = certify.from_sklearn(Ridge(1.0).fit(X, Y), X, Y)
    found, survive = certify.stable_predictions(problem, NEW, delete=1), certify.tolerated_changes(
        problem, NEW, "delete", most=2, seconds=5)
    for one in (found, survive):
        assert "<th>label</th>" not in one._repr_html_()
        assert "largest output" in one.to_frame().columns and "label" not in one.to_frame().columns
    assert "<th>largest output</th>" in survive._repr_html_()  # the other lists those alone that do not stay
    assert "proved to keep the same largest output" in repr(found) and "until another output is" in repr(survive)


@pytest.mark.parametrize("kind", ["labels", "codes", "two"])
def test_labels_are_called_so(kind: str) -> None:
    classes = np.argmax(Y, axis=1) + (X[:, 0] > 1)
    if kind == "labels":
        problem = certify.from_sklearn(RidgeClassifier().fit(X, classes), X, classes)
    elif kind == "codes":
        codes = np.eye(3)[classes]
        model = Ridge(1.0).fit(X, codes)
        problem = certify.from_sklearn(model, X, codes)
    else:
        problem = certify.from_sklearn(LogisticRegression().fit(X, classes > 0), X, classes > 0)
    found = certify.stable_predictions(problem, NEW, delete=1)
    assert "label" in found.to_frame().columns and "proved to stay" in repr(found)


@pytest.mark.parametrize(("model", "targets", "said"), [
    (LogisticRegression(), np.argmax(Y, axis=1) + (X[:, 0] > 1), "has 3 outputs, and the label is the largest"),
    (RidgeClassifier(), X[:, 0] > 0, "the sign of the output is the label"),
    (Ridge(), Y[:, 0], "give --threshold, an amount as the targets are")])
def test_a_probability_where_none_is_predicted_is_refused_with_what_to_do(model, targets, said, tmp_path, capsys):
    skops = pytest.importorskip("skops.io")
    skops.dump(model.fit(X, targets), tmp_path / "m.skops")
    np.savez(tmp_path / "d.npz", X=X, y=targets.astype(float) if said.startswith("give") else targets.astype(int))
    if said.startswith("the sign"):
        skops.dump(model.fit(X, targets.astype(int)), tmp_path / "m.skops")
    assert main(["audit", str(tmp_path / "m.skops"), str(tmp_path / "d.npz"), "--probability", "0.3", "-q", "-o",
                 str(tmp_path / "o")]) == 2
    assert said in capsys.readouterr().err
