"""The model of the demonstration and the five changes that somebody makes to it. All of it was fixed before any run.

Breast cancer, as it comes with scikit-learn: 143 rows that a hospital trusts, 426 for training, drawn with seed 0. A
stock LogisticRegression on standardised columns; the scaling is that of the first 213 rows, for ever.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from safetensors.numpy import save_file
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression

FIRST, TRUSTED, FLIPPED = 213, 143, 21
SPEC: Final = """\
version = 1
[model]
file = "model.safetensors"
widths = [30, 1]
activation = "identity"
[data]
file = "train.npz"
features = "X"
targets = "y"
[training]
loss = "logistic"
weight_decay = {weight_decay!r}
bias_decay = false
normalization = "fixed"
[solution]
map = "critical"
base = "nearby"
[perturbation]
parameter = "labels"
set = "sparse"
count = 1
[evaluation]
file = "trusted.npz"
features = "X"
targets = "y"
[[gate]]
quantity = "correct_predictions"
max_decrease = 1.0
rationale = "on the rows we trust, no release may be right less often than the last one, whichever label is wrong"
[[gate]]
quantity = "stable_predictions"
max_decrease = 3.0
rationale = "and no release may be easier to turn by one label"
"""


@dataclass(frozen=True)
class Release:
    """What a model is trained on, and how.

    Attributes:
        X, y: the training rows.
        C: of LogisticRegression.
    """

    X: np.ndarray
    y: np.ndarray
    C: float = 1.0


def drawn() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Training rows and trusted rows."""
    X, y = load_breast_cancer(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))
    X, y = X[order], y[order].astype(np.float64)
    mean, scale = X[:FIRST].mean(axis=0), X[:FIRST].std(axis=0)
    X = (X - mean) / scale
    return X[:-TRUSTED], y[:-TRUSTED], X[-TRUSTED:], y[-TRUSTED:]


def fitted(release: Release) -> LogisticRegression:
    """The model of a release, trained to its minimum."""
    return LogisticRegression(C=release.C, tol=1e-10, max_iter=100_000).fit(release.X, release.y)


def first() -> Release:
    """Half of the rows."""
    X, y, *_ = drawn()
    return Release(X[:FIRST], y[:FIRST])


def improved(_: Release) -> Release:
    """All rows."""
    X, y, *_ = drawn()
    return Release(X, y)


def regressed(before: Release) -> Release:
    """Nearly no penalty: somebody wanted the training loss lower."""
    return replace(before, C=1000.0)


def poisoned(before: Release) -> Release:
    """The labels of 21 rows turned to benign: those malignant rows that the model of today is surest of."""
    y = before.y.copy()
    y[turned(before)] = 1.0
    return replace(before, y=y)


def turned(before: Release) -> np.ndarray:
    """Which rows the attacker turns. Nobody in the repository knows."""
    sure = fitted(before).decision_function(before.X)
    return np.sort(np.argsort(np.where(before.y == 0.0, sure, np.inf), kind="stable")[:FLIPPED])


CHANGES: Final[dict[str, Callable[[Release], Release]]] = {
    "improve": improved, "regress": regressed, "poison": poisoned}


def write(release: Release, folder: Path) -> float:
    """Write model, data and spec; return the accuracy on the trusted rows, which no gate reads."""
    *_, X, y = drawn()
    model = fitted(release)
    save_file({"0.weight": model.coef_, "0.bias": model.intercept_}, folder / "model.safetensors")
    np.savez(folder / "train.npz", X=release.X, y=release.y)
    if not (folder / "trusted.npz").exists():
        np.savez(folder / "trusted.npz", X=X, y=y)
    weight_decay = 1.0 / (release.C * len(release.X))
    (folder / "certify.toml").write_text(SPEC.format(weight_decay=weight_decay), encoding="utf-8")
    (folder / "training.json").write_text(json.dumps({"rows": len(release.X), "C": release.C}) + "\n", encoding="utf-8")
    return float(model.score(X, y))
