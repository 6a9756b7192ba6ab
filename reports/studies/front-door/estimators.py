"""scikit-learn's estimators as they come (default arguments), on five data sets: does `certify.audit` give an answer?

    python reports/studies/front-door/estimators.py        # goes on where it stopped, writes estimators.jsonl

Classifiers are fitted to breast cancer, wine, iris, digits (3 and 8) and to diabetes above and below its median;
regressions to diabetes and to the first column of the other four. Features are standardised, rows parted by
`train_test_split(random_state=0)`. A line says how many answers are proved, open and not asked, how far the exact
minimum is proved to lie from the fitted weights as a share of their length, and whether `certify polish` is named where
that is more than a thousandth.
"""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import (
    GammaRegressor,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
    SGDRegressor,
)
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

import certify
from certify.format.errors import CertifyError

CLASSIFIERS = (LogisticRegression(), RidgeClassifier(), LinearSVC(random_state=0),
               SGDClassifier(loss="log_loss", random_state=0), MLPClassifier(random_state=0))
REGRESSIONS = (Ridge(), LinearRegression(), KernelRidge(), GaussianProcessRegressor(), PoissonRegressor(),
               GammaRegressor(), SGDRegressor(random_state=0), MLPRegressor(random_state=0))
SECONDS = 20.0
NEAR = 1e-3


def data() -> Iterator[tuple[str, Any, Any, Any]]:
    """Name, features, labels, and amounts above 0 with the features that are left for them."""
    for name, load in (("breast-cancer", load_breast_cancer), ("wine", load_wine), ("iris", load_iris),
                       ("digits-3-8", load_digits), ("diabetes", load_diabetes)):
        X, y = load(return_X_y=True)
        if name == "digits-3-8":
            keep = np.isin(y, (3, 8))
            X, y = X[keep], (y[keep] == 8).astype(int)
        if name == "diabetes":
            yield name, X, (y > np.median(y)).astype(int), (X, y)
        else:
            column = int(np.argmax(X.std(axis=0) > 0))
            yield name, X, y, (np.delete(X, column, axis=1), np.abs(X[:, column]) + 0.1)


def one(name: str, estimator: Any, X: Any, y: Any) -> dict[str, Any]:
    """Fit, ask, and say what became of it."""
    X, X_new, y, y_new = train_test_split(X, y, random_state=0)
    scale = StandardScaler().fit(X)
    X, X_new = scale.transform(X), scale.transform(X_new)
    kind = type(estimator).__name__
    found: dict[str, Any] = {"data": name, "estimator": kind}
    started = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = estimator.fit(X, y)
        try:
            audit = certify.audit(certify.from_sklearn(fitted, X, y), X_new, y_new, seconds=SECONDS)
        except CertifyError as error:
            return found | {"refused": str(error), "seconds": round(time.process_time() - started, 1)}
    base = [json.loads((a.folder / "certificate.json").read_text(encoding="utf-8")) for a in audit.answers[:1]]
    share = next((c["base"]["distance"] / c["problem"]["weights_length"] for c in base
                  if c["base"].get("distance") is not None and c["problem"].get("weights_length")), None)
    said = " ".join([*(w for a in audit.answers for w in a.cautions), *(a.reason for a in audit.answers)])
    return found | {
        "proved": sum(a.verdict == "certified" for a in audit.answers),
        "open": sum(a.verdict != "certified" for a in audit.answers), "not_asked": len(audit.skipped),
        "moved": share, "polish_named": "polish" in said, "verdict": audit.verdict,
        "seconds": round(time.process_time() - started, 1)}


def main() -> None:
    """Every pair that the table lacks."""
    path = Path(__file__).with_name("estimators.jsonl")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    there = {(entry["data"], entry["estimator"]) for entry in map(json.loads, lines)}
    for name, X, labels, (rest, amounts) in data():
        for estimator in (*CLASSIFIERS, *REGRESSIONS):
            if (name, type(estimator).__name__) in there:
                continue
            classifies = estimator in CLASSIFIERS
            found = one(name, estimator, X if classifies else rest, labels if classifies else amounts)
            lines.append(json.dumps(found))
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")
            print(lines[-1], flush=True)


if __name__ == "__main__":
    main()
