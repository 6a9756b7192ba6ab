"""The page on killed processes says what was recorded."""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path

from tests.killed.works import WORKS

HERE = Path(__file__).resolve().parents[3] / "reports" / "studies" / "killed"


def test_the_table_is_what_was_recorded():
    with (HERE / "kills.csv").open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    said = (HERE / "README.md").read_text(encoding="utf-8")
    found = {line[0]: tuple(map(int, line[1:])) for line in re.findall(
        r"^\| ([a-z ,]+) \| (\d+) \| (\d+) \| (\d+) \|$", said, re.MULTILINE)}
    points, killed, faults = (Counter(), Counter(), Counter())
    for row in rows:
        points[row["work"]] += 1
        killed[row["work"]] += row["status"] == "-9"
        faults[row["work"]] += int(row["faults"])
    counted = {work: (points[work], killed[work], faults[work]) for work in points}
    assert {**found} == {**counted, "together": tuple(sum(column) for column in zip(*counted.values(), strict=True))}
    assert set(points) == set(WORKS) and sum(killed.values()) >= 200
