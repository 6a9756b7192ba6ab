"""What an audit must not say: other columns, other labels, verdicts nobody asked for; and whose files it replaces."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

import certify
from certify.auditing.phrases import asked_for
from certify.auditing.questions.base import Options
from certify.cli.main import main
from certify.format.errors import InputError

X = np.round(np.vstack([np.random.default_rng(0).normal(-1, 1, (9, 3)),
                        np.random.default_rng(1).normal(1, 1, (9, 3))]), 2) * [1.0, 5.0, 1.0]
Y = np.repeat([0, 1], 9)
TOLD = ("--loss", "logistic", "--weight-decay", repr(1 / 18), "--no-bias-decay")


def logistic(*, words=None):
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(tol=1e-10, max_iter=10_000).fit(X, Y if words is None else words)


def table(path, names, columns):
    rows = zip(*columns, strict=True)
    path.write_text("\n".join(",".join(map(str, row)) for row in [names, *rows]) + "\n")
    return str(path)


def answers(folder):
    return {one["quantity"]: one for one in json.loads((folder / "audit.json").read_text())["answers"]}


@pytest.fixture
def linear(tmp_path):
    """A linear model in a file, with its data in another."""
    model = logistic()
    np.savez(tmp_path / "m.npz", coef=model.coef_, intercept=model.intercept_)
    table(tmp_path / "d.csv", "abcy", [*X.T, Y])
    return tmp_path


def test_columns_of_a_table_are_those_the_estimator_was_fitted_to_by_name(tmp_path, capsys):
    skops, pandas = pytest.importorskip("skops.io"), pytest.importorskip("pandas")
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(tol=1e-10, max_iter=10_000).fit(pandas.DataFrame(X, columns=list("abc")), Y)
    skops.dump(model, tmp_path / "m.skops")
    plain, turned = table(tmp_path / "p.csv", "abcy", [*X.T, Y]), table(tmp_path / "t.csv", "cbay", [*X.T[::-1], Y])
    for name, data in (("one", plain), ("other", turned)):
        assert main(["audit", str(tmp_path / "m.skops"), data, "--eval", turned, "--ask", "rows deleted", "-q", "-o",
                     str(tmp_path / name)]) == 0
    losses = [json.loads((tmp_path / name / "audit.json").read_text())["model"]["training_loss"] for name in
              ("one", "other")]
    assert losses[0] == losses[1]
    wide = table(tmp_path / "w.csv", "abcwy", [*X.T, np.ones(len(X)), Y])
    assert main(["audit", str(tmp_path / "m.skops"), wide, "--ask", "rows deleted", "-o", str(tmp_path / "wide")]) == 0
    said = "columns that the model was not fitted to are not used: 'w'; --weights names what rows counted"
    assert said in capsys.readouterr().err and said in (tmp_path / "wide" / "audit.json").read_text()
    missing = table(tmp_path / "m.csv", "abdy", [*X.T, Y])
    assert main(["audit", str(tmp_path / "m.skops"), missing, "-q", "-o", str(tmp_path / "no")]) == 2
    last = table(tmp_path / "last.csv", ("class", *"abc"), [Y, *X.T])
    capsys.readouterr()
    assert main(["audit", str(tmp_path / "m.skops"), last, "-q", "-o", str(tmp_path / "no")]) == 2
    assert capsys.readouterr().err == ("certify: data file: column 'c', which the model was fitted to, was taken as "
                                       "the target; name the target with --targets NAME\n")


@pytest.mark.parametrize(("last", "wanted"), [
    ([0.0, 0.0, 0.5], "'d', taken as the target: labels that the estimator was not fitted to, first 0.5 in row 2; give "
                      "the targets it was fitted to: 0, 1, or name another column with --targets NAME"),
    (["1", "2", "oak"], "'d', taken as the target in data file {data}, row 2 (line 4): 'oak' is no decimal number; "
                        "only numbers can be read: give every category a number, and the network what it was trained "
                        "on, or name another column with --targets NAME")])
def test_an_error_says_what_was_taken_as_the_target(last, wanted, tmp_path, capsys):
    pytest.importorskip("skops.io").dump(logistic(), tmp_path / "m.skops")
    data = table(tmp_path / "d.csv", ("class", *"abcd"), [Y, *X.T, [*last, *[0] * (len(Y) - 3)]])
    asked = ["audit", str(tmp_path / "m.skops"), data, "-q", "-o", str(tmp_path / "out")]
    assert main(asked) == 2
    assert capsys.readouterr().err == f"certify: {wanted.format(data=data)}\n"
    assert main([*asked, "--targets", "class", "--features", "a,b,c", "--ask", "rows deleted"]) == 0


def test_an_error_of_a_linear_model_says_what_was_taken_as_the_target(linear, capsys):
    data = table(linear / "last.csv", ("class", *"ab", "c"), [Y, *X.T])
    asked = ["audit", str(linear / "m.npz"), data, *TOLD, "-q", "-o", str(linear / "out")]
    assert main(asked) == 2
    assert "'c', taken as the target" in (said := capsys.readouterr().err) and "--targets NAME" in said
    assert main([*asked, "--targets", "class", "--ask", "rows deleted"]) == 0


@pytest.mark.parametrize(("options", "status"), [
    (("--delete", "500"), 4), (("--relabel", "18"), 4), (("--ask", "500 rows deleted"), 4), ((), 0)])
def test_a_number_of_rows_that_makes_no_sense_is_a_question_without_an_answer(options, status, linear, capsys):
    assert main(["audit", str(linear / "m.npz"), str(linear / "d.csv"), *TOLD, "-q", "-o", str(linear / "out"),
                 *options]) == status
    assert capsys.readouterr().out.splitlines()[-1].startswith("certified" if status == 0 else "inconclusive")


def test_labels_to_predict_are_those_of_the_column_of_the_training_targets(linear, capsys):
    data = table(linear / "priced.csv", ("a", "b", "c", "price"), [*X.T, Y])
    first = table(linear / "first.csv", ("price", "a", "b", "c"), [Y, *X.T])
    none = table(linear / "none.csv", ("a", "b", "c", "other"), [*X.T, 1 - Y])
    for evaluation, counted in ((first, True), (none, False)):
        out = linear / f"out{counted}"
        assert main(["audit", str(linear / "m.npz"), data, "--eval", evaluation, *TOLD, "--ask", "rows deleted", "-q",
                     "-o", str(out)]) == 0, capsys.readouterr()
        assert ("correct_predictions" in answers(out)) == counted


def test_words_to_predict_are_codes_of_a_ridge_classifier():
    from sklearn.linear_model import RidgeClassifier

    words = np.where(Y == 1, "yes", "no")
    for given, right in ((words, words), (Y, Y), (Y + 5, Y + 5)):
        problem = certify.from_sklearn(RidgeClassifier().fit(X, given), X, given)
        known = certify.stable_predictions(problem, X, delete=1).accuracy(right)
        found = certify.audit(problem, X, right, ask="rows deleted").answers
        counts = next(one for one in found if one.quantity == "correct_predictions")
        assert counts.lower == len(known.kept) > 9
        with pytest.raises(InputError, match="the labels are"):
            certify.audit(problem, X, ["maybe"] * 18, ask="rows deleted")


def test_an_open_end_is_no_refutation_of_what_nobody_asked():
    from sklearn.linear_model import Ridge

    problem = certify.from_sklearn(Ridge(1e-3).fit(X, 9 * X[:, 0]), X, 9 * X[:, 0] + 40 * Y)
    found = certify.audit(problem, delete=17, ask="rows deleted", seconds=3.0)
    (answer,) = found.answers
    assert answer.upper is None and answer.lower > 1
    assert (answer.verdict, found.verdict) == ("inconclusive", "inconclusive")


def test_that_everything_flips_is_proved_and_its_spec_says_so(tmp_path, capsys):
    model = logistic()
    w, b = model.coef_[0], model.intercept_[0]
    middle = -b * w / (w @ w)
    found = certify.audit(certify.from_sklearn(model, X, Y), [middle + 1e-4 * w, middle - 1e-4 * w],
                          ask="rows deleted", folder=tmp_path / "o")
    assert [(one.lower, one.upper, one.verdict) for one in found.answers] == [(0, 0, "certified")]
    assert main(["run", str(tmp_path / "o" / "certify.toml"), "-q"]) == 0, capsys.readouterr()


def test_the_level_of_noise_is_said_as_it_was_proved():
    problem = certify.from_sklearn(logistic(), X, Y)
    found = certify.audit(problem, ask="noise in 0", level=0.123456)
    assert "at most 0.123456 (today" in found.answers[0].sentence and "exceed 0.123456" in found.answers[0].question


def test_noise_of_several_columns_is_that_of_each_at_once():
    model = logistic()
    problem = certify.from_sklearn(model, X, Y)
    alone = certify.audit(problem, ask="noise", noise={0: 1e-3, 1: 1e-3}).answers[0]
    size = (alone.lower / np.sqrt(2)) * 1e-3
    whole = certify.audit(problem, ask="noise", noise={0: size * 1.05, 1: size * 1.05})
    assert alone.verdict == "certified" and whole.verdict == "inconclusive"
    said = float(alone.sentence.split("up to ")[1].split(" times")[0])
    assert said <= alone.lower / np.sqrt(2)
    z = (2 * Y - 1) * (X @ model.coef_[0] + model.intercept_[0])
    off = np.abs(model.coef_[0, :2]).sum() * said * 1e-3
    assert np.log1p(np.exp(-(z - off))).mean() <= float(alone.sentence.split("at most ")[1].split(" (")[0])
    every = certify.audit(problem, ask="noise").answers[0].sentence
    assert "in length (root of the sum of their squares)" in every


def test_amounts_are_not_those_of_scaled_features():
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    with pytest.warns(UserWarning, match="StandardScaler"):
        problem = certify.from_sklearn(make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y), X, Y)
    found = certify.audit(problem, noise={0: 1e-9}, ask="noise")  # in units of the feature before it: test_noise.py
    assert found.verdict == "certified" and "after StandardScaler" not in found.answers[0].sentence
    assert "the features as they are after StandardScaler" in certify.audit(problem, ask="noise").answers[0].sentence


def test_amounts_are_not_those_of_the_features_of_a_kernel():
    from sklearn.kernel_ridge import KernelRidge

    with pytest.warns(UserWarning):
        problem = certify.from_sklearn(KernelRidge(kernel="rbf").fit(X, Y.astype(float)), X, Y.astype(float))
    found = certify.audit(problem, noise={0: 1e-9}, ask="noise")
    assert not found.answers and "in other units than the amounts" in found.skipped[0].reason
    assert found.verdict == "inconclusive"


def test_a_number_that_names_a_column_too_is_not_guessed(linear, capsys):
    data = table(linear / "n.csv", ("1", "2", "3", "y"), [*X.T, Y])
    out = linear / "out"
    assert main(["audit", str(linear / "m.npz"), data, *TOLD, "--noise", "1=0.01", "--ask", "noise", "-q", "-o",
                 str(out)]) == 2
    assert "another is called '1'" in capsys.readouterr().err


def test_only_the_last_layer_is_said_to_be_trained_again():
    rng = np.random.default_rng(2)
    weights = [rng.normal(size=(4, 3)), rng.normal(size=(1, 4))]
    problem = certify.from_arrays(weights, [rng.normal(size=4), rng.normal(size=1)], X, Y, activation="tanh",
                                  loss="logistic", weight_decay=0.1)
    found = certify.audit(problem, ask="rows deleted", seconds=5.0)
    assert "the last layer alone trained again" in found.answers[0].sentence
    assert "the last layer alone trained again" in found.answers[0].question


@pytest.mark.parametrize("phrases", [
    ["2 rows deleted", "5 rows deleted"], ["rows deleted", "how far from changing 9"], ["110% of rows deleted"],
    ["2.5 rows deleted"], ["these rows 3", "these rows 5"], ["these rows 9-3"]])
def test_phrases_that_contradict_each_other_or_count_nothing_are_refused(phrases):
    with pytest.raises(InputError):
        asked_for(phrases, Options())


def test_ranges_of_rows_are_ranges():
    assert asked_for(["these rows 3-6, 9 and 11 to 12"], Options())[1].rows == (3, 4, 5, 6, 9, 11, 12)


def test_a_question_that_was_asked_and_has_no_answer_is_open(linear, capsys):
    command = ["audit", str(linear / "m.npz"), str(linear / "d.csv"), *TOLD, "-o", str(linear / "out")]
    assert main([*command, "--ask", "rows deleted", "--ask", "these rows"]) == 4  # of which none is named
    assert "1 of 1 question answered with a proof; 1 does not apply (these rows)" in capsys.readouterr().out
    assert main([*command, "--ask", "rows deleted", "--ask", "these rows 99"]) == 2


def test_nobodys_files_are_replaced(linear, tmp_path):
    from safetensors.numpy import save_file

    save_file({"X": X.copy(), "y": Y.copy()}, tmp_path / "data.safetensors")
    before = (tmp_path / "data.safetensors").read_bytes()
    command = ["audit", str(linear / "m.npz"), "--ask", "rows deleted", *TOLD, "-q", "-o", str(tmp_path)]
    assert main([*command[:2], str(tmp_path / "data.safetensors"), *command[2:]]) == 2
    assert main([*command[:2], str(linear / "d.csv"), *command[2:]]) == 2
    assert (tmp_path / "data.safetensors").read_bytes() == before
    (tmp_path / "data.safetensors").unlink()
    (tmp_path / "certify.toml").write_text("mine")
    assert main([*command[:2], str(linear / "d.csv"), *command[2:]]) == 2
    assert (tmp_path / "certify.toml").read_text() == "mine"


def test_answers_of_an_older_audit_do_not_stand_beside_those_of_a_new_one(linear, capsys):
    out = linear / "out"
    command = ["audit", str(linear / "m.npz"), str(linear / "d.csv"), *TOLD, "-q", "-o", str(out)]
    assert main([*command, "--ask", "rows deleted", "--ask", "noise"]) == 0
    assert (out / "noise" / "certificate.json").exists()
    (out / "mine.txt").write_text("kept")
    assert main(["run", str(out / "certify.toml"), "-q"]) == 0
    assert main([*command, "--ask", "rows deleted"]) == 0
    assert not (out / "noise").exists() and (out / "mine.txt").exists()
    (out / "certify.toml").write_text("version = 1\n")
    capsys.readouterr()
    assert main([*command, "--ask", "rows deleted"]) == 2
    assert "was changed since an audit wrote it" in capsys.readouterr().err


def test_an_audit_that_was_stopped_says_what_it_did_not_ask(tmp_path):
    problem, told = certify.from_sklearn(logistic(), X, Y), []

    def stop(stage, fraction):
        if (tmp_path / "certificate.json").exists():
            raise KeyboardInterrupt
        told.append(stage)

    with pytest.raises(KeyboardInterrupt):
        certify.audit(problem, ask=["rows deleted", "noise"], folder=tmp_path, progress=stop)
    found = json.loads((tmp_path / "audit.json").read_text())
    assert told and found["waiting"] == ["noise"] and found["verdict"] == "inconclusive" and found["answers"]
    assert "not finished" in (tmp_path / "audit.html").read_text()


def test_files_that_change_while_it_runs_are_noticed(tmp_path):
    from safetensors.numpy import load_file, save_file

    problem = certify.from_sklearn(logistic(), X, Y)

    def change(stage, fraction):
        if (tmp_path / "certificate.json").exists():
            held = load_file(tmp_path / "model.safetensors")
            save_file({name: array * 2 for name, array in held.items()}, tmp_path / "model.safetensors")

    found = certify.audit(problem, ask=["rows deleted", "which rows", "noise"], folder=tmp_path, progress=change)
    assert any("changed while the audit ran" in one.reason for one in found.skipped)


def test_rows_that_count_by_rounding_alone_are_not_named():
    from sklearn.linear_model import LinearRegression

    y = X[:, 0] + 40.0 * Y
    with pytest.warns(UserWarning, match="no penalty"):
        problem = certify.from_sklearn(LinearRegression().fit(X, y), X, y)
    (answer,) = certify.audit(problem, ask="which rows").answers
    assert answer.verdict == "inconclusive" and "rounding" in answer.reason


def test_an_output_folder_that_is_a_file_is_refused(linear):
    (linear / "file").write_text("")
    assert main(["audit", str(linear / "m.npz"), str(linear / "d.csv"), *TOLD, "-q", "-o", str(linear / "file")]) == 2


def test_saving_replaces_nothing(tmp_path):
    found = certify.audit(certify.from_sklearn(logistic(), X, Y), ask="rows deleted")
    (tmp_path / "data.safetensors").write_bytes(b"mine")
    with pytest.raises(InputError, match="is there already"):
        found.save(tmp_path)


def test_names_that_were_guessed_are_said(linear, capsys):
    from safetensors.numpy import save_file

    data = table(linear / "priced.csv", ("a", "b", "c", "price"), [*X.T, Y])
    save_file({"0.weight": np.ones((1, 3)), "0.bias": np.zeros(1)}, linear / "m.safetensors")
    for model in ("m.npz", "m.safetensors"):
        main(["audit", str(linear / model), data, *TOLD, "--ask", "noise", "-o", str(linear / "out")])
        assert "note: targets are 'price': --targets names others" in capsys.readouterr().err
        main(["audit", str(linear / model), data, *TOLD, "--targets", "price", "--ask", "noise", "-o",
              str(linear / "out")])
        assert "--targets names others" not in capsys.readouterr().err


def test_labels_to_predict_are_not_cut_to_whole_numbers():
    model = logistic()
    problem = certify.from_arrays(model.coef_, model.intercept_, X, Y, loss="logistic", weight_decay=1 / 18,
                                  bias_decay=False)
    with pytest.raises(InputError, match="whole numbers"):
        certify.audit(problem, X, 0.7 * Y, ask="rows deleted")


def test_what_an_estimator_says_itself_is_not_overruled_in_silence(tmp_path, capsys):
    skops = pytest.importorskip("skops.io")
    skops.dump(logistic(), tmp_path / "m.skops")
    data = table(tmp_path / "d.csv", "abcy", [*X.T, Y])
    for option in (["--no-bias-decay"], ["--normalization", "remaining"]):
        assert main(["audit", str(tmp_path / "m.skops"), data, *option, "-q", "-o", str(tmp_path / "o")]) == 2
        assert "says it itself" in capsys.readouterr().err


def test_what_losses_are_divided_by_is_said(linear, capsys):
    command = ["audit", str(linear / "m.npz"), str(linear / "d.csv"), *TOLD, "--ask", "noise", "-o", str(linear / "o")]
    main([*command, "--normalization", "remaining"])
    assert "a mean over the rows that are left" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [{"delete": 2.7}, {"delete": 0}, {"relabel": True}, {"rows": [1.5]}, {"rows": [-1]},
                                   {"noise": {0: 0.0}}, {"noise": {0: -1.0}}, {"noise": {0.5: 1.0}}])
def test_numbers_in_python_are_not_rounded_or_replaced(wrong):
    with pytest.raises(InputError):
        certify.audit(certify.from_sklearn(logistic(), X, Y), ask="noise", **wrong)


def test_a_loss_without_the_weights_of_rows_is_called_so():
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(class_weight={0: 1.0, 1: 3.0}).fit(X, Y)
    found = certify.audit(certify.from_sklearn(model, X, Y), ask=["noise", "which rows"], noise={np.int64(0): 1e-3})
    noise, *rows = found.answers
    assert "every row counts alike" in noise.sentence and len(rows) == 2
    assert all("(every row with the weight it has today)" in one.sentence for one in rows)
    plain = np.logaddexp(0, -(2 * Y - 1) * model.decision_function(X)).mean()
    assert f"(today {plain:.3g})" in noise.sentence  # of the loss that the sentence is about


def test_motion_is_said_to_be_counted_from_the_exact_minimum():
    from sklearn.linear_model import Ridge

    y = 9.0 * X[:, 0] + Y
    exact = Ridge(2.0).fit(X, y)
    early = certify.from_arrays(1.2 * exact.coef_, 1.2 * exact.intercept_, X, y, loss="squared", weight_decay=2.0 / 18,
                                bias_decay=False)
    found = certify.audit(early, ask=["rows deleted", "these rows 0", "which rows"])
    truth = max(np.abs(Ridge(2.0).fit(np.delete(X, i, 0), np.delete(y, i)).predict(X) - 1.2 * exact.predict(X)).max()
                for i in range(18))
    assert found.answers[0].upper < truth  # so that it would be false of today's outputs
    assert all("from today's exact minimum" in one.sentence for one in found.answers)


def test_a_list_of_files_leads_to_no_other_folder(linear, tmp_path):
    theirs, out = tmp_path / "theirs", tmp_path / "out"
    theirs.mkdir()
    out.mkdir()
    (theirs / "certificate.json").write_text("mine")
    (out / "labels-wrong").symlink_to(theirs)
    names = ("labels-wrong/certificate.json", "../theirs/certificate.json", str(theirs / "certificate.json"))
    (out / ".certify-audit.json").write_text(json.dumps({"written": dict.fromkeys(names, "0" * 64)}))
    main(["audit", str(linear / "m.npz"), str(linear / "d.csv"), *TOLD, "--ask", "rows deleted", "-q", "-o", str(out)])
    assert (theirs / "certificate.json").read_text() == "mine"


@pytest.mark.parametrize(("phrase", "said"), [
    ("noise of 3% in age", "a share of a feature"), ("noise of ± 3 ‰ in age", "a share of a feature"),
    ("targets off by 0.5 of themselves", "say it with one, e.g. '50 % of itself'"),
    ("every target is off by 0.02 of itself", "say it with one, e.g. '2 % of itself'"),
    ("2 rows of each user deleted", "'2 rows' is no number of groups"),
    ("a user removed one row", "'1 row' is no number of groups"), ("all users deleted", "'all users' is no number"),
    ("how many users deleted until a prediction changes", "no question finds out how many groups"),
    ("all rows deleted", "all of them"), ("all the training labels wrong", "all of them")])
def test_a_phrase_that_asks_something_else_is_not_answered_by_what_is_like_it(phrase, said):
    """An amount of 3 was asked about in place of 3 %, and any 2 users in place of 2 rows of each."""
    with pytest.raises(InputError, match=re.escape(said)):
        asked_for([phrase], Options())


@pytest.mark.parametrize(("phrase", "member", "value"), [
    ("noise of 3 in age", "noise", (("age", 3.0),)), ("3 users deleted with all their rows", "many", 3),
    ("how many predictions stay when 3 users are deleted", "many", 3), ("do all predictions stay, 3 rows deleted",
                                                                       "delete", 3)])
def test_phrases_that_are_like_these_are_answered(phrase, member, value):
    assert getattr(asked_for([phrase], Options())[1], member) == value
