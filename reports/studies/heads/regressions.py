"""How far predictions of regressions move without any m rows (D23): both ends, one for all and one for each.

    python reports/studies/heads/regressions.py [name …] [--counts 1 2 3 5 10] [--seconds 60]

The recipes were fixed before anything was measured. Seconds are of processor; the limit is one of the clock, of the
bounds of each.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import certify

Split = tuple[np.ndarray, np.ndarray, np.ndarray]


def mixed(n: int, d: int, points: int, seed: int, draw: Callable[[np.random.Generator, Any], np.ndarray],
          noise: float) -> Split:
    """Correlated columns of one distribution, a linear target of about 266,000 and noise of the same distribution."""
    rng = np.random.default_rng(seed)
    X = draw(rng, (n + points, d)) @ (np.eye(d) + 0.4 * rng.standard_normal((d, d)))
    y = 266_000 + 60_000 * (X @ rng.standard_normal(d)) / np.sqrt(d) + noise * draw(rng, n + points)
    return X[:n], y[:n], X[n:]


def normal(rng: np.random.Generator, size: Any) -> np.ndarray:
    """Thin tails."""
    return rng.standard_normal(size)


def heavy(rng: np.random.Generator, size: Any) -> np.ndarray:
    """Student's t with 2.5 degrees of freedom."""
    return rng.standard_t(2.5, size)


def skewed(n: int, d: int, points: int, seed: int) -> Split:
    """Incomes, ages, rooms and people as of a census: log-normal columns, a target that is cut at 500,000."""
    rng = np.random.default_rng(seed)
    X = np.exp(rng.standard_normal((n + points, d)) * np.linspace(0.2, 1.0, d))
    y = 100_000 * np.exp(0.3 * np.log(X) @ rng.standard_normal(d) / np.sqrt(d) + 0.3 * rng.standard_normal(n + points))
    y = np.minimum(2 * y, 500_000.0)
    return X[:n], y[:n], X[n:]


def diabetes() -> Split:
    """331 patients, 10 columns, 111 others."""
    X, X_new, y, _ = train_test_split(*load_diabetes(return_X_y=True, scaled=False), random_state=0)
    return X, y, X_new


DATA: dict[str, Callable[[], Split]] = {
    "house (700 x 8)": lambda: mixed(700, 8, 200, 1, normal, 30_000),
    "diabetes (331 x 10)": diabetes,
    "census-like (5,000 x 8)": lambda: skewed(5000, 8, 200, 1),
    "heavy tails (700 x 8)": lambda: mixed(700, 8, 200, 1, heavy, 30_000),
    "wide (400 x 100)": lambda: mixed(400, 100, 100, 1, normal, 30_000),
}


def row(name: str, split: Split, count: int, seconds: float, plain: bool) -> str:
    """One line of the table."""
    X, y, points = split
    model = make_pipeline(StandardScaler(), LinearRegression() if plain else Ridge(alpha=1.0)).fit(X, y)
    problem, cells = certify.from_sklearn(model, X, y), [name, str(count)]
    if not plain:
        asked = replace(problem, parameter="deletions", set="sparse", count=count, evaluation=problem.prepare(points))
        started = time.process_time()
        found = certify.bound(asked, "prediction_change")
        took = time.process_time() - started
        high = "open" if found.upper is None else f"{found.upper:.6g}"
        ratio = "" if found.upper is None or not found.lower else f"{found.upper / found.lower:.4f}"
        cells += [f"{found.lower or 0:.6g}", high, ratio, f"{took:.2f}"]
    if hasattr(certify, "prediction_change"):
        started = time.process_time()
        each = certify.prediction_change(problem, points, delete=count, seconds=seconds)
        took = time.process_time() - started
        ratios = each.upper / each.lower
        cells += [f"{np.median(ratios):.4f}", f"{ratios.max():.4f}", f"{took:.1f}"]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(DATA))
    parser.add_argument("--counts", nargs="+", type=int, default=[1, 2, 3, 5, 10])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--plain", action="store_true", help="LinearRegression in the place of Ridge")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    for name in given.names:
        split = DATA[name]()
        for count in given.counts:
            print(row(name, split, count, given.seconds, given.plain), flush=True)


if __name__ == "__main__":
    main()
