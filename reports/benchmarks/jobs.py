"""How much faster a proof and its check are by several processes, told by the processor time of each.

    python reports/benchmarks/jobs.py FOLDER breast-cancer 3 --jobs 1 2

On a machine that others use the clock says little: what counts is the time of the first process and the longest time of
any other one, between the moments at which all of them begin anew. On an idle machine that is what the clock shows.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parent / "studies" / "heads")]
import models  # noqa: E402

TICK, EVERY = os.sysconf("SC_CLK_TCK"), 0.05
SPEC = """version = 1
[model]
file = "model.safetensors"
widths = [{columns}, 1]
activation = "identity"
[data]
file = "train.npz"
features = "X"
targets = "y"
[training]
loss = "logistic"
weight_decay = {decay!r}
bias_decay = false
[solution]
map = "critical"
base = "nearby"
within = 0.1
[perturbation]
parameter = "deletions"
set = "sparse"
count = {count}
[evaluation]
file = "eval.npz"
features = "X"
[run]
time_limit = 3600.0
[[gate]]
quantity = "stable_predictions"
min = 1
"""


def written(folder: Path, data: str, count: int) -> Path:
    """The spec of a logistic head of the table, C = 1, any `count` rows deleted."""
    from safetensors.numpy import save_file

    rows = models.data(data, folder)
    estimator, _ = models.fitted("logistic-1", rows)
    place = folder / f"{data}-{count}"
    place.mkdir(parents=True, exist_ok=True)
    save_file({"0.weight": estimator.coef_.copy(), "0.bias": estimator.intercept_.copy()}, place / "model.safetensors")
    np.savez(place / "train.npz", X=rows.X, y=np.where(rows.y == estimator.classes_[1], 1.0, -1.0))
    np.savez(place / "eval.npz", X=rows.X_eval)
    spec = place / "certify.toml"
    spec.write_text(SPEC.format(columns=rows.X.shape[1], decay=1.0 / len(rows.X), count=count), encoding="utf-8")
    return spec


def processes(first: int) -> dict[int, tuple[float, float]]:
    """The start and the processor seconds of a process and of all that it began."""
    found: dict[int, tuple[int, float, float]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        found[int(path.parent.name)] = int(words[1]), int(words[19]) / TICK, (int(words[11]) + int(words[12])) / TICK
    kept = {first}
    while more := {pid for pid, (parent, _, _) in found.items() if parent in kept} - kept:
        kept |= more
    return {pid: found[pid][1:] for pid in kept if pid in found}


def measured(*command: str) -> str:
    """Wall and processor seconds of a command, and those on the longest way."""
    env = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(HERE.parents[1])}
    started, seen = time.monotonic(), dict[int, tuple[float, float]]()
    process = subprocess.Popen([sys.executable, "-m", *command], env=env, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    while process.poll() is None:
        seen |= processes(process.pid)
        time.sleep(EVERY)
    first = seen.pop(process.pid)[1]
    together: list[list[tuple[float, float]]] = []
    for start, seconds in sorted(seen.values()):  # those that begin within a second work side by side
        if not together or start - together[-1][0][0] > 1.0:
            together.append([])
        together[-1].append((start, seconds))
    longest = first + sum(max(seconds for _, seconds in group) for group in together)
    return (f"status {process.returncode}, wall {time.monotonic() - started:.1f}, processor "
            f"{first + sum(seconds for _, seconds in seen.values()):.1f}, longest way {longest:.1f}, of it alone "
            f"{first:.1f}, load {os.getloadavg()[0]:.1f}")


def main() -> int:
    """Run and check with each number of processes, and say whether the certificates are the same."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path, help="where the data are, and specs are written")
    parser.add_argument("data", help="as models.py names it")
    parser.add_argument("count", type=int)
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 2])
    asked = parser.parse_args()
    spec, bytes_ = written(asked.folder, asked.data, asked.count), set()
    for jobs in asked.jobs:
        out = spec.parent / f"jobs-{jobs}"
        print(f"run,   jobs {jobs}: {measured('certify', 'run', str(spec), '-o', str(out), '--jobs', str(jobs))}",
              flush=True)
        bytes_.add((out / "witness.safetensors").read_bytes())
    print("the same witness" if len(bytes_) == 1 else "the witnesses differ", flush=True)
    for jobs in asked.jobs:
        certificate = str(spec.parent / f"jobs-{asked.jobs[0]}" / "certificate.json")
        print(f"check, jobs {jobs}: {measured('certify.check', certificate, '--jobs', str(jobs))}", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
