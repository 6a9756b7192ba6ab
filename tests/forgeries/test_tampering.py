"""Some mutants of the campaign of `reports/studies/tampering`: nothing is accepted that does not follow."""

from __future__ import annotations

import json
import random

import pytest

from reports.studies.tampering import campaign, consistent, exact, follows
from reports.studies.tampering.sources import ROOT, Source, folders


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


def test_lies_agree_with_themselves(tmp_path):
    source, rng, seen = Source(*folders("kinds/pair-tree"), tmp_path), random.Random(1), set()
    for _ in range(40):
        top, held = json.loads(json.dumps(source.top)), dict(source.arrays)
        consistent.labels(rng, top, held)
        status, claim = held["stable_predictions.rows.status"], top["claims"][0]
        assert claim["lower"] == (status > 1).sum() and claim["upper"] == (status != 1).sum()
        assert claim["witness"]["flipped"] == [j for j, s in enumerate(status) if s == 1]
        seen |= {int(s) for s in status}
    assert {0, 1} < seen and len(seen) > 4
