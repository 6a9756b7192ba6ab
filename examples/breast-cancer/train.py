"""The example: scikit-learn's LogisticRegression as it comes, behind a StandardScaler, on the breast cancer data.

python examples/breast-cancer/train.py        # writes model.skops, train.csv and new.csv beside this file
"""

from __future__ import annotations

from pathlib import Path

import skops.io
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

HERE = Path(__file__).parent

data = load_breast_cancer(as_frame=True)
X, X_new, y, y_new = train_test_split(data.data, data.target, random_state=0)
model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)

skops.io.dump(model, HERE / "model.skops")
for name, features, labels in (("train", X, y), ("new", X_new, y_new)):
    features.assign(benign=labels).to_csv(HERE / f"{name}.csv", index=False)
print(f"accuracy {model.score(X, y):.4f} on the training rows, {model.score(X_new, y_new):.4f} on the new ones")
