"""`certify compare`: only ends that do not overlap decide, and only where both were asked the same."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import numpy as np
import pytest

import certify
from certify.auditing import comparison
from certify.auditing.comparison import _decided, compare
from certify.cli.main import main
from certify.format.errors import InputError

GOLDEN = Path(__file__).parents[2] / "golden" / "0.2.0"


@pytest.fixture(scope="module")
def audits(tmp_path_factory):
    """Two penalties on the same rows, and one of them on other rows."""
    from sklearn.linear_model import LogisticRegression

    folder = tmp_path_factory.mktemp("compared")
    rng = np.random.default_rng(8)
    X = np.round(rng.normal(size=(24, 2)), 3)
    y = (X.sum(axis=1) + 0.8 * rng.normal(size=24) > 0).astype(int)
    for name in ("new", "other"):
        rows = np.round(rng.normal(size=(12, 2)), 3)
        np.savez(folder / f"{name}.npz", X=rows, y=(rows.sum(axis=1) > 0).astype(int))
    np.savez(folder / "train.npz", X=X, y=y)
    for C in (10.0, 0.01):
        model = LogisticRegression(C=C, tol=1e-10).fit(X, y)
        np.savez(folder / f"model{C}.npz", coef=model.coef_, intercept=model.intercept_)
        for name in ("new", "other"):
            assert main(["audit", str(folder / f"model{C}.npz"), str(folder / "train.npz"), "--eval",
                         str(folder / f"{name}.npz"), "--loss", "logistic", "--weight-decay", repr(1 / (C * 24)),
                         "--no-bias-decay", "-q", "-o", str(folder / f"{name}{C}")]) == 0
    return folder


def test_what_is_said_follows_from_the_ends(audits, capsys):
    found = compare(audits / "new10.0", audits / "new0.01")
    assert {one.quantity for one in found.compared} == {"stable_predictions", "correct_predictions"}
    for one in found.compared:
        if one.better == "B":
            assert one.b[0] > one.a[1]
        if one.better == "A":
            assert one.a[0] > one.b[1]
    assert any("it counts weights" in words for words in found.left)
    assert any("no unit in common" in words for words in found.left)
    assert main(["compare", str(audits / "new10.0"), str(audits / "new0.01"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(found.as_json()))
    assert main(["compare", str(audits / "new10.0"), str(audits / "new10.0")]) == 0
    assert "both are the same, proved" in capsys.readouterr().out


def test_labels_are_the_same_whatever_loss_a_model_was_trained_with(tmp_path, capsys):
    """A ridge classifier has signs for targets, and was said to be of other training rows."""
    skops = pytest.importorskip("skops.io")
    from sklearn.linear_model import LogisticRegression, RidgeClassifier

    rng = np.random.default_rng(9)
    X = np.round(rng.normal(size=(30, 2)), 3)
    for classes in (2, 3):
        y, wrong = np.arange(30) % classes, (np.arange(30) + 1) % classes
        np.savez(tmp_path / "d.npz", X=X + y[:, None], y=y)
        np.savez(tmp_path / "w.npz", X=X + y[:, None], y=wrong)
        for name, model, data in (("lr", LogisticRegression(tol=1e-10), "d"), ("ridge", RidgeClassifier(), "d"),
                                  ("wrong", RidgeClassifier(), "w")):
            rows = np.load(tmp_path / f"{data}.npz")
            skops.dump(model.fit(rows["X"], rows["y"]), tmp_path / f"{name}.skops")
            assert main(["audit", str(tmp_path / f"{name}.skops"), str(tmp_path / f"{data}.npz"), "--ask",
                         "rows deleted", "-q", "-o", str(tmp_path / f"{name}{classes}")]) == 0
        found = compare(tmp_path / f"lr{classes}", tmp_path / f"ridge{classes}")
        assert {one.quantity for one in found.compared} == {"stable_predictions", "correct_predictions"}
        with pytest.raises(InputError, match="the training rows and the rows to predict of A and B are not the same"):
            compare(tmp_path / f"lr{classes}", tmp_path / f"wrong{classes}")


def test_a_warning_of_either_audit_stands_before_who_is_better(audits, tmp_path, capsys):
    """An answer about a minimum that may be another model was told as `B is better, proved`, and nothing else."""
    w = np.load(audits / "model10.0.npz")
    np.savez(tmp_path / "far.npz", coef=0.01 * w["coef"], intercept=w["intercept"])
    assert main(["audit", str(tmp_path / "far.npz"), str(audits / "train.npz"), "--eval", str(audits / "new.npz"),
                 "--loss", "logistic", "--weight-decay", repr(1 / 240), "--no-bias-decay", "-q", "--ask",
                 "rows deleted", "-o", str(tmp_path / "far")]) == 0
    assert "WARNING" in capsys.readouterr().out
    for b in (tmp_path / "far", tmp_path / "far" / "certificate.json"):
        found = compare(audits / "new0.01", b)
        assert found.alarms and all(one.startswith("B: the answer is about a minimum") for one in found.alarms)
        assert main(["compare", str(audits / "new0.01"), str(b)]) == 0
        assert capsys.readouterr().out.startswith("WARNING: B: the answer is about")
    assert main(["compare", str(audits / "new0.01"), str(tmp_path / "far"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["alarms"] == list(compare(audits / "new0.01", tmp_path / "far").alarms)
    assert compare(audits / "new10.0", audits / "new0.01").alarms == ()


def test_other_rows_are_no_common_question(audits, tmp_path):
    with pytest.raises(InputError, match="no question that both answer about the same rows"):
        compare(audits / "new10.0", audits / "other0.01")
    with pytest.raises(InputError, match=r"no certificate\.json in it"):
        compare(audits / "new10.0", tmp_path)


@pytest.fixture(scope="module")
def scaled(tmp_path_factory):
    """Two penalties behind scalers whose numbers differ in the last digit, and one on other labels of the same rows."""
    import skops.io
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    folder = tmp_path_factory.mktemp("scaled")
    rng = np.random.default_rng(8)
    X = np.round(rng.normal(50.0, 9.0, size=(20, 2)), 3)
    y, other = (X.sum(axis=1) > 100).astype(int), (X[:, 0] > 50).astype(int)
    np.savez(folder / "train.npz", X=X, y=y, z=other)
    np.savez(folder / "new.npz", X=np.round(rng.normal(50.0, 9.0, size=(8, 2)), 3))
    for name, C, targets in (("a", 1.0, y), ("b", 0.01, y), ("z", 0.01, other)):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=C, tol=1e-10)).fit(X, targets)
        if name != "a":
            model[0].scale_ = np.nextafter(model[0].scale_, 99.0)
        skops.io.dump(model, folder / f"{name}.skops")
        assert main(["audit", str(folder / f"{name}.skops"), str(folder / "train.npz"), "--eval",
                     str(folder / "new.npz"), "--ask", "rows deleted", "--ask", "noise", "--level", "0.7", "-q",
                     "--targets", "z" if name == "z" else "y", "-o", str(folder / name)]) == 0
    return folder


def test_rows_behind_scalers_are_those_of_the_files_that_were_given(scaled):
    stored = [(scaled / name / "data.safetensors").read_bytes() for name in "ab"]
    assert stored[0] != stored[1]  # to the last digit
    found = compare(scaled / "a", scaled / "b")
    assert {one.quantity for one in found.compared} == {"stable_predictions"}
    (noise,) = found.left  # is counted in units of the scalers
    assert "persistence_radius" in noise and "fit both models behind one fitted scaler" in noise


def test_other_labels_of_the_same_file_are_other_rows(scaled):
    with pytest.raises(InputError, match="the training rows of A and B are not the same"):
        compare(scaled / "a", scaled / "z")


def test_files_that_were_changed_since_are_not_taken_for_those_that_were_given(scaled, tmp_path):
    import shutil

    for name in "ab":
        shutil.copytree(scaled / name, tmp_path / name)
    with (tmp_path / "a" / "data.safetensors").open("ab") as file:
        file.write(b" ")
    with pytest.raises(InputError, match="are not the same"):
        compare(tmp_path / "a", tmp_path / "b")


def test_what_was_asked_otherwise_is_named(audits):
    found = compare(audits / "new10.0", audits / "new0.01")
    assert any("level of A is" in words and "audit both with one --level" in words for words in found.left)


@pytest.mark.parametrize(("quantity", "a", "b", "better"), [
    ("stable_predictions", (3, 5), (6, 7), "B"), ("stable_predictions", (3, 5), (5, 7), "open"),
    ("stable_predictions", (6, 7), (3, 5), "A"), ("stable_predictions", (3, None), (9, 9), "open"),
    ("prediction_change", (1.0, 2.0), (3.0, 4.0), "A"), ("prediction_change", (1.0, 2.0), (0.5, 0.75), "B"),
    ("prediction_change", (0.0, 2.0), (None, None), "open"), ("stable_predictions", (4, 4), (4, 4), "equal"),
    ("stable_predictions", (3, 4), (3, 4), "open")])
def test_ends_that_overlap_decide_nothing(quantity, a, b, better):
    ends = [dict(zip(("lower", "upper"), pair, strict=True)) for pair in (a, b)]
    assert _decided(quantity, "rows", *ends).better == better


@pytest.mark.parametrize(("change", "said"), [
    (lambda c: c["problem"].pop("fresh"), "fresh of A is null"),
    (lambda c: c["problem"].update(normalization="remaining"), "normalization of A is"),
    (lambda c: c["problem"].update(merge_duplicates=True), "merge_duplicates of A is"),
    (lambda c: c["problem"].update(direction="down"), "direction of A is"),
    (lambda c: c["problem"].update(within=1e-20, weights_length=1.0), "too far from its weights"),
    (lambda c: c["claims"][0].update(rigour="estimated"), "not proved"),
    (lambda c: c["claims"][0]["witness"].update(reach=2.0), "within another distance"),
    (lambda c: c["problem"].update(arrays={"data": ["Z"]}), "other arrays"),
])
def test_what_is_asked_otherwise_is_not_compared(tmp_path, monkeypatch, change, said):
    """Whatever the ends say: one that was better about another question is no better."""
    made = json.loads((GOLDEN / "rows-added" / "certificate.json").read_bytes())
    made["problem"]["arrays"] = {"data": ["X"]}
    other = copy.deepcopy(made)
    other["claims"][0] |= {"lower": 12.0, "upper": 12.0}
    read = {"a": other, "b": made}
    monkeypatch.setattr(comparison, "read_certificate", lambda path: read[path.name])
    found = comparison.differences(tmp_path / "a", tmp_path / "b")
    assert [one.better for one in found.compared] == ["A"] and "1 new row, added" in found.compared[0].change
    change(other)
    found = comparison.differences(tmp_path / "a", tmp_path / "b")
    assert not found.compared and said in found.left[0]


@pytest.fixture(scope="module")
def by_whom(tmp_path_factory):
    """One model and one table, with two columns of six groups of three rows each: audits that differ in the column."""
    import skops.io
    from sklearn.linear_model import LogisticRegression

    folder = tmp_path_factory.mktemp("groups")
    rng = np.random.default_rng(3)
    X = np.round(rng.normal(size=(18, 2)), 3)
    y = (X.sum(axis=1) + rng.normal(size=18) > 0).astype(int)
    users = np.repeat(np.arange(6), 3)
    np.savez(folder / "train.npz", X=X, y=y, user=users, site=rng.permutation(users))
    skops.io.dump(LogisticRegression(C=5.0, tol=1e-10).fit(X, y), folder / "model.skops")
    for name in ("user", "site"):
        assert main(["audit", str(folder / "model.skops"), str(folder / "train.npz"), "--groups", name, "--ask",
                     "2 groups deleted", "-q", "-o", str(folder / name)]) == 0
    return folder


def test_other_groups_of_the_same_rows_are_another_question(by_whom):
    """As many groups as large: one model was `better, proved` than itself."""
    grouped = [json.loads((by_whom / name / "certificate.json").read_bytes()) for name in ("user", "site")]
    assert grouped[0]["problem"]["grouped"] == grouped[1]["problem"]["grouped"]
    assert grouped[0]["claims"][0]["upper"] < grouped[1]["claims"][0]["lower"]  # the recipe: these ends do not overlap
    with pytest.raises(InputError, match="the training rows or whose they are of A and B are not the same"):
        compare(by_whom / "user", by_whom / "site")
    for same in compare(by_whom / "user", by_whom / "user").compared:  # labels that stay, and right ones
        assert same.better == "equal" and same.change == "deletions of any 2 groups of rows"


def test_a_share_of_each_target_is_another_question_than_an_amount(tmp_path):
    """2 % of targets about 20 against 0.02: one model was `better, proved` than itself."""
    import skops.io
    from sklearn.linear_model import Ridge

    X = np.random.default_rng(4).normal(size=(15, 2))
    y = 20.0 + X.sum(axis=1)
    np.savez(tmp_path / "train.npz", X=X, y=y)
    skops.io.dump(Ridge().fit(X, y), tmp_path / "model.skops")
    for name, off in (("share", "2%"), ("amount", "0.02")):
        assert main(["audit", str(tmp_path / "model.skops"), str(tmp_path / "train.npz"), "--targets-off", off, "--ask",
                     "targets off", "-q", "-o", str(tmp_path / name)]) == 0
    with pytest.raises(InputError, match="relative of A is true, of B null"):
        compare(tmp_path / "share", tmp_path / "amount")
    assert compare(tmp_path / "share", tmp_path / "share").compared


@pytest.mark.parametrize(("more", "said"), [
    ({}, "deletions of any 2 rows"), ({"relabelled": 1}, "deletions of any 2 rows, and the labels of 1 other"),
    ({"grouped": {"by": "user", "groups": 6, "largest": 3}}, "deletions of any 2 groups of rows"),
    ({"pairs": [[0, 1]]}, "deletions of any 2 rows, along stated pairs"), ({"count": None}, "deletions of all rows")])
def test_what_may_change_is_said_in_full(more, said):
    assert comparison._change({"parameter": "deletions", "rows": "all", "count": 2} | more) == said


def test_what_cannot_be_compared_is_said_in_plain_words(tmp_path):
    pytest.importorskip("sklearn")
    from sklearn.linear_model import LogisticRegression, Ridge

    rng = np.random.default_rng(0)
    X = rng.normal(size=(12, 2))
    ridge, labels = Ridge().fit(X, X[:, 0]), LogisticRegression().fit(X, X[:, 0] > 0)
    made = {"amounts": certify.from_sklearn(ridge, X, X[:, 0]), "labels": certify.from_sklearn(labels, X, X[:, 0] > 0)}
    for name, problem, ask in (("amounts", "amounts", "rows deleted"), ("one", "labels", "rows deleted"),
                               ("two", "labels", "2 rows deleted"), ("wrong", "labels", "labels wrong")):
        certify.audit(made[problem], X[:3], ask=ask, folder=tmp_path / name)
    for other, said in (("two", "A was asked about any 1 training row left out, B about any 2 training rows left out"),
                        ("wrong", "B about any 1 training label wrong: ask both the same"),
                        ("amounts", "labels are counted of a model that predicts labels, and of amounts how far they")):
        with pytest.raises(InputError, match=said):
            compare(tmp_path / "one", tmp_path / other)


def test_a_model_is_no_audit(tmp_path):
    (tmp_path / "model.skops").write_bytes(b"PK")
    with pytest.raises(InputError, match="a model, which is no audit of one; write one with certify audit"):
        compare(tmp_path / "model.skops", tmp_path)
