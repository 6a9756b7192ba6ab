"""Audits of models whose rows carry weights: answers are those of refits with the weights of today, and say so."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

import certify
from certify.check.main import check
from certify.cli.main import main
from certify.problem.sample_weights import SampleWeights
from tests.unit.auditing.test_not_misled import TOLD, table
from tests.unit.check.theorems.head.test_claims import NONE

linear = pytest.importorskip("sklearn.linear_model")
KEEPS = "(every row with the weight it has today)"


def drawn() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features, labels, of which one is rarer, and weights."""
    rng = np.random.default_rng(5)
    X = rng.normal(size=(24, 2))
    y = (X[:, 0] + 0.8 * rng.normal(size=24) > 0.7).astype(int)
    return X, y, np.exp(rng.normal(size=24))


X, Y, W = drawn()
POINTS = np.random.default_rng(6).normal(size=(20, 2)) + 0.3


def refits(weights: np.ndarray, relabels: bool, way: str = "by row") -> list[np.ndarray]:
    """Labels of the points without each row, or with its label turned, by scikit-learn with these weights, or anew."""
    anew = {"balanced": "balanced", "by label": {0: 1.0, 1: 2.5}}.get(way)
    found = []
    for i in range(len(Y)):
        keep, y = np.full(len(Y), True), Y.copy()
        keep[i], y[i] = relabels, 1 - Y[i] if relabels else Y[i]
        model = linear.LogisticRegression(tol=1e-10, max_iter=5000, class_weight=anew)
        found.append(model.fit(X[keep], y[keep], None if anew else weights[keep]).predict(POINTS))
    return found


def fits() -> dict[str, tuple[object, np.ndarray]]:
    """A model by the way in which its rows got their weights, and these."""
    stock = {"tol": 1e-10, "max_iter": 5000}
    share = len(Y) / (2 * np.bincount(Y))[Y]
    return {"balanced": (linear.LogisticRegression(class_weight="balanced", **stock).fit(X, Y), share),
            "by label": (linear.LogisticRegression(class_weight={0: 1.0, 1: 2.5}, **stock).fit(X, Y),
                         np.where(Y == 1, 2.5, 1.0)),
            "by row": (linear.LogisticRegression(**stock).fit(X, Y, W), W)}


@pytest.mark.parametrize("way", ["balanced", "by label", "by row"])
def test_answers_are_those_of_refits_with_weights(way: str, tmp_path: Path) -> None:
    """Of today; class weights follow the rows that are left and the labels that they have, as in a fit anew."""
    model, weights = fits()[way]
    problem = certify.from_sklearn(model, X, Y, W if way == "by row" else None)
    found = certify.audit(problem, POINTS, ask=["rows deleted", "labels wrong", "which rows"], folder=tmp_path)
    today = model.predict(POINTS)
    for answer, relabels in zip(found.answers, (False, True), strict=False):
        stays = np.all([labels == today for labels in refits(
            weights, relabels, way)], axis=0)
        assert answer.lower == answer.upper == int(stays.sum()) and answer.verdict == "certified"
    first, second, *others = found.answers
    anew = "(class weights balanced anew)"
    assert (anew if way == "balanced" else KEEPS) in first.sentence
    assert {"balanced": anew, "by label": "(every row with the class weight of its label then)"}.get(
        way, KEEPS) in second.sentence
    assert all(KEEPS in answer.sentence for answer in others) and len(others) == 2
    note, = found.as_json()["model"]["notes"]
    assert ("as its new label" in note) == (way == "by label") and "with weights from" in repr(found)
    assert ("balanced anew" in note) == (way == "balanced")
    for answer in found.answers:
        assert check(answer.folder / "certificate.json", NONE).verdict == "certified"


def test_weights_of_rows_beside_balanced_ones_are_kept_as_they_are_today(tmp_path: Path) -> None:
    """No spec has both, and one of balanced weights alone would be about another model."""
    own = np.exp(2 * np.random.default_rng(1).normal(size=24))
    weights = own * len(Y) / (2 * np.bincount(Y))[Y]
    model = linear.LogisticRegression(tol=1e-10, max_iter=5000).fit(X, Y, weights)
    problem = replace(certify.from_sklearn(model, X, Y), weights=SampleWeights(own, balanced=True))
    found = certify.audit(problem, POINTS, ask=["rows deleted", "how far"], folder=tmp_path)
    stays = np.all([labels == model.predict(POINTS) for labels in refits(weights, False)], axis=0)
    assert found.answers[0].lower == found.answers[0].upper == int(stays.sum())
    assert len(found.answers) == 2 and all(KEEPS in answer.sentence for answer in found.answers)


def test_the_loss_that_is_shown_counts_rows_by_their_weights(tmp_path: Path) -> None:
    model, _ = fits()["by row"]
    found = certify.audit(certify.from_sklearn(model, X, Y, W), POINTS, ask="rows deleted", folder=tmp_path)
    losses = np.logaddexp(0, -(2 * Y - 1) * model.decision_function(X))
    assert found.as_json()["model"]["training_loss"] == pytest.approx(float((W * losses).mean()), rel=1e-3)


@pytest.mark.parametrize("kind", ["skops", "safetensors", "npz"])
def test_weights_are_a_column_of_the_data_file(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, _ = fits()["by row"]
    rows = table(tmp_path / "train.csv", ("a", "b", "w", "y"), [*X.T, W, Y])
    points = table(tmp_path / "more.csv", ("a", "b", "w", "y"), [*POINTS.T, np.ones(20), np.zeros(20)])
    file, told = tmp_path / f"m.{kind}", [*TOLD]
    told[told.index("--weight-decay") + 1] = repr(1 / 24)
    if kind == "skops":
        skops = pytest.importorskip("skops.io")
        skops.dump(model, file)
        told = []
    elif kind == "safetensors":
        save_file({"0.weight": model.coef_, "0.bias": model.intercept_}, file)
    else:
        np.savez(file, weight=model.coef_, bias=model.intercept_)
    command = ["audit", str(file), rows, "--eval", points, "--weights", "w", *told, "--ask", "rows deleted", "-o",
               str(tmp_path / "o")]
    assert main(command) == 0
    today = model.predict(POINTS)
    stays = np.all([labels == today for labels in refits(W, False)], axis=0)
    said = capsys.readouterr()
    assert f"{int(stays.sum())} of 20 predictions proved to stay" in said.out and KEEPS in said.out
    assert "rows carry the weights they were fitted with" in said.err and "rows count by their weights" in said.err
    certificate = json.loads((tmp_path / "o" / "certificate.json").read_text(encoding="utf-8"))
    own = certificate["problem"]["row_weights"]
    assert (own["least"], own["largest"]) == (W.min(), W.max()) and certificate["problem"]["inputs"] == 2
    assert check(tmp_path / "o" / "certificate.json", NONE).verdict == "certified"


@pytest.mark.parametrize("name", ["y", "none"])
def test_a_name_that_is_none_of_weights_is_refused(name: str, tmp_path: Path,
                                                   capsys: pytest.CaptureFixture[str]) -> None:
    skops = pytest.importorskip("skops.io")
    skops.dump(fits()["by row"][0], tmp_path / "m.skops")
    rows = table(tmp_path / "train.csv", ("a", "b", "w", "y"), [*X.T, W, Y])
    assert main(["audit", str(tmp_path / "m.skops"), rows, "--weights", name, "-o", str(tmp_path / "o")]) == 2
    assert name in capsys.readouterr().err


def test_an_estimator_that_divides_by_the_weights_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str],
                                                             ) -> None:
    skops = pytest.importorskip("skops.io")
    skops.dump(linear.PoissonRegressor().fit(X, Y, W), tmp_path / "m.skops")
    rows = table(tmp_path / "train.csv", ("a", "b", "w", "y"), [*X.T, W, Y])
    assert main(["audit", str(tmp_path / "m.skops"), rows, "--weights", "w", "-o", str(tmp_path / "o")]) == 2
    assert "divides by their sum" in capsys.readouterr().err


def test_balanced_ridge_counts_its_codes(tmp_path: Path) -> None:
    model = linear.RidgeClassifier(class_weight="balanced").fit(X, Y)
    problem = certify.from_sklearn(model, X, Y)
    found = certify.audit(problem, POINTS, ask="rows deleted", folder=tmp_path)
    weights, today = len(Y) / (2 * np.bincount(Y))[Y], model.predict(POINTS)
    stays = np.full(len(POINTS), True)
    for i in range(len(Y)):
        keep = np.arange(len(Y)) != i
        stays &= linear.RidgeClassifier().fit(X[keep], Y[keep], weights[keep]).predict(POINTS) == today
    answer = found.answers[0]
    assert answer.lower == answer.upper == int(stays.sum())
    assert problem.weights is not None and np.allclose(problem.weights.as_fitted(problem), weights)


@pytest.mark.parametrize(("rows", "weights"), [(24, True), (12, True), (12, False), (23, False)])
def test_a_minimum_beside_the_weights_is_asked_about_and_given_weights_are_not_missed(
        rows: int, weights: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tol = 1e-2 if rows == 24 else 1e-10  # of all rows the solver stops short
    model = linear.LogisticRegression(tol=tol, max_iter=5000).fit(X, Y, W if weights else None)
    np.savez(tmp_path / "m.npz", coef=model.coef_, intercept=model.intercept_)
    data = table(tmp_path / "d.csv", "abwy", [column[-rows:] for column in (*X.T, W if weights else np.ones(24), Y)])
    assert main(["audit", str(tmp_path / "m.npz"), data, *TOLD, "--ask", "rows deleted", "--weights", "w", "-o",
                 str(tmp_path / "out"), "-q"]) in (0, 4)
    said = capsys.readouterr().err
    assert "Are these all the rows, and no others, that they were fitted to?" in said and "a bound, and no dist" in said
    assert "name these" not in said and "carried weights" not in said


@pytest.mark.parametrize("balanced", [True, False])
def test_a_ranking_says_that_rows_keep_the_weights_of_today(balanced: bool, tmp_path: Path) -> None:
    """Beside flips of fits that are balanced anew other rows flip it."""
    model = linear.LogisticRegression(tol=1e-10, max_iter=5000, class_weight="balanced" if balanced else None)
    certify.audit(certify.from_sklearn(model.fit(X, Y), X, Y), POINTS, ask="which rows matter", folder=tmp_path)
    page = (tmp_path / "audit.html").read_text("utf-8")
    assert f"left out by itself and the model trained again{' ' + KEEPS if balanced else ''};" in page


@pytest.mark.parametrize(("tol", "begins"), [(0.05, "the one solution is proved only"), (3e-3, "the claims are about")])
def test_a_caution_about_a_balanced_model_is_said_once(tol: float, begins: str, tmp_path: Path, capsys) -> None:
    """Rows balanced anew and rows with today's weights are two questions about one model, and one caution holds."""
    sio = pytest.importorskip("skops.io")
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(2)
    X, y = rng.normal(size=(40, 3)), np.array(["rare"] * 12 + ["usual"] * 28)
    X[:, 0] += 1.5 * (y == "rare")
    sio.dump(LogisticRegression(class_weight="balanced", tol=tol).fit(X, y), tmp_path / "m.skops")
    np.savez(tmp_path / "t.npz", X=X, y=y)
    assert main(["audit", str(tmp_path / "m.skops"), str(tmp_path / "t.npz"), "-o", str(tmp_path / "o")]) == 0
    cautions = [line for line in capsys.readouterr().err.splitlines() if line.startswith(f"caution: {begins}")]
    assert len(cautions) == 1 and "If rows carried weights" not in cautions[0]
    page = (tmp_path / "o" / "audit.html").read_text()
    assert page.count(f"{begins[0].upper()}{begins[1:]}") == 1
