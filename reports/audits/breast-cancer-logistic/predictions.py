"""Re-weight the five rows that the first order names for a prediction, train again, and compare with what is proved.

    python reports/audits/breast-cancer-logistic/predictions.py

For the ten predictions with the largest proved change in `predictions-weights/certificate.json`: the five rows whose
sample weights change an output most, each up or down by t, so that the output moves towards 0. Training again is
Newton's method from the given weights, the change made in twenty steps. Fixed before the run: ten predictions, t = 1,
0.1 and 0.01, the direction. Writes `predictions.csv`.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from leave_one_out import DECAY, LIMIT, Array, hessian, load, parts, row_gradients  # noqa: E402

MOST, COUNT, SIZES, STEPS = 10, 5, (1.0, 0.1, 0.01), 20


def outputs(X: Array, w: Array, m: int) -> Array:
    W, b, v, c = parts(w, m, X.shape[1])
    return np.asarray(np.tanh(X @ W.T + b) @ v + c)


def output_gradients(X: Array, w: Array, m: int) -> Array:
    """`∂f/∂w`, one row each."""
    W, b, v, _ = parts(w, m, X.shape[1])
    a = np.tanh(X @ W.T + b)
    z = v * (1.0 - a * a)
    return np.hstack([(z[:, :, None] * X[:, None, :]).reshape(len(X), -1), z, a, np.ones((len(X), 1))])


def trained(X: Array, s: Array, w: Array, m: int, rows: Array, change: Array) -> tuple[Array, float]:
    """A critical point of the loss with the sample weights of some rows changed, and the gradient that is left."""
    n, size = len(X), np.inf
    for part in np.linspace(0.0, 1.0, STEPS + 1)[1:]:
        for _ in range(30):
            g = row_gradients(X, s, w, m)
            total = (g.sum(axis=0) + part * change @ g[rows]) / n + DECAY * w
            size = float(np.linalg.norm(total))
            if size < LIMIT:
                break
            H = hessian(X, s, w, m)
            for i, u in zip(rows, part * change, strict=True):
                H += u * hessian(X[i:i + 1], s[i:i + 1], w, m)
            w = w - np.linalg.solve(H / n + DECAY * np.eye(len(w)), total)
    return w, size


def main() -> int:
    """One line for each prediction."""
    X, s, w, m = load()
    n = len(X)
    claim = json.loads((HERE / "predictions-weights" / "certificate.json").read_text())["claims"][0]
    lower, upper = np.array(claim["row_lower"]), np.array(claim["row_upper"])
    f = outputs(X, w, m)
    C = row_gradients(X, s, w, m) / n
    H = hessian(X, s, w, m) / n + DECAY * np.eye(len(w))
    lines, worst = [], 0.0
    for row in np.argsort(-upper)[:MOST]:
        effects = -C @ np.linalg.solve(H, output_gradients(X[row:row + 1], w, m)[0])
        rows = np.argsort(-np.abs(effects))[:COUNT]
        change = -np.sign(effects[rows]) * np.sign(f[row])
        slopes = []
        for t in SIZES:
            new, left = trained(X, s, w, m, rows, t * change)
            worst = max(worst, left)
            slopes.append(float(abs(outputs(X[row:row + 1], new, m)[0] - f[row])) / t)
            if t == 1.0:
                after = float(outputs(X[row:row + 1], new, m)[0])
        named = " ".join(f"{'+' if u > 0 else '-'}{i}" for i, u in zip(rows, change, strict=True))
        ends = (repr(float(lower[row])), repr(float(upper[row])))
        lines.append((int(row), *ends, *(f"{x:.7g}" for x in slopes), f"{f[row]:.6g}", f"{after:.6g}", named))
        print(*lines[-1], flush=True)
    with (HERE / "predictions.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("row", "lower", "upper", *(f"change / t at t = {t:g}" for t in SIZES), "output",
                         "output after t = 1", "rows"))
        writer.writerows(lines)
    print(f"largest gradient left {worst:.1e}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
