"""Rows that stay on disk: synthetic embeddings of 10⁴, 10⁵ and 10⁶ rows, any m labels or any m rows deleted.

    python reports/studies/heads/stored.py make 1000000 --folder FOLDER      # 1.5 GB
    python reports/studies/heads/stored.py ask 1000000 --folder FOLDER       # a line of JSON for each question
    python reports/studies/heads/stored.py ask 1000000 --folder FOLDER --model logistic --ranks 2
    python reports/studies/heads/stored.py certify 100000 --folder FOLDER --model logistic

The recipe was fixed before anything was proved. Row i belongs to class 0 or 1 by a fair coin; its 384 columns are
standard normal numbers, shifted by plus or minus half of one direction of length 2; then it gets length 1, as sentence
embeddings have, and is stored as float32. One label in twenty is the other one. Rows are drawn in blocks of 10⁴ from
`default_rng([SEED, block])`, so that the rows of a smaller file are the first ones of a larger one; 300 evaluation rows
come from block −1 (number 2³¹). The model is RidgeClassifier with its defaults (alpha 1, intercept), fitted here by
normal equations that are summed block by block, because scikit-learn would hold all rows in float64. So is
LogisticRegression with its defaults (C = 1), by Newton's method from zero.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import certify

SEED, COLUMNS, BLOCK, EVALUATED = 20261129, 384, 10_000, 300
CERTIFIED = {10_000: ({"relabel": 1}, {"delete": 1}), 100_000: ({"relabel": 10}, {"delete": 10})}
QUESTIONS = ({"relabel": 100}, {"delete": 10}, {"delete": 100})
Array = np.ndarray[Any, Any]


def block(number: int, rows: int) -> tuple[Array, Array]:
    """Rows and labels of one block."""
    direction = np.random.default_rng(SEED).standard_normal(COLUMNS)
    direction *= 2.0 / np.linalg.norm(direction)
    rng = np.random.default_rng([SEED, number])
    y = rng.integers(0, 2, rows)
    X = rng.standard_normal((rows, COLUMNS)) + (y[:, None] - 0.5) * direction
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    return X.astype(np.float32), np.where(rng.random(rows) < 0.05, 1 - y, y)


def make(n: int, folder: Path) -> None:
    """The file of n rows, their labels, and the fitted weights."""
    folder.mkdir(parents=True, exist_ok=True)
    X = np.lib.format.open_memmap(folder / f"rows-{n}.npy", mode="w+", dtype=np.float32, shape=(n, COLUMNS))
    y = np.empty(n, dtype=np.int64)
    H, b = np.zeros((COLUMNS + 1, COLUMNS + 1)), np.zeros(COLUMNS + 1)
    for start in range(0, n, BLOCK):
        some = slice(start, min(start + BLOCK, n))
        X[some], y[some] = block(start // BLOCK, some.stop - start)
        part = np.c_[np.asarray(X[some], dtype=np.float64), np.ones(some.stop - start)]
        H += part.T @ part
        b += part.T @ (2.0 * y[some] - 1.0)
    X.flush()
    H[np.arange(COLUMNS), np.arange(COLUMNS)] += 1.0
    np.savez(folder / f"fitted-{n}.npz", y=y, V=np.linalg.solve(H, b))


def newton(X: Array, y: Array) -> Array:
    """Weights of the logistic regression, the intercept last."""
    V, decay = np.zeros(COLUMNS + 1), np.append(np.ones(COLUMNS), 0.0)
    for _ in range(20):
        H, g = np.diag(decay), decay * V
        for start in range(0, len(X), BLOCK):
            part = np.c_[np.asarray(X[start : start + BLOCK], dtype=np.float64), np.ones(len(X[start : start + BLOCK]))]
            p = 1.0 / (1.0 + np.exp(-(part @ V)))
            g += part.T @ (p - y[start : start + BLOCK])
            H += (p * (1.0 - p) * part.T) @ part
        step = np.linalg.solve(H, g)
        V -= step
        if np.abs(step).max() < 1e-9:
            break
    return V


def logistic(n: int, folder: Path) -> tuple[Any, Array]:
    """The logistic regression, and the labels; fitted once."""
    from sklearn.linear_model import LogisticRegression

    y, kept = estimator(n, folder)[1], folder / f"logistic-{n}.npy"
    X = np.load(folder / f"rows-{n}.npy", mmap_mode="r")
    if not kept.exists():
        np.save(kept, newton(X, y))
    V = np.load(kept)
    found = LogisticRegression().fit(np.asarray(X[:200], dtype=np.float64), y[:200])
    found.coef_, found.intercept_ = V[None, :-1], V[-1:]
    return found, y


def estimator(n: int, folder: Path) -> tuple[Any, Array]:
    """The classifier with the weights of the file, and the labels."""
    from sklearn.linear_model import RidgeClassifier

    with np.load(folder / f"fitted-{n}.npz") as arrays:
        y, V = arrays["y"], arrays["V"]
    X = np.load(folder / f"rows-{n}.npy", mmap_mode="r")
    found = RidgeClassifier().fit(np.asarray(X[:200]), y[:200])
    found.coef_, found.intercept_ = V[None, :-1], V[-1:]
    return found, y


def ask(n: int, folder: Path, memory: float, kind: str, ranks: int) -> None:
    """Every question once, after a small one that loads what is loaded once."""
    model, y = (logistic if kind == "logistic" else estimator)(n, folder)
    X_eval, y_eval = block(2**31, EVALUATED)
    small = folder / "small.npy"
    np.save(small, block(0, 500)[0])
    certify.stored_predictions(model, small, block(0, 500)[1], X_eval[:2], delete=1)
    small.unlink()
    for asked in QUESTIONS:
        started, others, clock = time.process_time(), spent(), time.monotonic()
        found = certify.stored_predictions(model, folder / f"rows-{n}.npy", y, X_eval, **asked, memory=memory,
                                           ranks=ranks)
        line = {"rows": n, "model": kind, "ranks": ranks, **asked, "proved": len(found.proved),
                "flipped": len(found.flipped), "undecided": len(found.undecided),
                "processor": round(time.process_time() - started, 2),
                "others": round(spent() - others, 2), "load": round(os.getloadavg()[0], 1),
                "wall": round(time.monotonic() - clock, 2),
                "digest": hashlib.sha256(found.json().encode()).hexdigest()[:16],
                "peak MB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)}
        if found.tolerated is not None:
            ends = found.tolerated
            line |= {"exact": int((ends[:, 0] == ends[:, 1]).sum()), "median": float(np.median(ends[:, 0]))}
        right = (X_eval @ model.coef_[0] + model.intercept_ > 0) == (y_eval == 1)
        print(json.dumps(line | {"accuracy": float(right.mean())}), flush=True)


def certified(n: int, folder: Path, kind: str) -> None:
    """A certificate of each question, and its check, each in a process of its own."""
    import skops.io

    model, y = (logistic if kind == "logistic" else estimator)(n, folder)
    skops.io.dump(model, folder / f"{kind}-{n}.skops")
    np.save(folder / f"labels-{n}.npy", y)
    np.save(folder / "new.npy", block(2**31, EVALUATED)[0])
    for asked in CERTIFIED[n]:
        ((verb, count),) = asked.items()
        out = folder / f"certificate-{kind}-{n}-{verb}-{count}"
        run = ["rows", folder / f"{kind}-{n}.skops", folder / f"rows-{n}.npy", "--labels", folder / f"labels-{n}.npy",
               "--eval", folder / "new.npy", f"--{verb}", str(count), "--certificate", out, "-q"]
        again = ["check", out / "certificate.json", "-q"]
        for name, what in (("run", run), ("check", again), ("check, exactly", [*again, "--exact"])):
            started = spent()
            ended = subprocess.run([sys.executable, "-m", "certify", *map(str, what)], capture_output=True, text=True,
                                   check=False)
            most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
            print(json.dumps({"rows": n, "model": kind, **asked, "what": name, "status": ended.returncode,
                              "said": ended.stdout[:90].strip(), "processor": round(spent() - started, 2),
                              "largest peak so far MB": round(most)}), flush=True)


def spent() -> float:
    """Seconds of processor of other ranks that have ended."""
    found = resource.getrusage(resource.RUSAGE_CHILDREN)
    return found.ru_utime + found.ru_stime


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("do", choices=("make", "ask", "certify"))
    parser.add_argument("rows", type=int)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--memory", type=float, default=4e9)
    parser.add_argument("--model", choices=("ridge", "logistic"), default="ridge")
    parser.add_argument("--ranks", type=int, default=1)
    given = parser.parse_args()
    if given.do == "make":
        make(given.rows, given.folder)
    elif given.do == "certify":
        certified(given.rows, given.folder, given.model)
    else:
        ask(given.rows, given.folder, given.memory, given.model, given.ranks)
