"""`certify audit` from files and from memory: what it proves is what the theorems prove, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

import certify
from certify.check.main import main as check
from certify.cli.main import main
from certify.format.errors import InputError
from tests.families.pages import without_script


@pytest.fixture(scope="module")
def fitted():
    """A stock logistic regression on two clouds, with rows to predict."""
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(5)
    X = np.round(np.vstack([rng.normal(-1.0, 1.0, (14, 2)), rng.normal(1.0, 1.0, (14, 2))]), 3)
    y = np.repeat([0, 1], 14)
    points = np.round(rng.normal(0.0, 1.5, (9, 2)), 3)
    return LogisticRegression(tol=1e-10, max_iter=10_000).fit(X, y), X, y, points, (points.sum(axis=1) > 0).astype(int)


@pytest.fixture(scope="module")
def files(fitted, tmp_path_factory):
    """The same as files."""
    model, X, y, points, right = fitted
    folder = tmp_path_factory.mktemp("audited")
    save_file({"0.weight": model.coef_, "0.bias": model.intercept_}, folder / "model.safetensors")
    np.savez(folder / "train.npz", X=X, y=y)
    np.savez(folder / "new.npz", X=points, y=right)
    return folder


def told(fitted) -> list[str]:
    """What no file says of it."""
    return ["--loss", "logistic", "--weight-decay", repr(1 / len(fitted[1])), "--no-bias-decay"]


def asked(files, fitted, *options: str, out: str) -> list[str]:
    return ["audit", str(files / "model.safetensors"), str(files / "train.npz"), "--eval", str(files / "new.npz"),
            *told(fitted), "-o", str(files / out), *options]


@pytest.fixture(scope="module")
def whole(fitted, files):
    """Everything that is commonly asked, once."""
    from contextlib import redirect_stdout
    from io import StringIO

    text = StringIO()
    with redirect_stdout(text):
        status = main(asked(files, fitted, "--json", "--quiet", out="whole"))
    return status, json.loads(text.getvalue()), files / "whole"


def refits(model, X, y, points):
    """Labels of the points after each single deletion, by retraining."""
    from sklearn.base import clone

    today = model.predict(points)
    return np.array([clone(model).fit(np.delete(X, i, 0), np.delete(y, i)).predict(points) == today
                     for i in range(len(X))])


def test_the_answer_on_one_deleted_row_is_that_of_retraining(fitted, whole):
    status, found, _ = whole
    model, X, y, points, right = fitted
    stays = refits(model, X, y, points).all(axis=0)
    answer = next(a for a in found["answers"] if a["quantity"] == "stable_predictions" and "left out" in a["question"])
    assert status == 0 and found["verdict"] == "certified"
    assert answer["lower"] <= stays.sum() <= answer["upper"] and answer["lower"] == answer["upper"]
    kept = next(a for a in found["answers"] if a["quantity"] == "correct_predictions" and "left out" in a["question"])
    assert kept["lower"] <= (stays & (model.predict(points) == right)).sum() <= kept["upper"]


def test_every_answer_has_a_certificate_that_the_checker_derives_again(whole, capsys):
    _, found, folder = whole
    places = {answer["certificate"] for answer in found["answers"]}
    assert len(places) == 4 and "certificate.json" in places
    for place in places:
        assert check([str(folder / place)]) == 0, capsys.readouterr()


def test_the_spec_of_an_answer_proves_it_again(whole, capsys):
    _, _, folder = whole
    assert main(["run", str(folder / "certify.toml"), "-o", str(folder / "again"), "-q"]) == 0
    assert "met" in capsys.readouterr().out


def test_the_object_is_the_contract(whole):
    _, found, folder = whole
    assert found["format"] == "certify-audit/1"
    assert {"network", "training_loss", "training_accuracy"} <= set(found["model"])
    for answer in found["answers"]:
        assert {"question", "quantity", "lower", "upper", "verdict", "reason", "seconds"} <= set(answer)
    assert json.loads((folder / "audit.json").read_text()) == found


def test_the_files_that_were_given_are_named_with_their_digests(files, whole):
    import hashlib

    _, found, folder = whole
    names = {"model": "model.safetensors", "data": "train.npz", "evaluation": "new.npz"}
    assert found["files"] == {role: {"name": name, "sha256": hashlib.sha256((files / name).read_bytes()).hexdigest()}
                              for role, name in names.items()}
    assert found["files"]["model"]["sha256"][:12] in (folder / "audit.html").read_text()


def test_the_page_says_every_answer_and_loads_nothing(whole):
    _, found, folder = whole
    page = (folder / "audit.html").read_text()
    assert all(answer["answer"][1:].split("'")[0] in page for answer in found["answers"])
    assert "http:" not in page and "https:" not in page and without_script(page) and "{{" not in page


def test_a_page_escapes_what_files_are_called():
    from certify.auditing.shown.page import fragment, page

    content = {"model": {"network": "<b>x", "training_loss": None, "training_accuracy": None, "notes": ["<i>"]},
               "files": {"model": {"name": "<em>", "sha256": "0" * 64}},
               "answers": [], "skipped": [{"question": "<u>", "reason": "<s>"}], "verdict": "inconclusive"}
    for text in (page(content), fragment(content)):
        assert "<em>" not in text and "<b>x" not in text and "<u>" not in text and "<s>" not in text


def test_a_page_lists_ways_apart_and_says_the_same_once():
    from certify.auditing.shown.page import fragment, page

    open_one = {"question": "which", "quantity": "stable_predictions", "lower": 0, "upper": 2, "unit": "", "total": 2,
                "verdict": "inconclusive", "answer": "0 of 2 stay", "cautions": ["try `certify polish <SPEC>`"],
                "reason": "2 are open: give time", "seconds": 1.0,
                "methods": ["box: of one output", "cells: it is <squared>"], "certificate": "certificate.json"}
    told = {"question": "how far", "quantity": "persistence_radius", "total": 0, "answer": "too far", "reason": "",
            "verdict": "refuted", "cautions": [], "certificate": "noise/certificate.json"}
    content = {"model": {"network": "x", "training_loss": None, "training_accuracy": None, "notes": []},
               "answers": [open_one, open_one, open_one | {"answer": "0 of 2 right"}, open_one | told],
               "skipped": [{"question": "rows deleted", "reason": "no decay"}], "verdict": "refuted"}
    text = page(content)
    assert text.count("0 of 2 stay.") == text.count("Why not more: 2 are open: give time.") == 1
    assert text.count("0 of 2 right.") == text.count("<li><code>cells</code>: it is &lt;squared&gt;</li>") == 1
    assert "<code>certify polish &lt;SPEC&gt;</code>" in text
    assert "1 of 2 questions answered with a proof, and it is refuted (how far); 1 open (which); 1 does not " \
           "apply (rows deleted)." in text
    assert "<h2>What does not apply</h2>" in text and "stopped by an error" not in text
    assert text.count('<span class="tag no">refuted</span>') == 2  # the audit's and the answer's
    assert fragment(content).count("0 of 2 stay") == 1 and "box" not in fragment(content)


def test_a_page_says_a_caution_once_and_ends_it_once():
    from certify.auditing.shown.page import page

    one = {"quantity": "stable_predictions", "lower": 2, "upper": 2, "unit": "", "total": 2, "reason": "",
           "verdict": "certified", "answer": "2 of 2 stay", "seconds": 1.0, "certificate": "a/certificate.json"}
    asked = [one | {"question": name, "cautions": cautions} for name, cautions in (
        ("first", ["it is near. Are these all?"]), ("second", ["it is near. Are these all?", "rows are few"]),
        ("third", ["it is near. Are these all?", "rows are few"]), ("fourth", []))]
    text = page({"model": {"network": "x", "training_loss": None, "training_accuracy": None, "notes": []},
                 "answers": asked, "skipped": [], "verdict": "certified"})
    assert text.count("It is near. Are these all?</p>") == text.count("Rows are few.</p>") == 1
    assert text.count("The caution above holds here too.") == text.count("The cautions above hold here too.") == 1
    places = [text.index(words) for words in ("It is near", "Second", "The caution above", "Third", "cautions above")]
    assert places == sorted(places)


@pytest.mark.parametrize(("left_out", "wanted"), [
    (("--loss",), "--loss: no file says it"), (("--weight-decay",), "--weight-decay: no file says it"),
    (("--loss", "--weight-decay"), "--loss --weight-decay: no file says them")])
def test_what_nobody_said_is_asked_for_by_name(fitted, files, capsys, left_out, wanted):
    command = asked(files, fitted, out="refused")
    for option in left_out:
        at = command.index(option)
        del command[at:at + 2]
    assert main(command) == 2
    said = capsys.readouterr().err
    assert wanted in said and not (files / "refused" / "certify.toml").exists()
    if "--weight-decay" in left_out:  # the hint is near the truth, as the model was trained to its end
        assert f"about {1 / len(fitted[1]):.3g}" in said


def test_an_activation_is_not_guessed_and_the_best_fits_are_named(tmp_path, capsys):
    rng = np.random.default_rng(1)
    W, b, V = rng.normal(size=(6, 2)), rng.normal(size=6), rng.normal(size=(1, 6))
    X = rng.normal(size=(40, 2))
    save_file({"0.weight": W, "0.bias": b, "2.weight": V}, tmp_path / "m.safetensors")
    np.savez(tmp_path / "d.npz", X=X, y=np.maximum(X @ W.T + b, 0) @ V.T)
    command = ["audit", str(tmp_path / "m.safetensors"), str(tmp_path / "d.npz"), "--weight-decay", "0", "-o",
               str(tmp_path / "out")]
    assert main(command) == 2
    said = capsys.readouterr().err
    assert "--activation: no file says it" in said and "today's training loss with each would be: relu " in said
    assert main([*command, "--activation", "relux"]) == 2
    assert main([*command, "--loss", "squarred"]) == 2
    assert main([*command, "--activation", "relu", "-q", "--ask", "noise"]) == 0


def test_without_weight_decay_the_questions_about_rows_say_why(fitted, files, capsys):
    command = asked(files, fitted, out="undecayed")
    command[command.index("--weight-decay") + 1] = "0"
    command.remove("--no-bias-decay")
    assert main(command) == 0
    said = capsys.readouterr()
    assert "does not apply: rows deleted: the loss has no weight decay" in said.err
    assert "sign_survives" not in said.err and "certify polish" in said.err
    assert "may be off by up to" in said.out
    last = said.out.splitlines()[-1]  # what does not apply counts neither as answered nor as failed
    assert last == "certified 2 of 2 questions answered with a proof; 2 do not apply (rows deleted, labels wrong)"


@pytest.mark.parametrize(("option", "wanted"), [
    (("--ask", "colour of the sky"), "no question is called so"), (("--delete", "0"), "give a whole number from 1 on"),
    (("--seconds", "0"), "give a number above 0"), (("--noise", "age"), "no column with an amount"),
    (("--rows", "3-1"), "is no row number"), (("--weight-decay", "-1"), "no penalty"),
    (("--targets", "z"), "name one of these"), (("--normalization", "sum"), "no such word")])
def test_words_that_are_none_are_refused(fitted, files, capsys, option, wanted):
    assert main([*asked(files, fitted, out="refused"), *option]) == 2
    assert wanted in capsys.readouterr().err


def test_a_threshold_that_somebody_gives_decides_the_status(fitted, files, capsys):
    assert main([*asked(files, fitted, "--noise", "0=1000", "-q", out="loud"), "--ask", "noise"]) == 3
    assert capsys.readouterr().out.startswith("refuted")
    assert main([*asked(files, fitted, "--noise", "0=1e-6", "-q", out="quiet"), "--ask", "noise"]) == 0


def test_these_rows_are_named_by_number(fitted, files, capsys):
    model, X, y, points, _ = fitted
    assert main([*asked(files, fitted, "--rows", "0,3-5", "-q", out="these"), "--ask", "these rows"]) == 0
    from sklearn.base import clone

    gone = [0, 3, 4, 5]
    now = clone(model).fit(np.delete(X, gone, 0), np.delete(y, gone)).predict(points)
    stay = int((now == model.predict(points)).sum())
    said = capsys.readouterr().out
    assert f"{stay} of 9 predictions proved to stay, when these 4 rows (0, 3 to 5) are left out" in said
    assert main([*asked(files, fitted, "-q", out="none"), "--ask", "these rows"]) == 4


def test_a_quiet_audit_says_why_nothing_was_asked(fitted, files, capsys):
    assert main([*asked(files, fitted, "-q", out="unnamed"), "--ask", "these rows"]) == 4
    assert "1 does not apply (these rows): no rows are named" in capsys.readouterr().out


@pytest.mark.parametrize(("options", "wanted"), [
    (("--noise", "9=1"), "there is no column 9"), (("--noise", "Age=1"), "there is no column 'Age'"),
    (("--rows", "20-40"), "the rows are those from 0 to 27")])
def test_what_is_named_and_is_not_there_is_refused_before_anything_is_computed(fitted, files, capsys, options, wanted):
    assert main(asked(files, fitted, *options, out="mistyped")) == 2
    said = capsys.readouterr()
    assert wanted in said.err and not said.out and not (files / "mistyped" / "certificate.json").exists()


def test_a_run_finds_its_spec(whole, monkeypatch, capsys):
    monkeypatch.chdir(whole[2])
    assert main(["run", "-o", "alone", "-q"]) == 0


def test_init_writes_the_spec_of_a_question(fitted, files, tmp_path, capsys):
    options = ["--model", str(files / "model.safetensors"), "--data", str(files / "train.npz"), *told(fitted)]
    assert main(["init", str(tmp_path), *options, "--ask", "2 rows deleted"]) == 0
    text = (tmp_path / "certify.toml").read_text()
    assert 'parameter = "deletions"' in text and "count = 2" in text
    assert main(["init", str(tmp_path), *options, "--ask", "2 rows deleted"]) == 2  # it is there
    other = tmp_path / "other"
    other.mkdir()
    assert main(["init", str(other), *options, "--ask", "these rows"]) == 2
    assert not (other / "certify.toml").exists()


def test_an_audit_in_memory_says_the_same_as_one_of_files(fitted, whole, tmp_path):
    model, X, y, points, right = fitted
    found = certify.audit(certify.from_sklearn(model, X, y), points, right)
    here = {(a.slug, a.quantity): (a.lower, a.upper) for a in found.answers}
    there = {(a["certificate"].split("/")[0], a["quantity"]): (a["lower"], a["upper"]) for a in whole[1]["answers"]}
    assert here[("labels-wrong", "stable_predictions")] == there[("labels-wrong", "stable_predictions")]
    assert found.verdict == "certified" and "predictions proved to stay" in repr(found)
    assert "<table>" in found._repr_html_() and len(found.to_frame()) == len(found.answers)
    assert len(found.plot().patches) == 3 * 4
    kept = found.save(tmp_path / "kept")
    del found  # its own folder may go: nothing of the copy hangs on it
    assert check([str(kept / "certificate.json"), "-q"]) == 0
    assert check([str(kept / "labels-wrong" / "certificate.json"), "-q"]) == 0


def test_an_audit_in_memory_refuses_what_it_cannot_mean(fitted, tmp_path):
    model, X, y, points, _ = fitted
    problem = certify.from_sklearn(model, X, y)
    for wrong in ({"seconds": 0.0}, {"ask": "the weather"}, {"y_eval": [0, 1]}, {"y_eval": ["a"] * 9}):
        with pytest.raises(InputError):
            certify.audit(problem, points, **wrong)
    with pytest.raises(InputError, match="3 columns|columns"):
        certify.audit(problem, np.zeros((2, 3)))
    with pytest.raises(InputError, match="from_sklearn"):
        certify.audit(model, points)


def test_amounts_have_no_labels_and_are_asked_how_far_they_go(tmp_path):
    from sklearn.linear_model import Ridge

    rng = np.random.default_rng(2)
    X = rng.normal(size=(20, 2))
    y = X @ [1.0, -2.0] + 0.1 * rng.normal(size=20)
    model = Ridge().fit(X, y)
    found = certify.audit(certify.from_sklearn(model, X, y), X[:3], ask=["rows deleted", "labels wrong"])
    (answer,) = found.answers
    truth = max(np.abs(Ridge().fit(np.delete(X, i, 0), np.delete(y, i)).predict(X[:3]) - model.predict(X[:3])).max()
                for i in range(20))
    assert answer.quantity == "prediction_change" and answer.lower <= truth * (1 + 1e-9)
    assert answer.upper >= truth * (1 - 1e-9)
    assert "amounts" in found.skipped[0].reason


def test_any_three_rows_of_a_regression_and_which_they_are(tmp_path):
    """More choices than can be refitted: both ends near each other, in units, with the rows that reach one of them."""
    from sklearn.linear_model import Ridge

    rng = np.random.default_rng(4)
    X = rng.normal(size=(70, 2))
    y = 26_000.0 + 4_000.0 * X[:, 0] + 2_000.0 * rng.standard_t(3, size=70)
    problem = certify.from_sklearn(Ridge().fit(X, y), X, y)
    (answer,) = certify.audit(problem, X[:3], delete=3, ask="rows deleted", folder=tmp_path).answers
    assert answer.verdict == "certified"
    assert 0 < answer.lower <= answer.upper <= 1.002 * answer.lower
    each = certify.prediction_change(problem, X[:3], delete=3)
    worst = int(each.lower.argmax())
    assert each.lower[worst] == pytest.approx(answer.lower, rel=1e-3)
    named = "without training rows {}, {} and {} (in the units of the targets)".format(*each.rows[worst])
    assert named in answer.sentence


def test_an_answer_that_says_nothing_is_left_open(fitted, monkeypatch):
    from certify.auditing.answering import _says_something
    from certify.auditing.questions.base import Wanted

    assert not _says_something(Wanted("distance", "max"), {"lower": 0.0, "upper": 3.0}, 0)
    assert not _says_something(Wanted("distance", "max"), {"lower": 0.1, "upper": 3.0}, 0)
    assert _says_something(Wanted("distance", "max"), {"lower": 0.5, "upper": 3.0}, 0)
    assert not _says_something(Wanted("stable_predictions", "min"), {"lower": 0, "upper": 3}, 10)
    stay = Wanted("stable_predictions", "min")  # of 250 predictions 7 proved, 94 flipped and 149 open says little
    assert not _says_something(stay, {"lower": 7, "upper": 156}, 250)
    assert _says_something(stay, {"lower": 31, "upper": 156}, 250)
    assert not _says_something(stay, {"lower": 7, "upper": None}, 250)


def test_right_labels_are_counted_from_what_is_known_when_the_time_is_up(whole):
    from certify.problem.limits import Limits
    from certify.problem.load import load_problem
    from certify.problem.progress import silent
    from certify.prove.prover import prover

    at = prover(load_problem(whole[2] / "certify.toml"), silent, Limits(1 << 33, seconds=600.0))
    stable = at.bound("stable_predictions")
    at.limits = Limits(1 << 33, seconds=-1.0)
    assert at.bound("correct_predictions").lower is not None and stable.lower is not None


def test_predictions_that_are_others_on_todays_data_are_told_from_those_that_rows_flip():
    from types import SimpleNamespace

    from certify.auditing.questions.base import of_rows

    def said(flipped, changed):
        claim = {"quantity": "stable_predictions", "lower": 60 - len(flipped), "upper": 60 - len(flipped),
                 "witness": {"flipped": flipped, "changed": changed}}
        return of_rows(SimpleNamespace(points=60, own=False), claim, "whichever").split("; ")[1]

    end = "already when trained to the end on today's data"
    assert said([7], []) == f"1 flips, {end} (row 7)" == said([7], [-1])
    assert said([3, 5, 7], []) == f"3 flip, all of them {end} (rows 3, 5, 7)" == said([3, 5, 7], [-1, -1, -1])
    assert said([3, 5, 7], [-1, -1, 9]) == (
        f"3 flip, 2 of them {end} (rows 3, 5), 1 when rows change (row 7 by training row 9)")
    assert said([3, 5], [-1, -1, 9, 11]) == (
        f"2 flip, 1 of them {end} (row 3), 1 when rows change (row 5 by training rows 9, 11 together)")
    assert said([3, 5], [4, 9]) == "2 flip (row 3 by training row 4)"
    assert said([*range(8)], []) == f"8 flip, all of them {end} (rows 0, 1, 2, 3, 4, 5 and 2 more)"


def test_a_row_that_flips_is_named_with_the_training_rows_that_flip_it():
    from certify.auditing.shown.flipped import example

    assert example({"witness": {"flipped": [7], "changed": [-1]}}) == ""
    assert example({"witness": {"flipped": [7, 8], "changed": [4, -1, 2, 3]}}) == " (row 7 by training row 4)"
    both = {"witness": {"flipped": [7, 8], "changed": [2, 3, 4, -1]}}
    assert example(both) == " (row 7 by training rows 2, 3 together)"
    many = {"witness": {"flipped": [7], "changed": list(range(50))}}
    assert example(many) == " (row 7 by training rows 0, 1, 2, 3, 4, 5 and 44 more together)"


def test_the_fields_of_an_answer_are_those_that_the_page_names() -> None:
    """`docs/audit.md` called the sentence `sentence`, and programs found no such field."""
    import re

    X = np.array([[0.0], [0.2], [2.0], [2.2]])
    problem = certify.from_arrays([np.array([[2.0]])], [np.array([-2.0])], X, np.array([0, 0, 1, 1]), loss="logistic",
                                  weight_decay=0.1)
    (answer, *_) = certify.audit(problem, ask="rows deleted").as_json()["answers"]
    text = (Path(__file__).parents[3] / "docs" / "audit.md").read_text(encoding="utf-8")
    named = re.findall(r"`(\w+)`", text.partition("`answers` (")[2].partition("), `files`")[0])
    assert set(named) - {"ranking"} == set(answer) - {"ranking"}
