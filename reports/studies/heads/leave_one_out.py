"""Every training row left out in turn of a softmax regression on MNIST, and every output after it enclosed.

    python reports/studies/heads/leave_one_out.py --cache FOLDER [--rows 5000] [--points 500]

The first rows of the training and of the test set, pixels divided by 255, scikit-learn's LogisticRegression with its
defaults (C = 1, intercepts without penalty). Prints how wide the enclosures are and how far outputs move.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

import certify
from reports.studies.heads.models import digits_of_mnist


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--points", type=int, default=500)
    options = parser.parse_args()
    (X, y), (points, _) = digits_of_mnist(options.cache)
    X, y, points = X[: options.rows] / 255.0, y[: options.rows], points[: options.points] / 255.0
    model = LogisticRegression(max_iter=1000).fit(X, y)
    start = time.perf_counter()
    found = certify.leave_one_out(certify.from_sklearn(model, X, y), points)
    seconds = time.perf_counter() - start
    width = (found.upper - found.lower) / 2
    largest = np.abs(found.middle).max(axis=2, keepdims=True)
    print(f"{options.rows} rows, {options.points} evaluation rows: {seconds:.0f} s")
    print(f"half width over the largest output of a row: median {np.median(width / largest):.1e}, "
          f"largest {np.max(width / largest):.1e}")
    moved = np.abs(found.middle - model.decision_function(points)).max(axis=(1, 2))
    print(f"outputs move by {np.median(moved):.1e} in the median of rows, {moved.max():.1e} at most")


if __name__ == "__main__":
    main()
