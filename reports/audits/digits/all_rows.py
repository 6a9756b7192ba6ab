"""The modulus over all 1797·10 = 17,970 equations: `python reports/audits/digits/all_rows.py`.

A benchmark, **not checked**: modulus only, and no certificate is written, because `certify check` works in other,
slower arithmetic. It runs the same code as `certify run` does for so many equations: the direct tier (kernel, one
Cholesky for a vector, one for the proof) with passes in double-double. Limits wanted: 12 GB, 10 minutes, upper/lower
≤ 1.2. Writes `all-rows.json`.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2]))


def main() -> int:
    import numpy as np
    from safetensors.numpy import load_file

    from certify.network.network import Network
    from certify.problem.problem import Problem
    from certify.prove.prover import prover
    from certify.rigor.environment import self_test

    self_test()
    tensors = {name: a.astype(np.float64) for name, a in load_file(HERE / "model.safetensors").items()}
    weights = tuple(tensors[f"{h}.weight"] for h in (0, 2, 4))
    biases = tuple(tensors[f"{h}.bias"] for h in (0, 2, 4))
    X = np.load(HERE / "train.npz")["X"].astype(np.float64)
    problem = Problem(Network(weights, biases, "gelu"), X, None, "features", tuple(range(len(X))))
    started, processor = time.perf_counter(), time.process_time()

    def progress(stage: str, done: float) -> None:
        print(f"{time.perf_counter() - started:6.1f} s, peak {_peak():.1f} GB: {stage}", file=sys.stderr, flush=True)

    bound = prover(problem, progress).bound("modulus")
    seconds = time.perf_counter() - started
    progress("done", 1.0)
    result = {
        "equations": problem.equations, "parameters": problem.parameters, "checked": False, "lower": bound.lower,
        "upper": bound.upper, "ratio": bound.upper / bound.lower if bound.upper and bound.lower else None,
        "reason": bound.reason, "seconds": round(seconds, 1),
        "processor_seconds": round(time.process_time() - processor, 1), "peak_gigabytes": round(_peak(), 2),
        "threads": os.environ["OPENBLAS_NUM_THREADS"],
    }  # fmt: skip
    (HERE / "all-rows.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result))
    return 0


def _peak() -> float:
    """Peak of the resident set in GB (10⁹ bytes)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


if __name__ == "__main__":
    sys.exit(main())
