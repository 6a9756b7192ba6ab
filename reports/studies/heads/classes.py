"""All of MNIST with its ten classes, rows that stay on disk: a softmax regression, any one row deleted and more.

    python reports/studies/heads/classes.py make --cache CACHE --folder FOLDER              # 188 MB, and fits
    python reports/studies/heads/classes.py ask 0.01 --folder FOLDER --delete 1             # a line of JSON

Pixels are divided by 255 and stored as float32. The model is `LogisticRegression(C=…)` (multinomial, the intercept
without penalty), C in the sum form, fixed before anything was proved: 0.01, 0.1 and 1. It is fitted by scikit-learn's
newton-cg; what is proved is of the exact minimum, to which steps lead from there. Evaluation rows are the 10,000 of the
test set, or the first `--evaluated` of them. `--rows` takes the first rows alone, for a trial.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from pathlib import Path

import numpy as np
from models import digits_of_mnist

import certify

STRENGTHS = (0.01, 0.1, 1.0)


def make(cache: Path, folder: Path, rows: int) -> None:
    """The file of the rows, labels, evaluation rows, and a fit for each C."""
    from sklearn.linear_model import LogisticRegression

    folder.mkdir(parents=True, exist_ok=True)
    (X, y), (E, right) = digits_of_mnist(cache)
    X = (X[:rows] / 255.0).astype(np.float32)
    np.save(folder / "rows.npy", X)
    fits = {}
    for C in STRENGTHS:
        model = LogisticRegression(C=C, solver="newton-cg", tol=1e-9, max_iter=300).fit(X.astype(np.float64), y[:rows])
        fits |= {f"coef-{C:g}": model.coef_, f"intercept-{C:g}": model.intercept_}
        print(f"C = {C:g}: fitted", flush=True)
    np.savez(folder / "rest.npz", y=y[:rows], E=(E / 255.0).astype(np.float32), right=right, **fits)


def ask(C: float, folder: Path, kind: dict[str, int], evaluated: int, ranks: int) -> None:
    """One question, with seconds of processor, by the clock, and the peak of memory of this process."""
    from sklearn.linear_model import LogisticRegression

    with np.load(folder / "rest.npz") as rest:
        y, E, right = rest["y"], rest["E"][:evaluated].astype(np.float64), rest["right"][:evaluated]
        model = LogisticRegression(C=C)
        model.coef_, model.intercept_ = rest[f"coef-{C:g}"], rest[f"intercept-{C:g}"]
        model.classes_, model.n_features_in_ = np.unique(y), model.coef_.shape[1]
    started, used = time.time(), time.process_time()
    found = certify.stored_predictions(model, folder / "rows.npy", y, E, ranks=ranks, **kind)
    correct = model.predict(E) == right
    print(json.dumps({
        "C": C, **kind, "proved": len(found.proved), "flipped": len(found.flipped), "undecided": len(found.undecided),
        "proved_and_right": int(correct[found.proved].sum()), "reason": found.reason, "ranks": ranks,
        "processor_s": round(time.process_time() - used, 1), "clock_s": round(time.time() - started, 1),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("verb", choices=("make", "ask"))
    parser.add_argument("C", type=float, nargs="?", default=1.0)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--delete", type=int)
    parser.add_argument("--relabel", type=int)
    parser.add_argument("--evaluated", type=int, default=10_000)
    parser.add_argument("--ranks", type=int, default=1)
    given = parser.parse_args()
    if given.verb == "make":
        make(given.cache, given.folder, given.rows)
    else:
        kind = {name: getattr(given, name) for name in ("delete", "relabel") if getattr(given, name)}
        ask(given.C, given.folder, kind, given.evaluated, given.ranks)


if __name__ == "__main__":
    main()
