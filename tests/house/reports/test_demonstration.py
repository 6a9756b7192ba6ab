"""The demonstration repository: its page says what was recorded, and CI decides the same again."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parents[3] / "reports" / "studies" / "demonstration"
SAID = (HERE / "README.md").read_text(encoding="utf-8")
STATUSES = {"first": 0, "improve": 0, "regress": 3, "regress, suppressed until a day that is past": 3,
            "regress, suppressed until a day to come": 0, "poison": 3, "repair": 0}


def decisions(folder: Path) -> list[dict]:
    return json.loads((folder / "decisions.json").read_bytes())["decisions"]


def rows(name: str) -> list[dict[str, str]]:
    with (HERE / "recorded" / name).open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def test_the_table_is_what_was_recorded():
    lines = [line.split(" | ") for line in SAID.splitlines() if re.match(r"\| .* % \|", line)]
    found = decisions(HERE / "recorded")
    assert {one["change"]: one["status"] for one in found} == STATUSES and len(lines) == len(found)
    for (_, right, stay, accuracy, ci), one in zip(lines, found, strict=True):
        assert one["claims"] == {"correct_predictions": [int(right)] * 2, "stable_predictions": [int(stay)] * 2}
        assert accuracy == f"{100 * one['accuracy']:.1f} %"
        assert ("passes" in ci or f"status {one['status']}" in ci)
    assert json.loads((HERE / "recorded" / "decisions.json").read_bytes())["main"] == [
        "Release a first model", "Take first as baseline", "Train on all rows", "Take improve as baseline",
        "Look up the labels of the first 30 rows of the list, and correct them", "Take repair as baseline"]


def test_the_list_and_the_doses_are_as_the_page_says():
    turned = [place for place, row in enumerate(rows("rows.csv"), 1) if row["turned"] == "1"]
    assert len(turned) == 21 and turned[:17] == list(range(1, 18))
    assert f"places {', '.join(map(str, turned[17:20]))} and {turned[20]}" in SAID
    doses = {int(row["turned"]): row for row in rows("doses.csv")}
    assert all(row["correct_at_least"] == row["correct_at_most"] for row in doses.values())
    right = {dose: int(row["correct_at_least"]) for dose, row in doses.items()}
    assert ", ".join(str(right[dose]) for dose in (1, 2, 3, 5)) + f" and {right[8]} right" in SAID
    assert all((right[0] - right[dose] > 1) == (dose >= 13) for dose in right)
    poisoned = (HERE / "recorded" / "poison.md").read_text(encoding="utf-8")
    named = {int(row) for row in re.findall(r"when training row (\d+) gets another label", poisoned)}
    assert named and not named & {int(row["row"]) for row in rows("rows.csv") if row["turned"] == "1"}


@pytest.mark.long
def test_ci_decides_the_same_again(tmp_path):
    pytest.importorskip("yaml")
    subprocess.run([sys.executable, str(HERE / "build.py"), "-o", str(tmp_path)], check=True, timeout=1200)
    for again, before in zip(decisions(tmp_path), decisions(HERE / "recorded"), strict=True):
        assert {**again, "accuracy": 0} == {**before, "accuracy": 0}
        assert abs(again["accuracy"] - before["accuracy"]) < 1 / 143
    assert "suppressed by ana@example.org until 9999-12-31" in "\n".join(decisions(tmp_path)[4]["annotations"])
