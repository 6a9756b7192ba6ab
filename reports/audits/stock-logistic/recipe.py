"""Fit the model of this report; write `model.safetensors`, `train.npz` and `eval.npz`.

Fixed before anything was certified: scikit-learn's breast cancer set, `train_test_split` with test_size 0.25 and
random_state 0, columns standardised by the training rows, `LogisticRegression()` with every default: C = 1, which is a
weight decay of 1/n in the mean form, an intercept without penalty, L-BFGS stopped at its own tolerance.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tools"))
import training  # noqa: E402


def load_data() -> tuple[np.ndarray, np.ndarray]:
    """Standardised features `(426, 30)` and labels `(426,)` of the training rows."""
    return split()[0]


def split() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Training and evaluation rows."""
    from sklearn.datasets import load_breast_cancer
    from sklearn.model_selection import train_test_split

    X, X_eval, y, y_eval = train_test_split(*load_breast_cancer(return_X_y=True), test_size=0.25, random_state=0)
    centre, size = X.mean(axis=0), X.std(axis=0)
    return ((X - centre) / size, y.astype(np.int64)), ((X_eval - centre) / size, y_eval.astype(np.int64))


def build() -> training.Files:
    from safetensors.numpy import save
    from sklearn.linear_model import LogisticRegression

    (X, y), (X_eval, y_eval) = split()
    model = LogisticRegression().fit(X, y)
    tensors = {"0.weight": np.ascontiguousarray(model.coef_), "0.bias": np.ascontiguousarray(model.intercept_)}
    return {"model.safetensors": save(tensors), "train.npz": training.npz_bytes(X=X, y=y),
            "eval.npz": training.npz_bytes(X=X_eval, y=y_eval)}


if __name__ == "__main__":
    sys.exit(training.main(HERE, build))
