"""Where the processor time of `certify run` goes, on ten reports that were chosen before any was measured.

    python reports/benchmarks/profiled.py                      # all ten and the toy: three minutes
    python reports/benchmarks/profiled.py wine/interpolation   # one report, printed alone

A timer of processor time interrupts each run every 2 ms. What has passed since the last interrupt counts for the
innermost function of `certify` on the stack, or for "imports" while a module is being imported. A long product of
matrices holds the interrupt up, to the first line of the next function at times: a function that has only been entered
is passed over. The floor is the time of the products in `FLOPS` at the rate at which
this machine multiplies 1024 × 1024 matrices in the same run: no bytes, no passes, no proof of rounding.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
AUDITS = HERE.parent / "audits"
INTERVAL = 0.002
LARGEST = 5
IMPORTS, OUTSIDE = "imports", "outside certify"


def interpolation(rows: int, outputs: int, widths: tuple[int, ...]) -> float:
    """Both Gram matrices of each layer (K and Q), two Cholesky factors and one inverse of all equations."""
    equations = rows * outputs
    return sum(rows**2 * a + equations**2 * b for a, b in zip(widths, widths[1:], strict=False)) + 5 * equations**3 / 3


def critical(rows: int, outputs: int, features: int, parameters: int) -> float:
    """The Hessian of all outputs, its Cholesky factor, and `H⁻¹G_u` for all features with its Gram matrix."""
    moved = rows * features
    return (rows * outputs + moved) * parameters**2 + parameters**3 / 3 + moved * parameters**2


FLOPS: dict[str, Callable[[], float]] = {
    "toy/features": lambda: 0.0,
    "stock-logistic/deleted-2": lambda: 426 * 426 * 31 * 143.0,
    "wine/interpolation": lambda: interpolation(178, 3, (13, 64, 64, 3)),
    "breast-cancer-logistic/features": lambda: critical(569, 1, 30, 1025),
    "breast-cancer-logistic/predictions-features": lambda: critical(569, 1, 30, 1025),
    "digits/persistence-total": lambda: 6.0 * 1797 * (64 * 256 + 256 * 256 + 256 * 10),
    "default/features": lambda: critical(10000, 1, 3, 41),
    "bikeshare/features": lambda: critical(8645, 1, 11, 209),
    "mnist-6x100/interpolation-200": lambda: interpolation(200, 10, (784, 100, 100, 100, 100, 100, 10)),
    "digits-critical/features": lambda: critical(1797, 10, 64, 1210),
    "default/leave-5": lambda: critical(10000, 1, 0, 41),
}
"""Floating-point operations that both ends cannot do without, of the ten reports and of the smallest (the toy)."""


class Sampler:
    """Processor seconds by function, from a timer of processor time."""

    def __init__(self) -> None:
        self.seconds: collections.Counter[str] = collections.Counter()
        self.last = time.process_time()

    def __call__(self, number: int, frame: Any) -> None:
        """Count what has passed since the last call for the function that was interrupted."""
        now = time.process_time()
        self.seconds[place(frame)] += now - self.last
        self.last = now


def place(frame: Any) -> str:
    """The innermost function of `certify` on the stack, or "imports" while a module is being imported."""
    inner = ""
    while frame is not None:
        path = frame.f_code.co_filename
        if path.startswith("<frozen importlib"):
            return IMPORTS
        entered = frame.f_lineno == frame.f_code.co_firstlineno and frame.f_code.co_name != "<lambda>"
        if not inner and not entered and f"{os.sep}certify{os.sep}" in path:
            inner = f"{path.rpartition(f'{os.sep}certify{os.sep}')[2]}:{frame.f_code.co_qualname}"
        frame = frame.f_back
    return inner or OUTSIDE


def sampled(spec: str, out: str, counts: str) -> None:
    """Run one spec in this process, under the timer."""
    import runpy
    import signal

    sampler = Sampler()
    signal.signal(signal.SIGPROF, sampler)
    signal.setitimer(signal.ITIMER_PROF, INTERVAL, INTERVAL)
    sys.argv = ["certify", "run", "--quiet", spec, "-o", out]
    try:
        runpy.run_module("certify", run_name="__main__", alter_sys=True)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        Path(counts).write_text(json.dumps({"total": time.process_time(), "seconds": sampler.seconds}))


def profile(report: str, code: Path) -> dict[str, Any]:
    """Processor seconds of one report in a fresh process, by function, with the code of a checkout."""
    one = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    environment = {**os.environ, **one, "PYTHONPATH": str(code)}
    with tempfile.TemporaryDirectory() as folder:
        counts = Path(folder) / "counts.json"
        subprocess.run([sys.executable, str(Path(__file__).resolve()), "--sample",
                        str(AUDITS / report / "certify.toml"), folder, str(counts)],
                       env=environment, cwd=folder, check=False, capture_output=True)  # fmt: skip
        return dict(json.loads(counts.read_text()))


def rate() -> float:
    """Floating-point operations a processor second of a 1024 × 1024 product, the best of five."""
    import numpy as np

    a = np.random.default_rng(0).standard_normal((1024, 1024))
    best = float("inf")
    for _ in range(5):
        start = time.process_time()
        a @ a
        best = min(best, time.process_time() - start)
    return 2 * 1024**3 / best


def line(report: str, found: dict[str, Any], per_second: float) -> str:
    """A row of the table: seconds, the floor, their ratio, the largest shares."""
    total = found["total"]
    floor = FLOPS[report]() / per_second
    shares = sorted(found["seconds"].items(), key=lambda pair: -pair[1])[:LARGEST]
    said = "; ".join(f"`{name}` {seconds / total:.0%}" for name, seconds in shares)
    ratio = f"{total / floor:.0f}" if floor > 5e-5 else "—"
    return f"| {report} | {total:.1f} | {floor:.4f} | {ratio} | {said} |"


def main() -> None:
    """The table, a row a report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reports", nargs="*", metavar="REPORT")
    parser.add_argument("--code", type=Path, default=HERE.parents[1], help="another checkout, for before and after")
    parser.add_argument("--sample", nargs=3, metavar=("SPEC", "DIR", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.sample:
        sampled(*options.sample)
        return
    per_second = rate()
    print(f"{per_second / 1e9:.1f} Gflop a processor second\n")
    print("| report | seconds | floor | ratio | largest shares |\n|---|---:|---:|---:|---|")
    for report in options.reports or list(FLOPS):
        print(line(report, profile(report, options.code), per_second), flush=True)


if __name__ == "__main__":
    main()
