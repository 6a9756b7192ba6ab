"""A few seconds of the campaign of `reports/studies/tampering`: nothing is accepted that does not follow."""

from __future__ import annotations

import json

import pytest

from reports.studies.tampering import campaign


@pytest.mark.parametrize("only", ["targets", "critical-given", "rows-deleted-hinge"])
def test_no_violation(only):
    found = campaign.run(2.0, 7, only)
    assert found["mutants"] > 5 and not found["violations"], found["violations"]


def test_a_violation_would_be_seen():
    folder = campaign.ROOT / "tests/golden/0.2.0/targets"
    old = json.loads((folder / "certificate.json").read_bytes())["claims"][0]
    ends = [(old["lower"] * factor, old["upper"] * factor) for factor in (2.0, 0.5)]
    assert [campaign.compared(old, old | {"lower": a, "upper": b}) for a, b in ends] == ["beyond", "beyond"]
    assert campaign.compared(old, old | {"upper": None}) == "weaker"
    middle = (old["lower"] + old["upper"]) / 2
    assert campaign.compared(old, old | {"upper": middle}) == "sharper, inside the original"
