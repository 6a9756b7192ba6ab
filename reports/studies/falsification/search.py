"""Searches that try to break every proved claim of finite size on small problems, and what they do break.

    python reports/studies/falsification/search.py            # writes search.json and the table of README.md

`last_layer.py`: strongly convex last layers (Q6, P4, P4b). `fits.py`: distance over a budget (Q4), persistence radius
(P3), expansion and contraction on a window (S14). `changes.py`: distances after one given change (Q7, F1). The claims
of Q1 and Q5 are searched in reports/audits/aubin. Seeds are fixed; a case that is in search.json is not run again.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[2]), str(HERE.parents[1] / "audits" / "aubin"), str(HERE)]
import changes  # noqa: E402
import fits  # noqa: E402
import last_layer  # noqa: E402

RECORD, PAGE = HERE / "search.json", HERE / "README.md"
BEGIN, END = "<!-- table: written by search.py -->", "<!-- end of table -->"


def searches() -> dict[str, Callable[[], dict[str, Any]]]:
    """Every search by its name."""
    found: dict[str, Callable[[], dict[str, Any]]] = {}
    for number in range(len(last_layer.CASES)):
        found[f"last layer {number}"] = lambda number=number: last_layer.search(number, 20_000)
    return found | fits.searches() | changes.searches()


def table(records: dict[str, dict[str, Any]]) -> list[str]:
    """One line a search, and the sum of each claim."""
    lines = ["| claim | problem | tries | broken | nearest to the claim | pointwise claim broken | labels |",
             "|---|---|---:|---:|---:|---:|---|"]
    totals: dict[str, list[int]] = {}
    for r in records.values():
        lines.append(f"| {r['claim']} | {r['case']} | {r['tries']:,} | {r['broken']} | {r['nearest']:.3f} | "
                     f"{r['beaten']:,} | {r.get('labels', '')} |")
        total = totals.setdefault(r["claim"], [0, 0])
        total[0], total[1] = total[0] + r["tries"], total[1] + r["broken"]
    return [*lines, "", *(f"* {claim}: **{tries:,} tries, {broken} broken**"
                          for claim, (tries, broken) in totals.items())]


def main() -> int:
    records = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.is_file() else {}
    for name, search in searches().items():
        if name not in records:
            records[name] = search()
            RECORD.write_text(json.dumps(records, indent=1) + "\n", encoding="utf-8")
            print(name, records[name], flush=True)
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    PAGE.write_text(before + "\n".join([BEGIN, *table(records), END]) + after, encoding="utf-8")
    return int(any(r["broken"] for r in records.values()))


if __name__ == "__main__":
    sys.exit(main())
