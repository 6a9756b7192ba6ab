"""Processor seconds, peak memory and verdict of `certify check`, or of `certify run`, for every committed certificate.

    python reports/benchmarks/check_all.py checks.jsonl          # those not yet in the file, the quickest first
    python reports/benchmarks/check_all.py checks.jsonl --run --only default/features bikeshare/features
    python reports/benchmarks/check_all.py checks.jsonl --table  # what the file says, beside ../claims.csv

Each is a process of its own with one thread; what its children take is counted too. One line of JSON each, as it ends.
Certificates whose inputs are not in the repository are refused; the READMEs of their folders say how to make them.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

REPORTS = Path(__file__).resolve().parents[1]
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def stated() -> dict[str, tuple[float, float]]:
    """The wall seconds of run and check in claims.csv, of each folder."""
    with (REPORTS / "claims.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    return {f"{line['report']}/{line['spec']}".rstrip("/"): (float(line["run_seconds"]), float(line["check_seconds"]))
            for line in lines}


def folders() -> dict[str, Path]:
    """Every folder with a certificate, by the report's name and the spec's; the quickest check by claims.csv first."""
    old = stated()
    found = {"/".join(path.relative_to(REPORTS).parts[1:-1]): path.parent
             for group in ("audits", "estimates") for path in (REPORTS / group).rglob("certificate.json")}
    return dict(sorted(found.items(), key=lambda item: (old.get(item[0], (0.0, 0.0))[1], item[0])))


def measured(command: list[str], limit: float) -> dict[str, Any]:
    """One process with its children: user and system seconds, those by the clock, peak of the largest, last line."""
    with tempfile.TemporaryFile("w+") as told:
        begun = time.perf_counter()
        process = subprocess.Popen([sys.executable, "-m", *command], cwd=REPORTS.parent, stdout=told,
                                   stderr=subprocess.DEVNULL, env=os.environ | dict.fromkeys(THREADS, "1"),
                                   start_new_session=True)  # fmt: skip
        late = threading.Timer(limit, lambda: os.killpg(process.pid, signal.SIGKILL))
        late.start()
        _, status, used = os.wait4(process.pid, 0)
        late.cancel()
        took = time.perf_counter() - begun
        told.seek(0)
        said = told.read().strip().splitlines()
    code = os.waitstatus_to_exitcode(status)
    return {"seconds": round(used.ru_utime + used.ru_stime, 2), "clock": round(took, 2),
            "megabytes": used.ru_maxrss // 1024, "exit": code, "ended": code != -signal.SIGKILL,
            "said": said[-1][:100] if said else ""}


def known(path: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """What the file already says; the last line of a folder counts."""
    if not path.exists():
        return {}
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return {(line["folder"], line["what"]): line for line in lines}


def table(path: Path) -> None:
    """A line for each certificate, the largest loss against `run` first, and the sums."""
    old, lines, rows = stated(), known(path), []
    for (name, what), line in lines.items():
        if what == "check" and name in old:
            again = lines.get((name, "run"))
            run, how = (old[name][0], "clock") if again is None else (again["seconds"], "again")
            rows.append((run - line["seconds"], name, run, how, old[name][1], line))
    for _, name, run, how, before, line in sorted(rows, key=lambda row: row[0]):
        print(f"{name:45} run {run:6.1f} ({how}) check {before:7.1f} -> {line['seconds']:6.1f} s "
              f"{line['seconds'] / run:6.2f} {line['megabytes']:5} MB  {line['said'][:12]}"
              + ("" if line["ended"] else " NOT ENDED"))
    share = [row[5]["seconds"] / row[2] for row in rows]
    run, before, after = (sum(row[2] for row in rows), sum(row[4] for row in rows),
                          sum(row[5]["seconds"] for row in rows))
    print(f"{len(rows)} certificates: run {run:.0f} s, check {before:.0f} -> {after:.0f} s; "
          f"above 1x {sum(one > 1 for one in share)}, above 2x {sum(one > 2 for one in share)}")


def main() -> None:
    """Measure what is not yet in the file, or show it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--only", nargs="+", metavar="FOLDER", default=None)
    parser.add_argument("--limit", type=float, default=240.0, help="seconds by the clock a process may take")
    parser.add_argument("--run", action="store_true", help="measure certify run instead")
    parser.add_argument("--again", action="store_true", help="also what the file already has")
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    if options.table:
        return table(options.file)
    what = "run" if options.run else "check"
    every = folders()
    for name in options.only or every:
        if (name, what) in known(options.file) and not options.again:
            continue
        with tempfile.TemporaryDirectory() as folder:
            command = ["certify.check", str(every[name] / "certificate.json"), "--quiet"]
            if options.run:
                command = ["certify", "run", "--quiet", str(every[name] / "certify.toml"), "--output",
                           str(Path(folder) / "certificate.json")]  # fmt: skip
            line = {"folder": name, "what": what, **measured(command, options.limit)}
        with options.file.open("a") as file:
            file.write(json.dumps(line) + "\n")
    return None


if __name__ == "__main__":
    main()
