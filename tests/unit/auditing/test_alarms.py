"""What is printed before any answer: a model that is right less often than no model, a minimum that is far away."""

from __future__ import annotations

import json

import numpy as np
import pytest

import certify
from certify.cli.main import main
from certify.report.phrases.decisions.beside import AGAIN

X = np.round(np.random.default_rng(3).normal(size=(30, 2)), 3)
Y = (X.sum(axis=1) > 0).astype(int)


@pytest.fixture
def audit(tmp_path, capsys):
    """The status, standard output and `audit.json` of an audit of a linear model with these labels and this size."""
    def asked(labels, size, *more):
        from sklearn.linear_model import LogisticRegression

        model = LogisticRegression(tol=1e-10).fit(X, Y)
        np.savez(tmp_path / "m.npz", coef=model.coef_ * size, intercept=model.intercept_ * size)
        np.savez(tmp_path / "d.npz", X=X, y=labels)
        capsys.readouterr()
        status = main(["audit", str(tmp_path / "m.npz"), str(tmp_path / "d.npz"), "--loss", "logistic",
                       "--weight-decay", repr(1 / 30), "--no-bias-decay", "--ask", "rows deleted", "-q", "-o",
                       str(tmp_path / "out"), *more])
        return status, capsys.readouterr(), json.loads((tmp_path / "out" / "audit.json").read_text()), tmp_path / "out"
    return asked


def test_swapped_labels_are_said_first_and_the_status_stays(audit):
    status, said, content, folder = audit(1 - Y, 1.0)
    first, second, *_, last = said.out.splitlines()
    assert status == 0 and first.startswith("WARNING: the model as it was understood is right on ")
    assert "always answering the commonest label on 5" in first and "are labels swapped" in first
    assert second.startswith("WARNING: the answer is about a minimum that is only known to lie within ")
    assert last == f"certified 1 of 1 question answered with a proof; {AGAIN}; read the warning first"
    assert [f"WARNING: {one}" for one in content["alarms"]] == [first, second]
    assert (folder / "audit.html").read_text().count("<strong>Warning: ") == 2


def test_a_minimum_far_away_is_said_first(audit):
    status, said, content, _ = audit(Y, 1e-3, "--json")
    assert status == 0 and len(content["alarms"]) == 1 and "lengths of the weights" in content["alarms"][0]
    assert json.loads(said.out)["alarms"] == content["alarms"] and said.err.startswith("WARNING: the answer is about")


def test_nothing_is_said_of_a_model_that_fits(audit):
    status, said, content, folder = audit(Y, 1.0)
    assert status == 0 and "alarms" not in content and "WARNING" not in said.out and "warning" not in said.out
    assert "Warning" not in (folder / "audit.html").read_text()


def rare(tmp_path, capsys, swapped, options=(), **fit):
    """What an audit warns of where one row in twelve has the second label, of an honest model or of swapped labels."""
    skops = pytest.importorskip("skops.io")
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(3)
    rows = rng.normal(size=(120, 2))
    score = rows[:, 0] + rng.normal(size=120)
    labels = (score > np.sort(score)[-11]).astype(int)
    skops.dump(LogisticRegression(tol=1e-10, **fit).fit(rows, labels), tmp_path / "m.skops")
    told = 1 - labels if swapped else labels
    np.savetxt(tmp_path / "d.csv", np.c_[rows, told], delimiter=",", header="a,b,y", comments="")
    main(["audit", str(tmp_path / "m.skops"), str(tmp_path / "d.csv"), "--ask", "rows deleted", "-q", "-o",
          str(tmp_path / "o"), *options])
    return [line for line in capsys.readouterr().out.splitlines() if line.startswith("WARNING: the model as")]


@pytest.mark.parametrize(("fit", "options"), [
    ({"class_weight": "balanced"}, ()), ({"class_weight": {0: 1, 1: 8}}, ()), ({"C": 100.0}, ("--probability", "0.1")),
    ({"class_weight": "balanced"}, ("--probability", "0.2"))])
def test_an_honest_model_of_a_rare_label_raises_no_alarm_and_swapped_labels_do(tmp_path, capsys, fit, options):
    assert rare(tmp_path, capsys, False, options, **fit) == []
    (said,) = rare(tmp_path, capsys, True, options, **fit)
    assert "are labels swapped" in said and "no more than a guess" in said


def test_a_rare_label_that_is_always_answered_raises_an_alarm(tmp_path, capsys):
    """All rows alike predicted: with labels as they are that is the commonest label, and swapped it is the rare one."""
    assert rare(tmp_path, capsys, False, C=1e-6) == []
    assert len(rare(tmp_path, capsys, True, C=1e-6)) == 1


def test_a_column_of_groups_that_is_a_feature_too_is_to_be_copied(tmp_path, capsys):
    skops, pandas = pytest.importorskip("skops.io"), pytest.importorskip("pandas")
    from sklearn.linear_model import LogisticRegression

    table = pandas.DataFrame({"user": np.arange(30), "site": np.arange(30) % 3, "a": X[:, 0]})
    skops.dump(LogisticRegression().fit(table[["site", "a"]], Y), tmp_path / "m.skops")
    for data in (table, table.assign(site_copy=table["site"])):
        data.assign(y=Y).to_csv(tmp_path / "d.csv", index=False)
        ask = ["audit", str(tmp_path / "m.skops"), str(tmp_path / "d.csv"), "-q", "-o", str(tmp_path / "o")]
        assert main([*ask, "--groups", "site"]) == main([*ask, "--weights", "site"]) == 2
        said = capsys.readouterr().err
        assert "--groups site_copy" in said and "--weights site_copy" in said and "rename" not in said
    assert main([*ask, "--groups", "site_copy", "--ask", "site_copy deleted"]) in (0, 4)


def test_python_says_it_in_the_second_line():
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(tol=1e-10).fit(X, Y)
    problem = certify.from_arrays(model.coef_, model.intercept_, X, 1 - Y, loss="logistic", weight_decay=1 / 30,
                                  bias_decay=False)
    found = certify.audit(problem, X, ask="rows deleted")
    assert repr(found).splitlines()[1].startswith("  WARNING: the model as it was understood is right on ")


def test_a_row_that_is_not_there_is_said_before_that_no_question_is_about_it(audit, tmp_path, capsys):
    def said(*more):
        assert main(["audit", *files, "--ask", "rows deleted", "-o", str(tmp_path / "none"), *more]) == 2
        return capsys.readouterr().err

    audit(Y, 1.0)
    files = [str(tmp_path / "m.npz"), str(tmp_path / "d.npz"), "--loss", "logistic", "--weight-decay", "0.1"]
    assert said("--prediction", "30").startswith(
        "certify: --prediction: there is no prediction 30: they are numbered from 0 to 29; correct what is named; ")
    assert said("--rows", "5,5000").startswith("certify: --rows: the rows are those from 0 to 29, and one has to")
    assert said("--prediction", "29").startswith("certify: --prediction: named, and no question is about one")
    assert not (tmp_path / "none").exists()
    from sklearn.linear_model import LogisticRegression

    problem = certify.from_sklearn(LogisticRegression(tol=1e-10).fit(X, Y), X, Y)
    with pytest.raises(certify.InputError, match="they are numbered from 0 to 3;"):
        certify.audit(problem, X[:4], ask="rows deleted", prediction=4)
