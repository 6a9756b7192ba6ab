"""Any few wrong labels of logistic regressions with weights, and of three classes: how many predictions stay.

    python reports/studies/heads/weights.py dict 0 1 2 3 5        # kind, seed, how many labels; a line for each
    python reports/studies/heads/weights.py softmax 1 2 --seconds 300

Data, weights and seeds were written down before anything was proved. Seconds are the processor's.
"""

from __future__ import annotations

import argparse
import time
import warnings
from typing import Any

import numpy as np
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression

import certify

KINDS = ("plain", "dict", "rows", "balanced", "softmax")


def drawn(kind: str, seed: int) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]:
    """The fit, its data, the rows to predict, and the weights of rows."""
    if kind == "softmax":
        X, y = make_classification(
            n_samples=480, n_features=5, n_informative=4, n_redundant=0, n_classes=3, n_clusters_per_class=1,
            class_sep=1.0, flip_y=0.05, random_state=seed)
        n, by_label, rows = 400, None, None
    else:
        X, y = make_classification(
            n_samples=1350, n_features=7, n_informative=5, n_redundant=0, n_classes=2, class_sep=1.0, flip_y=0.05,
            weights=[0.7, 0.3], random_state=seed)
        n = 1200
        by_label = {"dict": {0: 1.0, 1: 2.5}, "balanced": "balanced"}.get(kind)
        rows = np.random.default_rng(seed).uniform(0.5, 2.0, n) if kind == "rows" else None
    fit = LogisticRegression(C=1.0, tol=1e-10, max_iter=10_000, class_weight=by_label)
    return fit.fit(X[:n], y[:n], sample_weight=rows), X[:n], y[:n], X[n:], rows


def main() -> None:
    """A line for each number of labels."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("seed", type=int)
    parser.add_argument("labels", type=int, nargs="+")
    parser.add_argument("--seconds", type=float, default=60.0)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    fit, X, y, points, rows = drawn(given.kind, given.seed)
    problem = certify.from_sklearn(fit, X, y, sample_weight=rows)
    for labels in given.labels:
        started = time.process_time()
        found = certify.stable_predictions(problem, points, relabel=labels, seconds=given.seconds)
        print(f"{given.kind} {given.seed}, any {labels}: {len(found.proved)} stay, {len(found.attacked)} flip, "
              f"{len(found.undecided)} open, {time.process_time() - started:.1f} s", flush=True)


if __name__ == "__main__":
    main()
