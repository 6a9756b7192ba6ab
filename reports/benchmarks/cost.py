"""What a proof costs on top of the arithmetic it is about: `python reports/benchmarks/cost.py`, about ten minutes.

Everything is timed five times in one run, one round after the other so that a busy machine slows all parts alike; the
table has medians of wall time, and beside each ratio that of processor time, which other processes disturb less. One
thread (`--threads` changes it). Networks are drawn, not trained: cost does not depend on training.

* bare: the matrix products of the tangent kernel alone, `B_h B_hᵀ` and `A_h A_hᵀ` of every layer, in numpy;
* passes: enclosed forward and backward pass; kernel: enclosed tangent kernel from them;
* Cholesky: `scipy.linalg.cholesky` of the kernel's midpoint; gate: `verify_modulus_below` at 1.01 × the upper end;
* two-sided: `direct_modulus`, both ends; Jacobian: `torch.func` per-sample gradients and their Gram matrix.

Memory is measured in fresh processes: what numpy has allocated at the peak (tracemalloc, data included), and the growth
of the resident set. Allowed are 4n²·8 bytes + data and weights.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROUNDS = 5
SIZES = {"1000": (1000, (64, 256, 256, 1)), "4000": (4000, (784, 512, 512, 512, 1))}
TARGETS = {"kernel / bare": 2.0, "gate": 1.25, "two-sided": 1.5, "Jacobian / kernel": 20.0, "memory": 1.0}


def problem(n: int, widths: tuple[int, ...]) -> tuple[Any, Any]:
    """A tanh network with LeCun-scaled weights, and normal data."""
    import numpy as np

    from certify.network.network import Network

    rng = np.random.default_rng(0)
    pairs = list(zip(widths, widths[1:], strict=False))
    weights = tuple(rng.standard_normal((b, a)) / np.sqrt(a) for a, b in pairs)
    biases = tuple(0.1 * rng.standard_normal(b) for _, b in pairs)
    return Network(weights, biases, "tanh"), rng.standard_normal((n, widths[0]))


class Parts:
    """The parts that are timed, each a function without arguments."""

    def __init__(self, n: int, widths: tuple[int, ...]) -> None:
        import numpy as np

        from certify.network.layers.passes import known_weights
        from certify.problem.perturbations.factor import feature_factor
        from certify.rigor.arithmetic import Binary64

        self.n, self.arithmetic = n, Binary64()
        self.net, self.X = problem(n, widths)
        self.weights = known_weights(self.net)
        self.passed, self.adjoints = self.passes()
        self.K = self.kernel()
        self.Q = feature_factor(self.adjoints[0], n, 1, np.ones(n, bool))
        self.threshold = 1.0

    def passes(self) -> Any:
        from certify.network.layers.passes import backward, forward

        passed = forward(self.net, self.weights, self.X, self.arithmetic)
        return passed, backward(self.net, self.weights, passed, self.arithmetic)

    def kernel(self) -> Any:
        from certify.network.layers.kernel import tangent_kernel

        layers = self.net.layers("all")
        return tangent_kernel(self.passed, self.adjoints, layers, (True,) * self.net.depth, self.arithmetic)

    def bare(self) -> None:
        for h in range(1, self.net.depth + 1):
            B, A = self.adjoints[h].mid.hi, self.passed.inputs[h - 1].mid.hi
            B @ B.T, A @ A.T

    def cholesky(self) -> None:
        from scipy.linalg import cholesky

        cholesky(self.K.mid.hi, lower=True, check_finite=False)

    def two_sided(self) -> Any:
        from certify.theorems.modulus.direct import direct_modulus

        return direct_modulus(self.K, self.Q, self.arithmetic)

    def gate(self) -> None:
        from certify.theorems.modulus.direct import verify_modulus_below

        if not verify_modulus_below(self.K, self.Q, self.threshold):
            raise RuntimeError(f"modulus < {self.threshold} was not proved")

    def jacobian(self) -> None:
        import torch
        from torch.func import grad, vmap

        parameters = [torch.from_numpy(p) for pair in zip(self.net.weights, self.net.biases, strict=True) for p in pair]

        def output(parameters: Any, x: Any) -> Any:
            for h in range(0, len(parameters), 2):
                x = parameters[h] @ x + parameters[h + 1]
                x = torch.tanh(x) if h + 2 < len(parameters) else x
            return x[0]

        rows = vmap(grad(output), (None, 0))(parameters, torch.from_numpy(self.X))
        J = torch.cat([part.reshape(self.n, -1) for part in rows], 1)
        J @ J.T


def timed(part: Callable[[], object]) -> tuple[float, float]:
    """Wall and processor seconds."""
    wall, processor = time.perf_counter(), time.process_time()
    part()
    return time.perf_counter() - wall, time.process_time() - processor


def times(size: str) -> dict[str, Any]:
    """Median wall and processor seconds of every part, and the ends of the modulus."""
    n, widths = SIZES[size]
    parts = Parts(n, widths)
    ends = parts.two_sided()
    parts.threshold = 1.01 * ends.upper
    names = ["passes", "kernel", "bare", "cholesky", "gate", "two_sided", *(["jacobian"] if size == "1000" else [])]
    rounds = [{name: timed(getattr(parts, name)) for name in names} for _ in range(ROUNDS)]
    clocks = {
        clock: {name: statistics.median(r[name][i] for r in rounds) for name in names}
        for i, clock in enumerate(("wall", "processor"))
    }
    return {"lower": ends.lower, "upper": ends.upper, **clocks}


def resident(what: str) -> int:
    """Bytes of the resident set now (VmRSS) or at its peak (VmHWM); Linux only."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(what))


def memory(size: str, kind: str) -> dict[str, float]:
    """Peak of `passes + kernel + gate or two-sided` over 4n²·8 bytes + data, in this process."""
    n, widths = SIZES[size]
    from certify.problem.problem import Problem
    from certify.rigor.arithmetic import Binary64
    from certify.systems.interpolation.linearisation import linearise
    from certify.theorems.modulus.direct import direct_modulus, verify_modulus_below

    small, few = problem(10, widths)  # one small round before memory is counted: imports, buffers of the BLAS
    lin = linearise(Problem(small, few, None, "features", tuple(range(10))), Binary64(), lambda stage, done: None)
    direct_modulus(lin.kernel, lin.Q, Binary64())
    before = resident("VmRSS")
    if kind != "resident":
        tracemalloc.start()
    net, X = problem(n, widths)
    data = X.nbytes + sum(a.nbytes for a in [*net.weights, *net.biases])
    lin = linearise(Problem(net, X, None, "features", tuple(range(n))), Binary64(), lambda stage, done: None)
    if kind == "gate":
        if not verify_modulus_below(lin.kernel, lin.Q, 1e6):
            raise RuntimeError("modulus < 1e6 was not proved")
    else:
        direct_modulus(lin.kernel, lin.Q, Binary64())
    grown = resident("VmHWM") - before
    peak = grown if kind == "resident" else tracemalloc.get_traced_memory()[1]
    return {"peak": float(peak), "allowed": float(4 * n * n * 8 + data)}


def in_fresh_process(arguments: list[str]) -> dict[str, Any]:
    done = subprocess.run([sys.executable, __file__, *arguments], check=True, stdout=subprocess.PIPE, text=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


COMPARED = (
    ("kernel over its bare products", ("kernel",), ("bare",), "kernel / bare"),
    ("kernel + gate over kernel + Cholesky", ("kernel", "gate"), ("kernel", "cholesky"), "gate"),
    ("kernel + two-sided over kernel + Cholesky", ("kernel", "two_sided"), ("kernel", "cholesky"), "two-sided"),
    ("`torch.func` Jacobian and Gram over passes + kernel", ("jacobian",), ("passes", "kernel"), "Jacobian / kernel"),
)
MEMORY = {
    "gate": "peak memory, gate",
    "two-sided": "peak memory, two-sided",
    "resident": "two-sided, growth of the resident set",
}


def table(result: dict[str, Any]) -> str:
    """Every ratio with its target."""
    lines = ["| n | what | measured | of what | ratio | by processor time | target | met |",
             "|---:|---|---:|---:|---:|---:|---:|---|"]  # fmt: skip

    def row(size: str, what: str, top: str, bottom: str, ratio: float, other: str, target: str) -> None:
        least, bound = target == "Jacobian / kernel", TARGETS[target]
        met = "yes" if (ratio >= bound if least else ratio <= bound) else "**no**"
        sign = "≥" if least else "≤"
        lines.append(f"| {size} | {what} | {top} | {bottom} | {ratio:.2f} | {other} | {sign} {bound:g} | {met} |")

    for size in SIZES:
        wall, processor = result[size]["wall"], result[size]["processor"]
        for what, top, bottom, target in COMPARED:
            if all(name in wall for name in top):
                a, b = (sum(wall[name] for name in names) for names in (top, bottom))
                c, d = (sum(processor[name] for name in names) for names in (top, bottom))
                row(size, what, f"{a:.3f} s", f"{b:.3f} s", a / b, f"{c / d:.2f}", target)
        for kind, what in MEMORY.items():
            m = result[size]["memory"][kind]
            mega = [f"{m[key] / 1e6:.0f} MB" for key in ("peak", "allowed")]
            row(size, what, *mega, m["peak"] / m["allowed"], "", "memory")
    return "\n".join(lines)


def seconds(result: dict[str, Any]) -> str:
    """Median wall seconds of every part."""
    names = ["passes", "bare", "kernel", "cholesky", "gate", "two_sided", "jacobian"]
    lines = ["| n | network | " + " | ".join(names).replace("_", "-") + " | modulus, upper / lower − 1 |",
             "|---:|---|" + "---:|" * (len(names) + 1)]  # fmt: skip
    for size in SIZES:
        t, widths = result[size], "-".join(map(str, SIZES[size][1]))
        cells = " | ".join(f"{t['wall'][name]:.3f} s" if name in t["wall"] else "—" for name in names)
        lines.append(f"| {size} | {widths} | {cells} | {t['upper'] / t['lower'] - 1:.1e} |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description="cost of proofs")
    parser.add_argument("--threads", default="1")
    parser.add_argument("--memory", nargs=2, metavar=("N", "KIND"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = options.threads
    sys.path.insert(0, str(HERE.parents[1]))
    if options.memory:
        print(json.dumps(memory(*options.memory)))
        return 0
    result: dict[str, Any] = {"threads": int(options.threads), "load": os.getloadavg()[0]}
    for size in SIZES:
        result[size] = times(size)
        result[size]["memory"] = {
            kind: in_fresh_process(["--threads", options.threads, "--memory", size, kind])
            for kind in ("gate", "two-sided", "resident")
        }
        print(json.dumps(result[size]), file=sys.stderr, flush=True)
    load = f"{result['load']:.1f} before, {os.getloadavg()[0]:.1f} after"
    how = f"Medians of {ROUNDS}, {options.threads} thread(s); load average of the machine {load}."
    page = f"{table(result)}\n\n{how}\n\n{seconds(result)}\n"
    (HERE / "cost.json").write_text(json.dumps(result, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    (HERE / "cost.md").write_text(page, encoding="utf-8")
    print(page, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
