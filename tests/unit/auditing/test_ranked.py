"""Rows by what hangs on each: the ends hold what training again without each row finds."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import certify
from certify.auditing.questions.base import Options
from certify.auditing.questions.one_prediction import OnePrediction
from certify.auditing.questions.which_rows import WhichRows
from certify.check.main import main as check
from certify.cli.main import main
from certify.format.errors import InputError
from tests.families.pages import without_script

TOLERANCE = 1e-6
"""How far the refits of these tests may be from exact ones."""


def drawn(kind: str):
    """Three classes in two columns, a fitted classifier, and rows to predict."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier

    rng = np.random.default_rng(3)
    middles = np.array([[-1.2, 0.0], [1.2, 0.0], [0.0, 1.5]])
    X = np.vstack([rng.normal(m, 0.9, (9, 2)) for m in middles])
    points = rng.normal(0.0, 1.0, (6, 2))
    names = np.array(["ham", "eggs", "spam"])
    y = np.repeat(names, 9)
    if kind == "raw":  # millimetres, and two classes
        shift, stretch = np.array([900.0, 150.0]), np.array([40.0, 9.0])
        X, points, y = X * stretch + shift, points * stretch + shift, np.where(y == "spam", "ham", y)
    model = LogisticRegression(tol=1e-12, max_iter=100_000, solver="newton-cholesky" if kind == "raw" else "lbfgs")
    if kind == "one_vs_rest":
        model = OneVsRestClassifier(model)
    return model.fit(X, y), X, y, points


def leads(model, points, today):
    """The output of each point, or the lead of today's label over the largest of the others."""
    F = model.decision_function(points)
    if F.ndim == 1:
        return F
    own = np.argmax(today, axis=1)[:, None] == np.arange(F.shape[1])
    return F[own] - np.where(own, -np.inf, F).max(axis=1)


def retrained(model, X, y, points):
    """Per row: changes of outputs or leads, labels that change, and how far the weights go."""
    from sklearn.base import clone

    today = np.atleast_2d(model.decision_function(points))
    base, found = leads(model, points, today), []
    for row in range(len(X)):
        new = clone(model).fit(np.delete(X, row, 0), np.delete(y, row))
        found.append((leads(new, points, today) - base, np.flatnonzero(new.predict(points) != model.predict(points)),
                      np.linalg.norm(weights(new) - weights(model))))
    return found


def weights(model):
    return model.coef_ if hasattr(model, "coef_") else np.vstack([one.coef_ for one in model.estimators_])


@pytest.mark.parametrize("kind", ["softmax", "one_vs_rest", "raw"])
def test_each_row_is_enclosed_where_training_again_without_it_leads(kind):
    model, X, y, points = drawn(kind)
    truth = retrained(model, X, y, points)
    found = certify.audit(certify.from_sklearn(model, X, y), points, ask="which rows matter")
    first = found.answers[0]
    assert first.verdict == "certified" and f"training row {first.ranking['rows'][0]['row']} m" in first.sentence
    slack = TOLERANCE * max(1.0, first.ranking["upper"])
    assert len(first.ranking["rows"]) == first.ranking["of"] == len(X)
    for one in first.ranking["rows"]:
        change, flipped, far = truth[one["row"]]
        assert one["lower"] - slack <= change[one["prediction"]] <= one["upper"] + slack
        assert one["flips"] == flipped.tolist() and one["undecided"] == 0
        assert one["weights"][0] - slack <= far <= one["weights"][1] + slack
        assert one["label"] == y[one["row"]] and list(one["data"].values()) in (
            X[one["row"]].tolist(), X[one["row"], ::-1].tolist())
    assert max(np.abs(change).max() for change, _, _ in truth) <= first.ranking["upper"] + slack


@pytest.mark.parametrize("kind", ["softmax", "one_vs_rest"])
def test_the_lead_is_over_the_class_that_is_next_without_the_row(kind):
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier

    rng = np.random.default_rng(1)
    y = np.repeat(np.arange(4), 5)
    X = np.array([[-1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])[y] + rng.normal(0.0, 0.6, (20, 2))
    points = np.vstack([rng.normal(0.0, 1.0, (8, 2)), [[-0.6, 0.05]]])
    model = LogisticRegression(tol=1e-12, max_iter=100_000)
    model = (model if kind == "softmax" else OneVsRestClassifier(model)).fit(X, y)
    truth = np.array([change for change, _, _ in retrained(model, X, y, points)])
    today, at = np.sort(model.decision_function(points), axis=1), np.arange(len(points))
    own, second = np.argsort(model.decision_function(points), axis=1)[:, [-1, -2]].T
    held = np.array([(F[at, own] - F[at, second]) - (today[:, -1] - today[:, -2]) for F in (
        type(model)(**model.get_params(deep=False)).fit(np.delete(X, row, 0), np.delete(y, row)).decision_function(
            points) for row in range(20))])
    point = int(np.abs(held - truth).max(axis=0).argmax())
    assert np.abs(held - truth)[:, point].max() > 1e-2  # another class is next without a row
    problem = certify.from_sklearn(model, X, y)
    for ranking in (certify.audit(problem, points, prediction=point, ask="which rows matter").answers[0].ranking,
                    certify.audit(problem, points, ask="which rows matter").answers[0].ranking):
        assert ranking["measures"] == "the lead of today's label" and ranking["of"] == len(ranking["rows"]) == 20
        for one in ranking["rows"]:
            assert one["lower"] - TOLERANCE <= truth[one["row"], one["prediction"]] <= one["upper"] + TOLERANCE
            assert one["upper"] - one["lower"] < 1e-3
        most = np.abs(truth[:, point] if ranking["prediction"] is not None else truth).max()
        assert abs(ranking["upper"] - most) < 1e-3
        first = ranking["rows"][0]
        assert abs(abs(truth[first["row"], first["prediction"]]) - most) < TOLERANCE


@pytest.mark.parametrize("kind", ["softmax", "raw"])
def test_what_no_certificate_holds_is_said_and_the_one_beside_it_checks(kind, tmp_path, capsys):
    model, X, y, points = drawn(kind)
    found = certify.audit(certify.from_sklearn(model, X, y), points, ask="which rows matter", folder=tmp_path)
    first, *others = json.loads((tmp_path / "audit.json").read_text())["answers"]
    assert first["quantity"] == "leave_one_out" and not first["in_certificate"] and others[0]["in_certificate"]
    assert "no certificate holds it" in first["cautions"][0] and not any(
        "no certificate" in words for one in others for words in one["cautions"])
    assert others[0]["quantity"] == "stable_predictions" and found.verdict == "certified"
    assert first["answer"].endswith("; no certificate holds this ranking")
    assert not any("no certificate" in one["answer"] for one in others)
    assert check([str(tmp_path / "certificate.json")]) == 0, capsys.readouterr()


def test_rows_are_not_ranked_beyond_what_is_held_or_in_no_time(monkeypatch):
    model, X, y, points = drawn("softmax")
    problem = certify.from_sklearn(model, X, y)
    monkeypatch.setattr("certify.auditing.ranked.left_out.MOST", 100)
    (*_, last) = found = certify.audit(problem, points, ask="which rows matter").answers
    assert found[0].ranking["rows"] == [] and "--prediction" in found[0].ranking["reason"] and last.in_certificate
    monkeypatch.undo()
    clock = SimpleNamespace(monotonic=iter(range(0, 10**6, 1000)).__next__)
    monkeypatch.setattr("certify.auditing.ranked.left_out.time", clock)
    found = certify.audit(problem, points, ask="which rows matter").answers
    assert "the time was up" in found[0].ranking["reason"]


@pytest.mark.parametrize(("asked", "status", "headline"), [
    (("which rows matter",), 4, "inconclusive 0 of 1 question answered with a proof; 1 open (which rows)"),
    (("which rows matter", "rows deleted"), 0, "certified 1 of 2 questions answered with a proof; 1 open (which rows)"),
    (("prediction 1",), 4, "inconclusive 0 of 1 question answered with a proof; 1 open (one prediction)")])
def test_a_question_on_rows_not_ranked_in_time_is_open(asked, status, headline, monkeypatch, tmp_path, capsys):
    model, X, y, points = drawn("softmax")
    for name, arrays in (("linear", {"coef": model.coef_, "intercept": model.intercept_}),
                         ("train", {"X": X, "y": np.unique(y, return_inverse=True)[1]}), ("new", {"X": points})):
        np.savez(tmp_path / f"{name}.npz", **arrays)
    clock = SimpleNamespace(monotonic=iter(range(0, 10**6, 1000)).__next__)
    monkeypatch.setattr("certify.auditing.ranked.left_out.time", clock)
    files, out = [str(tmp_path / f"{name}.npz") for name in ("linear", "train", "new")], tmp_path / "out"
    assert main(["audit", files[0], files[1], "--eval", files[2], "--loss", "cross_entropy", "--weight-decay",
                 repr(1 / len(X)), "--no-bias-decay", "-o", str(out), "-q",
                 *(word for one in asked for word in ("--ask", one))]) == status
    said = capsys.readouterr()
    lines, content = said.out.splitlines(), json.loads((out / "audit.json").read_text())
    assert lines[0].startswith("open    which training rows matter most") and "[the time was up" in lines[0]
    assert lines[-1] == headline and any(line.startswith("proved ") for line in lines)  # what stays, beside it
    assert content["answers"][0]["verdict"] == "inconclusive" and content["verdict"] == headline.partition(" ")[0]
    assert "no certificate holds" not in said.err + lines[0]
    page = (out / "audit.html").read_text()
    assert "left open" in page and page.count("the time was up") == 1


def test_the_rows_of_one_prediction_are_named_and_one_that_flips_it_alone(tmp_path, capsys):
    model, X, y, points = drawn("softmax")
    truth = retrained(model, X, y, points)
    point = next(int(flipped[0]) for _, flipped, _ in truth if len(flipped))
    np.savez(tmp_path / "linear.npz", coef=model.coef_, intercept=model.intercept_)
    np.savez(tmp_path / "train.npz", X=X, y=np.unique(y, return_inverse=True)[1])
    np.savez(tmp_path / "new.npz", X=points)
    out = tmp_path / "out"
    command = ["audit", str(tmp_path / "linear.npz"), str(tmp_path / "train.npz"), "--eval", str(tmp_path / "new.npz"),
               "--loss", "cross_entropy", "--weight-decay", repr(1 / len(X)), "--no-bias-decay", "-o", str(out)]
    assert main([*command, "--ask", f"which rows matter for prediction {point}", "--json"]) == 0
    answers = json.loads(capsys.readouterr().out)["answers"]
    ranking, slack = answers[0]["ranking"], TOLERANCE
    flipping = sorted(row for row, (_, flipped, _) in enumerate(truth) if point in flipped)
    assert sorted(ranking["flipped_by"]) == flipping and ranking["prediction"] == point and flipping
    assert f"{flipping[0]}" in answers[0]["answer"] and "alone flips its label" in answers[0]["answer"]
    for one in ranking["rows"]:
        change = truth[one["row"]][0][point]
        assert one["lower"] - slack <= change <= one["upper"] + slack
        assert one["direction"] == ("raises" if change > 0 else "lowers")
    sizes = [abs(one["lower"] + one["upper"]) for one in ranking["rows"]]
    assert sizes == sorted(sizes, reverse=True)
    assert answers[1]["answer"].startswith(f"prediction {point} gets another label when training row")
    assert check([str(out / "certificate.json")]) == 0
    capsys.readouterr()
    assert main([*command, "--prediction", str(point), "--ask", "which rows matter", "-q"]) == 0  # over the same folder
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("proved  training row ") and said[1].startswith("        row ") and len(said) == 8
    page = (out / "rows.html").read_text()
    assert "<th scope=\"row\">" + str(ranking["rows"][0]["row"]) in page and "flips" in page and without_script(page)


def test_the_rows_of_one_prediction_in_memory_are_named_in_words():
    model, X, y, points = drawn("raw")
    problem = certify.from_sklearn(model, X, y)
    found = certify.audit(problem, points, prediction=2, ask="which rows matter")
    assert [one.slug for one in found.answers] == ["one-prediction"] * 2
    first = found.answers[0]
    loo = certify.leave_one_out(problem, points).most_influential(2, 3)
    assert [one["row"] for one in first.ranking["rows"][:3]] == [one.row for one in loo]
    assert first.ranking["label"] == model.predict(points)[2] and first.ranking["rows"][0]["label"] in ("ham", "eggs")
    assert "prediction 2" in first.sentence and "its output" in first.sentence
    assert repr(found).splitlines()[2].startswith(f"    row {loo[0].row} (labelled ")
    assert f'<th scope="row">{loo[0].row}</th>' in found._repr_html_()


@pytest.mark.parametrize(("options", "wanted"), [
    ({"prediction": 6}, "they are numbered from 0 to 5"), ({"prediction": -1}, "give a whole number"),
    ({"prediction": 1, "ask": "labels wrong"}, "no question is about one prediction"),
    ({"prediction": 1, "ask": "which rows matter for prediction 2"}, "was named before")])
def test_a_prediction_that_cannot_be_meant_is_refused(options, wanted):
    model, X, y, points = drawn("softmax")
    with pytest.raises(InputError, match=wanted):
        certify.audit(certify.from_sklearn(model, X, y), points, **options)


def test_nobodys_file_is_replaced_by_the_row_that_is_predicted(tmp_path):
    model, X, y, points = drawn("softmax")
    problem = certify.from_sklearn(model, X, y)
    for name in ("prediction.safetensors", "rows.html"):
        folder = tmp_path / name.partition(".")[0]
        folder.mkdir()
        (folder / name).write_text("mine")
        found = certify.audit(problem, points, ask="prediction 1", folder=folder)
        assert "was not written by an audit" in found.skipped[0].reason and found.verdict == "inconclusive"
        assert (folder / name).read_text() == "mine"


def test_rows_that_move_the_weights_are_tabled_where_there_is_no_penalty(tmp_path, capsys):
    rng = np.random.default_rng(0)
    X, w = rng.normal(size=(12, 2)), np.array([[1.0, -2.0]])
    np.savez(tmp_path / "linear.npz", coef=w, intercept=np.zeros(1))
    np.savez(tmp_path / "train.npz", X=X, y=(X @ w.T)[:, 0] + 0.1 * rng.normal(size=12))
    files, out = [str(tmp_path / name) for name in ("linear.npz", "train.npz")], tmp_path / "out"
    assert main(["audit", *files, "--loss", "squared", "--weight-decay", "0", "--ask", "which rows matter", "--json",
                 "-o", str(out)]) == 0
    (found,) = json.loads(capsys.readouterr().out)["answers"]
    lows = [one["lower"] for one in found["ranking"]["rows"]]
    assert found["quantity"] == "sample_modulus" and lows == sorted(lows, reverse=True)
    assert f"training row {found['ranking']['rows'][0]['row']} matters most" in found["answer"]
    page = (out / "rows.html").read_text()
    assert "Both ends of every row are in the certificate" in page and "weights for each unit" in page


@pytest.mark.parametrize(("lower", "upper", "changed", "wanted"), [
    (1.0, 1.0, [], "keeps its label"), (0.0, 1.0, [], "is open"), (0.0, None, [], "is open"),
    (None, None, [], "is open"), (0.0, 0.0, [4], "when training row 4 is left out"),
    (0.0, 0.0, [], "with no change at all"), (0.0, 0.0, [-1], "with no change at all")])
def test_a_claim_on_one_prediction_says_no_more_than_it_proves(lower, upper, changed, wanted):
    model, X, y, points = drawn("softmax")
    with_subject = certify.audit(certify.from_sklearn(model, X, y), points, ask="rows deleted").subject
    claim = {"quantity": "stable_predictions", "lower": lower, "upper": upper, "witness": {"changed": changed}}
    assert wanted in OnePrediction().answer(with_subject, Options(prediction=0), claim)


def test_a_label_that_the_minimum_gives_another_is_flipped_by_no_row(tmp_path):
    model, X, y, points = drawn("softmax")
    model.intercept_ = model.intercept_ + np.array([3.0, 0.0, -3.0])  # weights that were not trained to the end
    problem = certify.from_sklearn(model, X, y)
    found = certify.audit(problem, points, ask="which rows matter").answers[0].ranking
    assert found["already"] and not any(set(found["already"]) & set(one["flips"]) for one in found["rows"])
    deleted = certify.audit(problem, points, ask="rows deleted", folder=tmp_path)
    named = f"already when trained to the end on today's data (rows {', '.join(map(str, found['already']))})"
    assert named.replace("rows", "row" if len(found["already"]) == 1 else "rows") in deleted.answers[0].sentence
    page = (tmp_path / "audit.html").read_text()
    assert "flipped by rows" not in page and "or it is another already when trained" in page
    first = certify.audit(problem, points, prediction=found["already"][0], ask="which rows matter").answers[0]
    assert "at that minimum already" in first.sentence and first.ranking["flipped_by"] == []


def test_amounts_of_columns_as_they_come_are_ranked_where_a_claim_says_little():
    from sklearn.linear_model import Ridge

    rng = np.random.default_rng(4)
    X = rng.normal(size=(30, 2)) * [40.0, 3.0] + [900.0, 150.0]
    y = X @ [0.1, 2.0] + rng.normal(size=30)
    model = Ridge().fit(X, y)
    first = certify.audit(certify.from_sklearn(model, X, y), X[:5], ask="which rows matter").answers[0]
    changes = {row: np.abs(Ridge().fit(np.delete(X, row, 0), np.delete(y, row)).predict(X[:5]) - model.predict(X[:5]))
               for row in range(30)}
    row = max(changes, key=lambda row: changes[row].max())
    assert first.verdict == "certified" and f"training row {row} matters most to a prediction" in first.sentence
    assert first.lower - 1e-6 <= changes[row].max() <= first.upper + 1e-6 and first.ranking["labels"] is False


@pytest.mark.parametrize(("ends", "wanted"), [
    ([(2.0, 2.1), (1.9, 2.0)], "matters most:"), ([(2.0, 2.001), (2.0, 2.001)], "matters most (to within 1 %):"),
    ([(2.0, 2.1), (1.0, 3.0)], "may matter most:"), ([(2.0, 2.1), (1.0, None)], "may matter most:")])
def test_a_row_is_called_the_one_that_matters_most_where_no_other_is_beyond_it(ends, wanted):
    model, X, y, points = drawn("softmax")
    subject = certify.audit(certify.from_sklearn(model, X, y), points, ask="rows deleted").subject
    lows, highs = zip(*ends, strict=True)
    claim = {"quantity": "sample_modulus", "lower": max(lows), "upper": 3.0,
             "rows": [3, 4], "row_lower": list(lows), "row_upper": list(highs), "witness": {}}
    said = WhichRows().answer(subject, Options(), claim)
    assert f"training row 3 {wanted}" in said


@pytest.mark.parametrize(("kind", "quantity", "wanted"), [
    ("raw", "prediction_change", "an output (log-odds) moves by at least 2 from today's exact minimum, and no row's "
                                 "absence moves one by more than 3"),
    ("softmax", "prediction_change", "the outputs of a row together (root of the sum of squares) move by at least 2 "
                                     "from today's exact minimum, and no row's absence moves them by more than 3"),
    ("raw", "distance", "the weights (root of the sum of squares) move by at least 2 from today's exact minimum, and "
                        "no row's absence moves them by more than 3")])
def test_the_row_that_matters_is_said_with_what_it_moves_and_in_what_unit(kind, quantity, wanted):
    model, X, y, points = drawn(kind)
    subject = certify.audit(certify.from_sklearn(model, X, y), points, ask="rows deleted").subject
    claim = {"quantity": quantity, "lower": 2.0, "upper": 3.0, "witness": {"changed": [4]}}
    said = WhichRows().answer(subject, Options(), claim)
    assert said.startswith("training row 4 may matter most") and said.endswith(wanted)


@pytest.mark.parametrize(("quantity", "lower", "said"), [
    ("prediction_change", None, "which rows matter most to an output for these rows is open"),
    ("distance", 0.25, "which rows matter most to the weights is open; one counts 0.25"),
    ("sample_modulus", None, "which rows matter most is open")])
def test_an_open_answer_says_to_what_rows_matter(quantity, lower, said):
    """As the other quantity of the same question may be proved."""
    model, X, y, points = drawn("raw")
    subject = certify.audit(certify.from_sklearn(model, X, y), points, ask="rows deleted").subject
    claim = {"quantity": quantity, "lower": lower, "upper": None, "witness": {}}
    assert WhichRows().answer(subject, Options(), claim) == said


def test_the_page_of_rows_is_there_where_the_guide_says_so(tmp_path: Path) -> None:
    """Of rows that are ranked, and of no other question; of these another command shows the rows, as the guide says."""
    rng = np.random.default_rng(4)
    X, groups = rng.normal(size=(16, 2)), np.arange(16) % 5
    y = X[:, 0] + 0.5 * rng.normal(size=16) > 0
    linear = pytest.importorskip("sklearn.linear_model")
    problem = certify.from_sklearn(linear.LogisticRegression(tol=1e-9).fit(X, y), X, y)
    asked = {"rows-deleted": "rows deleted", "labels-wrong": "labels wrong", "these-rows": "these rows 3 and 5",
             "how-far": "how far from changing", "coefficients": "signs of coefficients", "noise": "noise",
             "which-rows": "which rows matter", "one-prediction": "which rows matter for prediction 2"}
    for slug, words in asked.items():
        folder = tmp_path / slug
        certify.audit(problem, X[:4], ask=words, folder=folder, seconds=20)
        assert (folder / "certificate.json").exists()
        assert (folder / "rows.html").exists() == (slug in ("which-rows", "one-prediction")), slug
    certify.audit(problem, X[:4], ask="1 user deleted", groups=groups, folder=tmp_path / "users", seconds=20)
    assert not (tmp_path / "users" / "rows.html").exists()
    guide = (Path(__file__).parents[3] / "docs" / "audit.md").read_text(encoding="utf-8")
    assert "that is of *which rows matter*, of `--prediction` too, `rows.html`" in guide
    found = tmp_path / "labels-wrong"
    assert main(["report", str(found / "certificate.json"), "--rows", "-o", str(found / "page.html")]) == 0
    assert "training row" in (found / "page.html").read_text()
    assert "labels wrong `certify report certificate.json --rows` shows" in guide
