"""Some mutants of the campaign of `reports/studies/tampering`: nothing is accepted that does not follow."""

from __future__ import annotations

import hashlib
import json
import random
from unittest.mock import patch

import numpy as np
import pytest
from safetensors.numpy import save

from certify.check.probed import answer
from certify.format.canonical import digest, encode
from reports.studies.tampering import campaign, consistent, exact, follows, refits, specs
from reports.studies.tampering.sources import ROOT, Mode, Source, folders


@pytest.mark.parametrize("only", ["targets", "critical-given", "rows-deleted-hinge", "pair-tree", "group-tree",
                                  "disk-deletions"])
def test_no_violation(only):
    found = campaign.run(60.0, 7, only, most=200)
    assert found["mutants"] > 5 and not found["violations"], found["violations"]


def test_no_violation_of_a_logistic_regression_on_disk():
    found = campaign.run(60.0, 7, "disk-logistic-deletions", most=60)
    assert found["mutants"] > 3 and not found["violations"], found["violations"]


def test_a_violation_would_be_seen():
    folder = ROOT / "tests/golden/0.2.0/targets"
    old = json.loads((folder / "certificate.json").read_bytes())["claims"][0]
    ends = [(old["lower"] * factor, old["upper"] * factor) for factor in (2.0, 0.5)]
    assert [follows.compared(old, old | {"lower": a, "upper": b}) for a, b in ends] == ["beyond", "beyond"]
    assert follows.compared(old, old | {"upper": None}) == "weaker"
    middle = (old["lower"] + old["upper"]) / 2
    assert follows.compared(old, old | {"upper": middle}) == "sharper, inside the original"


def test_a_prediction_on_the_other_side_would_be_seen():
    old = {"lower": 2.0, "upper": 3.0, "witness": {"flipped": [1], "undecided": [0]}}
    exchanged = old | {"witness": {"flipped": [2], "undecided": [0]}}
    assert follows.compared(old, exchanged, 4) == "beyond" and follows.compared(old, old, 4) == "equal"
    rows = {"lower": 1, "upper": 2, "stays": [0], "flips": [2]}
    assert follows.compared(rows, rows | {"stays": [2], "flips": [0]}) == "beyond"
    assert follows.compared(rows, rows | {"stays": [1]}) == "equal"


def test_what_is_false_of_rows_on_disk_would_be_seen(tmp_path):
    source = Source(*folders("disk-deletions"), tmp_path)
    assert exact.is_true(source.folder, source.top) is True
    claim, every = source.top["claim"], range(source.top["problem"]["evaluation_rows"])
    assert set(claim["stays"]) < set(every)
    assert exact.is_true(source.folder, source.top | {"claim": claim | {"stays": list(every)}}) is False
    assert exact.is_true(source.folder, source.top | {"problem": source.top["problem"] | {"rows": 9}}) is None


def test_what_is_false_of_a_logistic_regression_on_disk_would_be_seen(tmp_path):
    for change, count in (("deletions", 1), ("labels", 1)):
        source = Source(*folders(f"disk-logistic-{change}"), tmp_path)
        claim, problem = source.top["claim"], source.top["problem"]
        assert exact.is_true(source.folder, source.top) is True and problem["count"] == count
        assert exact.is_true(source.folder, source.top | {"claim": claim | {"stays": [0, 4]}}) is False
        assert exact.is_true(source.folder, source.top | {"claim": claim | {"flips": [0]}}) is False
        assert exact.is_true(source.folder, source.top | {"problem": problem | {"count": 2}}) is None


HEADS = ("group-tree", "outputs-by-trees", "outputs-by-sums", "targets-off", "label-sums", "by-counts",
         "pair-tree-labels", "pairs", "weights-of-rows")
"""Whose refits are all told but those of `pairs`, whose spec says more than is understood."""


def of_head(name, tmp_path):
    source = next(Source(folder, tmp_path) for folder in folders(name) if folder.name == name)
    return source, json.loads(json.dumps(source.top))


@pytest.mark.parametrize("name", HEADS)
def test_what_is_stated_of_a_small_head_is_told_by_every_refit(name, tmp_path):
    source, top = of_head(name, tmp_path)
    assert refits.is_true(source.folder, top, source.spec) is (None if name == "pairs" else True)
    assert source.trained is (name != "pairs")


@pytest.mark.parametrize("name", ["group-tree", "label-sums", "by-counts", "pair-tree-labels", "weights-of-rows"])
def test_a_false_word_about_one_prediction_of_a_small_head_would_be_seen(name, tmp_path):
    source, top = of_head(name, tmp_path)
    claim = top["claims"][0]
    witness, N = claim["witness"], source.rows
    flipped, undecided = witness["flipped"], witness["undecided"]
    for row in flipped:
        claim["witness"] = witness | {"flipped": [j for j in flipped if j != row]}
        lie = top | {"claims": [claim | {"lower": claim["lower"] + 1, "upper": claim["upper"] + 1}]}
        assert refits.is_true(source.folder, lie, source.spec) is False
    for row in {*range(N)} - {*flipped, *undecided}:
        claim["witness"] = witness | {"flipped": sorted([*flipped, row])}
        lie = top | {"claims": [claim | {"lower": claim["lower"] - 1, "upper": claim["upper"] - 1}]}
        assert refits.is_true(source.folder, lie, source.spec) is False


@pytest.mark.parametrize("name", ["targets-off", "outputs-by-trees", "weights-by-boxes", "weights-by-sums",
                                  "outputs-by-sums"])
def test_a_false_end_of_a_motion_would_be_seen(name, tmp_path):
    source, top = of_head(name, tmp_path)
    claim, (low, high) = top["claims"][0], (top["claims"][0]["lower"], top["claims"][0]["upper"])
    for ends in ({"lower": high * (1 + 1e-6), "upper": None}, {"lower": 0.0, "upper": low * (1 - 1e-6)}):
        assert refits.is_true(source.folder, top | {"claims": [claim | ends]}, source.spec) is False


@pytest.mark.parametrize(("name", "old", "new"), [
    ("label-sums", 'class_weight = "balanced"\n', ""), ("by-counts", "count = 2", "count = 3"),
    ("outputs-by-trees", "weight_decay = 0.05", "weight_decay = 0.025"),
    ("targets-off", "bias_decay = false", "bias_decay = true"), ("targets-off", "radius = 0.125", "radius = 0.5"),
    ("group-tree", 'groups = "user"\n', 'set = "sparse"\n'), ("weights-of-rows", '"deletions"', '"labels"'),
    ("weights-of-rows", 'weights = "c"\n', "")])
def test_another_spec_is_refused_where_the_claims_are_false_of_it(name, old, new, tmp_path):
    source, top = of_head(name, tmp_path)
    text = source.spec.replace(old.encode(), new.encode())
    assert text != source.spec
    top["subject"]["spec"] |= {"sha256": hashlib.sha256(text).hexdigest(), "bytes": len(text)}
    specs.stated(top, source.folder, text)
    top["digest"] = digest(top)
    assert top["problem"] != source.top["problem"] and source.judged(encode(top), None, text) == "invalid"
    assert source.judged(encode(source.top), None) == "accepted"


@pytest.mark.parametrize("name", ["noise-weights", "noise-outputs", "noise-counts"])
def test_ends_of_a_ball_are_refused_beyond_what_is_proved(name, tmp_path):
    source, top = of_head(name, tmp_path)
    claim = top["claims"][0]
    low, high = claim["lower"], claim["upper"]
    for ends in ({"upper": low}, {"upper": high * 0.99}, {"lower": high}, {"lower": low * (1 + 1e-6)}):
        claim |= {"lower": low, "upper": high} | ends
        top["digest"] = digest(top)
        assert source.judged(encode(top), None) == "invalid"


@pytest.mark.parametrize(("name", "case", "accepted"), [
    ("from-below", "M5b", True), ("from-below", "M5c", False), ("from-below", "M5a", False),
    ("from-below", "M5", False),
    ("critical", "M5d", True), ("critical", "M5b", False), ("critical", "M5a", False)])
def test_another_case_of_a_critical_point_follows_where_it_is_proved_of_the_point(name, case, accepted, tmp_path):
    """A lower end alone, with a rank or without; what `certify run` proves of the point says which."""
    source = next(Source(folder, tmp_path) for folder in folders(f"/{name}") if folder.name == name and
                  folder.parent.name != "0.2.0")
    claim = source.top["claims"][0]
    claim |= {"upper": None, "hypotheses": []}
    consistent.mutants.judged(source.top)
    top = json.loads(json.dumps(source.top))
    top["claims"][0]["theorem"] = case
    top["digest"] = digest(top)
    assert source.judged(encode(top), None) == ("accepted" if accepted else "invalid")
    assert follows.why(source.top, encode(top), source.rows, lambda: source.case) == (
        follows.CASE if accepted else f"unexplained: theorem {case}", not accepted)
    assert follows.why(source.top, encode(top), source.rows)[1] is (case != "M5d")  # as of a point without a case


def test_a_case_with_an_upper_end_is_no_case_of_lower_ends(tmp_path):
    source = of_head("settled", tmp_path)[0]
    for case in ("M5d", "M5b", "M5"):
        top = json.loads(json.dumps(source.top))
        top["claims"][0]["theorem"] = case
        assert follows.why(source.top, encode(top), 0, lambda: "M5b") == (f"unexplained: theorem {case}", True)
    silent = json.loads(json.dumps(source.top))
    silent["claims"][0] |= {"theorem": "M5", "lower": None, "upper": None}
    assert follows.why(source.top, encode(silent), 0) == ("ends: weaker", False)


def test_arrays_of_another_form_are_refused(tmp_path):
    for name in ("box", "box-tree", "pair-tree", "softmax-tree", "squared-tree", "group-tree", "by-choice"):
        source, top = of_head(name, tmp_path)
        for key, array in source.arrays.items():
            if not len(array):
                continue
            side = save(dict(source.arrays) | {key: np.ascontiguousarray(array[:-1])})
            top["subject"]["witness"] |= {"sha256": hashlib.sha256(side).hexdigest(), "bytes": len(side)}
            top["digest"] = digest(top)
            assert source.judged(encode(top), side) == "invalid", (name, key)


def test_a_margin_from_kinks_is_refused_beyond_what_is_proved(tmp_path):
    source, top = of_head("relu-one-layer", tmp_path)
    margins = [one for claim in top["claims"] for one in claim["hypotheses"] if one["name"] == "smooth"]
    assert margins and all(one["value"] > 0 for one in margins)
    for one in margins:
        true = one["value"]
        for factor, word in ((1 + 1e-6, "invalid"), (1 - 1e-6, "accepted")):
            one["value"] = true * factor
            top["digest"] = digest(top)
            assert source.judged(encode(top), None) == word
        one["value"] = true


def test_every_other_mutant_is_checked_with_random_probes(tmp_path):
    source, top = of_head("settled", tmp_path)
    with patch.object(answer, "_told", wraps=answer._told) as drawn:
        assert source.judged(encode(top), None) == "accepted" and not drawn.called
        assert source.judged(encode(top), None, None, Mode.SOON) == "accepted" and drawn.called
    found = campaign.run(60.0, 7, "kinds/settled", most=100)
    assert all(found["counts"][mode] for mode in Mode) and not found["violations"]


def test_lies_about_motions_agree_with_themselves(tmp_path):
    source, rng = of_head("outputs-by-trees", tmp_path)[0], random.Random(1)
    lies = 0
    for _ in range(40):
        top, held = json.loads(json.dumps(source.top)), dict(source.arrays)
        consistent.motion(rng, top, held)
        claim = top["claims"][0]
        lies += claim["upper"] < source.top["claims"][0]["lower"]
        assert claim["verdict"] == "certified" or claim["upper"] > 9
    assert lies > 4


def test_lies_agree_with_themselves(tmp_path):
    source, rng, seen = of_head("pair-tree", tmp_path)[0], random.Random(1), set()
    for _ in range(40):
        top, held = json.loads(json.dumps(source.top)), dict(source.arrays)
        consistent.labels(rng, top, held)
        status, claim = held["stable_predictions.rows.status"], top["claims"][0]
        assert claim["lower"] == (status > 1).sum() and claim["upper"] == (status != 1).sum()
        assert claim["witness"]["flipped"] == [j for j, s in enumerate(status) if s == 1]
        seen |= {int(s) for s in status}
    assert {0, 1} < seen and len(seen) > 4
