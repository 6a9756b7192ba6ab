"""Groups of rows by what hangs on each, for one prediction: the ends hold what training again without each finds."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression, Ridge

import certify
from certify.auditing.questions.of_groups import one_prediction as one_prediction_groups
from certify.auditing.shown.owners import owners_of
from certify.check.main import main as check
from certify.cli.main import main

TOLERANCE = 1e-6
"""How far the refits of these tests may be from exact ones."""


def drawn(classes):
    """Rows of twelve users, labels, rows to predict, and a model whose users matter."""
    rng = np.random.default_rng(5)
    X, users = rng.normal(size=(60, 2)), np.array([f"user {i}" for i in rng.integers(0, 12, 60)])
    y = np.digitize(X[:, 0] + rng.normal(size=60), [0.0] if classes == 2 else [-0.5, 0.5])
    points = rng.normal(size=(5, 2)) * [0.1, 1.0]
    return X, y, users, points, LogisticRegression(tol=1e-12, max_iter=10_000).fit(X, y)


def lead(model, point, own):
    """The output, or the lead of a label over the largest of the others."""
    z = model.decision_function(point[None])[0]
    return z if np.ndim(z) == 0 else z[own] - np.delete(z, own).max()


@pytest.mark.parametrize("classes", [2, 3])
def test_each_group_is_ranked_by_name_and_what_it_does_is_enclosed(classes, tmp_path):
    X, y, users, points, model = drawn(classes)
    problem, j = certify.from_sklearn(model, X, y), 3
    found = certify.audit(problem, points, prediction=j, groups=users, ask="which groups matter for this prediction")
    (first, claim) = found.answers
    ranking = first.ranking
    assert ranking["ranks"] == "groups" and ranking["of"] == len(set(users)) == len(ranking["rows"])
    assert {one["group"] for one in ranking["rows"]} == set(users)
    own, flips = int(model.predict(points[j : j + 1])[0]), set()
    today = lead(model, points[j], own)
    sizes = []
    for one in ranking["rows"]:
        kept = users != one["group"]
        again = clone(model).fit(X[kept], y[kept])
        change = lead(again, points[j], own) - today
        assert one["of"] == (~kept).sum() and one["prediction"] == j
        assert one["lower"] - TOLERANCE <= change <= one["upper"] + TOLERANCE <= one["lower"] + 3 * TOLERANCE
        assert one["direction"] == ("raises" if change > 0 else "lowers")
        gone = again.predict(points[j : j + 1])[0] != own
        assert bool(one["flips"]) == gone and not one["undecided"]
        flips |= {one["group"]} if gone else set()
        sizes.append(abs(change))
    assert sizes == sorted(sizes, reverse=True)
    assert f"group {ranking['rows'][0]['group']} matters most" in first.sentence and "row" not in first.sentence
    assert ("alone flips its label" in first.sentence) == bool(flips)
    assert ("gets another label when group" in claim.sentence) == bool(flips)
    folder = found.save(tmp_path / "o")
    assert check([str(folder / "certificate.json"), "-q"]) == 0
    page = (folder / "rows.html").read_text()
    assert f'<th scope="row">{ranking["rows"][0]["group"]}</th>' in page and "groups of training rows" in page
    assert "Each group is left out by itself" in (folder / "audit.html").read_text()


def test_the_command_asks_it_beside_rows_and_says_whose_column_it_is(tmp_path, capsys):
    X, y, users, points, model = drawn(2)
    sio = pytest.importorskip("skops.io")
    sio.dump(model, tmp_path / "m.skops")
    lines = ["a,b,user,y", *(f"{a!r},{b!r},{who},{label}" for (a, b), who, label in zip(
        X.tolist(), users, y, strict=True))]
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "n.csv").write_text("\n".join(["a,b", *(f"{a!r},{b!r}" for a, b in points.tolist())]) + "\n")
    given = ["audit", str(tmp_path / "m.skops"), str(tmp_path / "t.csv"), "--eval", str(tmp_path / "n.csv"), "-o",
             str(tmp_path / "o"), "--prediction", "3", "-q"]
    assert main([*given, "--groups", "user", "--ask", "which rows matter for this prediction", "--ask",
                 "which groups matter for this prediction"]) == 0
    said = capsys.readouterr().out
    assert "training row" in said and " of user matters most to prediction 3" in said and " rows): " in said
    answers = json.loads((tmp_path / "o" / "audit.json").read_text())["answers"]
    assert {one["ask"] for one in answers} == {"one prediction", "one prediction groups"}
    assert main([*given, "--features", "a,b", "--ask", "which groups matter for this prediction"]) == 4
    assert "--groups" in capsys.readouterr().out


def test_what_cannot_be_ranked_says_why():
    X, y, users, points, _ = drawn(2)
    problem = certify.from_sklearn(Ridge().fit(X, X[:, 0] + y), X, X[:, 0] + y)
    found = certify.audit(problem, points, prediction=3, groups=users, ask="which groups matter for this prediction")
    assert found.verdict == "inconclusive" and "certify.leave_one_out(problem, X_new, groups=users)" in repr(found)


def test_the_time_binds_and_a_ranking_that_is_not_there_is_open(monkeypatch):
    X, y, users, points, model = drawn(2)
    problem = certify.from_sklearn(model, X, y)
    found = certify.audit(problem, points, prediction=3, groups=users, seconds=1e-9,
                          ask="which groups matter for this prediction")
    assert found.answers[0].verdict == "inconclusive" and "before every group had been left out" in repr(
        found.answers[0].reason)
    monkeypatch.setattr(one_prediction_groups, "group_ranking", lambda *given: "why not")
    found = certify.audit(problem, points, prediction=3, groups=users, ask="which groups matter for this prediction")
    assert found.answers[0].reason == "why not" and found.answers[0].ranking["rows"] == []


def test_two_groups_of_one_name_stay_two():
    """Labels 1.0 and '1' are told by one name: numbers tell them apart."""
    who = owners_of("user", [0, 1, 0], [1.0, "1", 1.0])
    assert who.called(0) == who.called(1) == "group 1 of user"
