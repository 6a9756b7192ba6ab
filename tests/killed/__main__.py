"""`python -m tests.killed [PART/PARTS] [-o FILE]`: every work killed before each change, and at times spread over it.

A line a kill is written as CSV; the status is 1 if one left something wrong.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.killed.works import WORKS, Point, Work, killed, undisturbed

TIMES, UNFINISHED = 25, (1, 2, 3, 4, 6, 8)


def kills(work: Work, place: Path) -> Iterator[dict[str, float]]:
    """Where a work is killed."""
    yield from ({"at": number} for number in range(1, undisturbed(work, place).changes + 1))
    yield from ({"share": (number + 0.5) / TIMES} for number in range(TIMES))
    yield from ({"unfinished": number} for number in UNFINISHED)


def main() -> int:
    """Kill, look, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("part", nargs="?", default="0/1", help="which kills: those with number % PARTS = PART")
    parser.add_argument("--work", action="append", choices=list(WORKS), help="which works (default: all)")
    parser.add_argument("-o", dest="output", type=Path, help="CSV file to add to")
    asked = parser.parse_args()
    part, parts = map(int, asked.part.split("/"))
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in asked.work or WORKS:
            for number, where in enumerate(kills(WORKS[name], Path(folder))):
                if number % parts == part:
                    point = killed(WORKS[name], Path(folder), **where)  # type: ignore[arg-type]
                    wrong += bool(point.faults)
                    _write(point, asked.output)
    return int(wrong > 0)


def _write(point: Point, output: Path | None) -> None:
    row = (point.work, point.where, point.status, len(point.faults), "; ".join(point.faults))
    print(*row, sep=" | ", flush=True)
    if output is not None:
        with output.open("a", newline="", encoding="utf-8") as handle:
            csv.writer(handle, lineterminator="\n").writerow(row)


if __name__ == "__main__":
    sys.exit(main())
