"""Tables like a census with three labels and more, and what stays when any few rows go: a line for each question.

    python reports/studies/heads/census.py --rows 1000 --delete 3 --seeds 3 --seconds 60

Four numbers, five columns of six kinds each as one column for each kind, labels drawn from a linear model; 100 more
rows are predicted. `LogisticRegression(max_iter=2000)`, `certify.stable_predictions`, seconds of the processor. Recipes
were fixed before anything was proved of them.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

time.monotonic = time.process_time  # before certify is imported: its time limits are read from this clock
import numpy as np  # noqa: E402

Array = np.ndarray[Any, Any]
KINDS, NEW = (0.4, 0.25, 0.15, 0.1, 0.07, 0.03), 100


def census(n: int, labels: int, seed: int) -> tuple[Array, Array, Array]:
    """Training rows, their labels, and rows to predict."""
    rng = np.random.default_rng(seed)
    numbers = rng.standard_normal((n + NEW, 4))
    kinds = [rng.choice(6, p=list(KINDS), size=n + NEW) for _ in range(5)]
    X = np.hstack([numbers] + [np.eye(6)[one] for one in kinds])
    W = rng.standard_normal((X.shape[1], labels)) * 0.7
    y = np.argmax(X @ W + rng.gumbel(size=(n + NEW, labels)), axis=1)
    return X[:n], y[:n], X[n:]


def ask(n: int, labels: int, seed: int, count: int, seconds: float) -> None:
    """One question."""
    from sklearn.linear_model import LogisticRegression

    import certify

    X, y, new = census(n, labels, seed)
    model, used = LogisticRegression(max_iter=2000).fit(X, y), time.process_time()
    found = certify.stable_predictions(certify.from_sklearn(model, X, y), new, delete=count, seconds=seconds)
    by = {name: int(part.proved.sum()) for name, part in found.survey.parts.items()}
    print(f"{n} rows, {labels} labels, seed {seed}, any {count} deleted: {len(found.proved)} stay, "
          f"{len(found.attacked)} flip, {len(found.undecided)} open, {time.process_time() - used:.1f} s", by)


def main() -> None:
    """The questions that are asked for."""
    options = argparse.ArgumentParser()
    for name, default in (("rows", 1000), ("labels", 3), ("delete", 3), ("seeds", 1)):
        options.add_argument(f"--{name}", type=int, default=default)
    options.add_argument("--seconds", type=float, default=60.0)
    o = options.parse_args()
    for seed in range(o.seeds):
        ask(o.rows, o.labels, seed, o.delete, o.seconds)


if __name__ == "__main__":
    main()
