"""The modulus over all 1797 × 10 = 17,970 equations: `/usr/bin/time -v python reports/digits/all_rows.py`.

A benchmark, **not checked**: the direct tier alone (kernel, one Cholesky for a vector, one for the proof), modulus
only. No certificate is written: `certify check` works in other, slower arithmetic. Limits wanted: 12 GB, 10 minutes,
upper/lower ≤ 1.2. Writes `all-rows.json`.

By default the forward and backward pass run in double-double and are rounded to float64 (what rounding loses is added
to their radii); with `--plain` they run in float64, as in the tiers of `certify run`, whose error bounds then make the
kernel's radius ten times what the Cholesky itself may lose.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))


def rounded(b: Any) -> Any:
    """Double-double balls with float64 centres."""
    from certify.network.passes import Balls
    from certify.rigor import fp
    from certify.rigor.arithmetic import Pair

    rad = b.rad if b.mid.lo is None else (b.rad + fp.row_norms(b.mid.lo)) * fp.RAISE
    return Balls(Pair(b.mid.hi), rad, (b.norm + rad) * fp.RAISE)


def linearised(problem: Any, plain: bool) -> tuple[Any, Any]:
    """Kernel and perturbation in float64."""
    import numpy as np

    from certify.network.kernel import tangent_kernel
    from certify.network.passes import backward, forward, known_weights
    from certify.perturbations.factor import feature_factor
    from certify.rigor.arithmetic import Binary64, DoubleDouble

    net, arithmetic = problem.network, Binary64() if plain else DoubleDouble()
    weights = known_weights(net)
    passed = forward(net, weights, problem.X, arithmetic)
    adjoints = tuple(rounded(b) for b in backward(net, weights, passed, arithmetic))
    passed = replace(passed, inputs=tuple(rounded(a) for a in passed.inputs), slopes=(), pre=())
    K = tangent_kernel(passed, adjoints, net.layers("all"), (True,) * net.depth, Binary64())
    return K, feature_factor(adjoints[0], problem.n, problem.outputs, np.ones(problem.n, bool))


def main() -> int:
    import numpy as np
    from safetensors.numpy import load_file

    from certify.bounds.direct import direct_modulus
    from certify.network.network import Network
    from certify.problem import Problem
    from certify.rigor.arithmetic import Binary64
    from certify.rigor.environment import self_test

    plain = "--plain" in sys.argv[1:]
    self_test()
    tensors = {name: a.astype(np.float64) for name, a in load_file(HERE / "model.safetensors").items()}
    weights = tuple(tensors[f"{h}.weight"] for h in (0, 2, 4))
    biases = tuple(tensors[f"{h}.bias"] for h in (0, 2, 4))
    X = np.load(HERE / "train.npz")["X"].astype(np.float64)
    problem = Problem(Network(weights, biases, "gelu"), X, None, "features", tuple(range(len(X))))
    marks = [("start", time.perf_counter(), time.process_time())]

    def mark(stage: str) -> None:
        marks.append((stage, time.perf_counter(), time.process_time()))
        wall, cpu = (marks[-1][i] - marks[-2][i] for i in (1, 2))
        line = f"{stage}: {wall:.1f} s, {cpu:.1f} s of processor time, peak {_peak():.1f} GB"
        print(line, file=sys.stderr, flush=True)

    K, Q = linearised(problem, plain)
    mark("kernel")
    ends = direct_modulus(K, Q, Binary64())
    mark("both ends")
    result = {
        "passes": "binary64" if plain else "double-double", "equations": problem.equations,
        "parameters": problem.parameters, "checked": False, "lower": ends.lower,
        "upper": ends.upper, "ratio": ends.upper / ends.lower if ends.upper and ends.lower else None,
        "seconds": {stage: round(b - a, 1) for (_, a, _), (stage, b, _) in zip(marks, marks[1:], strict=False)},
        "processor_seconds": round(marks[-1][2] - marks[0][2], 1), "peak_gigabytes": round(_peak(), 2),
        "threads": os.environ["OPENBLAS_NUM_THREADS"],
    }  # fmt: skip
    (HERE / f"all-rows{'-plain' if plain else ''}.json").write_text(
        json.dumps(result, indent=1) + "\n", encoding="utf-8"
    )
    print(json.dumps(result))
    return 0


def _peak() -> float:
    """Peak of the resident set in GB (10⁹ bytes)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


if __name__ == "__main__":
    sys.exit(main())
