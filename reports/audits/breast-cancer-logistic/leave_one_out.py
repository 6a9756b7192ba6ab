"""Leave every row out, train again, and compare the distance with the row's proved modulus; writes `rows.csv`.

    python reports/audits/breast-cancer-logistic/leave_one_out.py

The row moduli are read from `sample-weights/certificate.json`: κ_i bounds the motion of the weights per unit of
change of row i's sample weight, in the limit of small changes. Leaving the row out is a change of size 1. Training
again: Newton's method on the loss without the row (n stays 569), from the given weights, until the gradient is below
1e-13; the Hessian is that at the given weights without the row, and made again where that converges slowly.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import numpy as np
from scipy.linalg import lu_factor, lu_solve
from scipy.stats import kendalltau, spearmanr

HERE = Path(__file__).resolve().parent
DECAY, LIMIT, FRESH = 0.01, 1e-13, 12
Array = np.ndarray


def load() -> tuple[Array, Array, Array, int]:
    """Features, signs, the weights as one vector, and the number of hidden units."""
    from safetensors.numpy import load_file

    data = np.load(HERE / "train.npz")
    t = load_file(HERE / "model.safetensors")
    w = np.concatenate([t[name].ravel() for name in ("0.weight", "0.bias", "2.weight", "2.bias")])
    return data["X"], 2.0 * data["y"] - 1.0, w, len(t["0.bias"])


def parts(w: Array, m: int, d: int) -> tuple[Array, Array, Array, float]:
    """Weight and bias of the hidden layer, weights and bias of the output."""
    return w[: m * d].reshape(m, d), w[m * d : m * d + m], w[m * d + m : m * d + 2 * m], float(w[-1])


def row_gradients(X: Array, s: Array, w: Array, m: int) -> Array:
    """`∂ℓ_i/∂w`, one row each."""
    W, b, v, c = parts(w, m, X.shape[1])
    a = np.tanh(X @ W.T + b)
    f = a @ v + c
    slope = -s / (1.0 + np.exp(s * f))
    z = slope[:, None] * v * (1.0 - a * a)
    return np.hstack([(z[:, :, None] * X[:, None, :]).reshape(len(X), -1), z, slope[:, None] * a, slope[:, None]])


def hessian(X: Array, s: Array, w: Array, m: int) -> Array:
    """`Σ ∇²ℓ_i` of the rows given, by structure."""
    W, b, v, c = parts(w, m, X.shape[1])
    n, d = X.shape
    a = np.tanh(X @ W.T + b)
    e = 1.0 / (1.0 + np.exp(s * (a @ v + c)))
    slope, curve = -s * e, e * (1.0 - e)
    da = 1.0 - a * a
    z = v * da
    J = np.hstack([(z[:, :, None] * X[:, None, :]).reshape(n, -1), z, a, np.ones((n, 1))])
    H = J.T @ (curve[:, None] * J)
    one = np.hstack([X, np.ones((n, 1))])
    bend = slope[:, None] * v * (-2.0 * a * da)
    for j in range(m):
        own = [*range(j * d, (j + 1) * d), m * d + j]
        H[np.ix_(own, own)] += one.T @ (bend[:, j : j + 1] * one)
        cross = one.T @ (slope * da[:, j])
        at = m * d + m + j
        H[own, at] += cross
        H[at, own] += cross
    return H


def retrained(X: Array, s: Array, w: Array, m: int, n: int, factor: tuple[Array, Array]) -> tuple[Array, float]:
    """A critical point of the loss over the rows given, from w, and the gradient that is left."""
    for step in range(80):
        g = row_gradients(X, s, w, m).sum(axis=0) / n + DECAY * w
        size = float(np.linalg.norm(g))
        if size < LIMIT:
            break
        if step and step % FRESH == 0:
            factor = lu_factor(hessian(X, s, w, m) / n + DECAY * np.eye(len(w)))
        w = w - lu_solve(factor, g)
    return w, size


def main() -> int:
    """Compare all rows, write `rows.csv`, print the rank correlations."""
    X, s, w, m = load()
    n = len(X)
    certificate = json.loads((HERE / "sample-weights" / "certificate.json").read_text())
    claim = next(c for c in certificate["claims"] if c["quantity"] == "sample_modulus")
    whole = hessian(X, s, w, m)
    lines, worst = [], 0.0
    for i, low, high in zip(claim["rows"], claim["row_lower"], claim["row_upper"], strict=True):
        keep = np.arange(n) != i
        own = hessian(X[i : i + 1], s[i : i + 1], w, m)
        factor = lu_factor((whole - own) / n + DECAY * np.eye(len(w)))
        new, left = retrained(X[keep], s[keep], w, m, n, factor)
        worst = max(worst, left)
        lines.append((i, low, high, float(np.linalg.norm(new - w))))
    with (HERE / "rows.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("row", "modulus_lower", "modulus_upper", "distance"))
        writer.writerows((i, repr(low), repr(high), f"{distance:.10g}") for i, low, high, distance in lines)
    proved, measured = np.array([line[2] for line in lines]), np.array([line[3] for line in lines])
    ratio = measured / proved
    print(f"rows {len(lines)}, largest gradient left {worst:.1e}")
    print(f"Spearman {spearmanr(proved, measured).statistic:.4f}, Kendall {kendalltau(proved, measured).statistic:.4f}")
    print(f"distance / modulus: median {np.median(ratio):.4f}, 5 % {np.quantile(ratio, 0.05):.4f}, "
          f"95 % {np.quantile(ratio, 0.95):.4f}, extremes {ratio.min():.4f} and {ratio.max():.4f}")
    top = [set(np.argsort(-x)[:20].tolist()) for x in (proved, measured)]
    print(f"of the 20 rows with the largest modulus {len(top[0] & top[1])} are among the 20 that move the weights most")
    return 0


if __name__ == "__main__":
    sys.exit(main())
