"""Processor seconds of `certify check`, and with --run of `certify run`, for folders of reports/audits.

    python reports/benchmarks/check.py breast-cancer default/features
    python reports/benchmarks/check.py --code OTHER_CHECKOUT default/features   # the same by another version
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

AUDITS = Path(__file__).resolve().parents[1] / "audits"


def seconds(command: list[str], code: Path) -> tuple[float, int, str]:
    """User and system time of a process with one thread, its peak in megabytes, and its last line."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    one = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    done = subprocess.run([sys.executable, "-m", *command], cwd=code, capture_output=True, text=True, check=False,
                          env=os.environ | one)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    said = (done.stdout or done.stderr).strip().splitlines()
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, after.ru_maxrss // 1024,
            said[-1][:60] if said else "")


def main() -> None:
    """A line a folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", metavar="FOLDER")
    parser.add_argument("--code", type=Path, default=AUDITS.parents[1])
    parser.add_argument("--run", action="store_true")
    options = parser.parse_args()
    for name in options.folders:
        cost, peak, said = seconds(["certify.check", str(AUDITS / name / "certificate.json"), "--quiet"], options.code)
        line = f"{name}: check {cost:.1f} s, at most {peak} MB so far: {said}"
        if options.run:
            with tempfile.TemporaryDirectory() as folder:
                cost, _, _ = seconds(["certify", "run", "--quiet", str(AUDITS / name / "certify.toml"), "--output",
                                      str(Path(folder) / "certificate.json")], options.code)
            line += f"; run {cost:.1f} s"
        print(line, flush=True)


if __name__ == "__main__":
    main()
