"""What was asked of heads beside the table: each line with the figure that was asked for.

    python reports/studies/heads/lines.py --cache FOLDER [--only WORD …] [--jobs N] [--C 0.1]

Breast cancer (`LogisticRegression`, data as `models.py` has them, C as asked), all 10,000 rows of Default, MNIST's ones
and sevens and its ten classes with the squared loss, and what a user may give by mistake. Every output of a softmax
regression with each row left out is asked by `leave_one_out.py`. Seconds are of the processor; limits count them, too.
With `--jobs` that many processes share the work on breast cancer and Default, and both are seconds of a clock, for a
machine with nothing else to do; `--C` asks of breast cancer with that C alone. The cache is filled by
`table.py run --download`.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
if not any(word.startswith("--jobs") for word in sys.argv):
    time.monotonic = time.process_time  # before certify is imported: its limits are read from this clock
sys.path[:0] = [str(Path(__file__).resolve().parents[3]), str(Path(__file__).resolve().parent)]
import models  # noqa: E402
import numpy as np  # noqa: E402
from sklearn.linear_model import LogisticRegression, RidgeClassifier  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402

import certify  # noqa: E402

BREAST_CANCER = (
    (1.0, "relabel", 1, 60.0, "128 stay"), (1.0, "delete", 1, 60.0, "137"), (1.0, "delete", 3, 60.0, "135"),
    (1.0, "delete", 5, 300.0, "129, or all that no search flips"), (1.0, "relabel", 2, 60.0, "120"),
    (1.0, "relabel", 3, 300.0, "112"), (0.1, "relabel", 4, 300.0, "at least 110"),
    (0.1, "relabel", 5, 300.0, "at least 100"), (0.01, "delete", 1, 60.0, "141 (prototype)"),
    (0.01, "delete", 3, 60.0, "138 (prototype)"), (0.01, "delete", 5, 300.0, "138 (prototype)"),
    (0.01, "delete", 10, 300.0, "135 (prototype)"), (0.01, "relabel", 1, 60.0, "137 (prototype)"),
    (0.01, "relabel", 2, 60.0, "133 (prototype)"), (0.01, "relabel", 3, 60.0, "132 (prototype)"),
    (0.01, "relabel", 5, 300.0, "127 (prototype)"), (0.01, "relabel", 10, 300.0, "121 (prototype)"))
"""C, change, rows, seconds and what was asked."""

MOST_LABELS = 3000
"""More than any prediction of ones and sevens survives."""

Said = Iterator[tuple[str, str, str]]


def breast_cancer(cache: Path, options: argparse.Namespace) -> Said:
    """Any few rows of 426, 143 predictions."""
    rows = models.data("breast-cancer", cache)
    for C, kind, count, limit, asked in BREAST_CANCER:
        if options.C not in (None, C):
            continue
        problem = certify.from_sklearn(LogisticRegression(C=C).fit(rows.X, rows.y), rows.X, rows.y)
        found = certify.stable_predictions(problem, rows.X_eval, seconds=limit, jobs=options.jobs, **{kind: count})
        yield f"breast cancer, C = {C:g}, any {count} {kind}", counted(found), asked


def default(cache: Path, options: argparse.Namespace) -> Said:
    """ISLP's Default, all 10,000 rows in training, 500 of them drawn as predictions; 50 and 100 change."""
    X, y = models.default(cache)
    X = StandardScaler().fit_transform(X)
    points = X[np.random.default_rng(0).choice(len(X), 500, replace=False)]
    problem = certify.from_sklearn(LogisticRegression().fit(X, y), X, y)
    for kind in ("relabel", "delete"):
        for count in (50, 100):
            found = certify.stable_predictions(problem, points, seconds=600.0, jobs=options.jobs, **{kind: count})
            yield f"Default, 10,000 rows, any {count} {kind}", counted(found), "nothing undecided"


def ones_and_sevens(cache: Path, _: argparse.Namespace) -> Said:
    """MNIST 1/7 with the squared loss, 10⁴ in the sum form."""
    rows = models.data("mnist-1-7", cache)
    model = RidgeClassifier(alpha=1e4, fit_intercept=False).fit(rows.X, rows.y)
    problem = certify.from_sklearn(model, rows.X, rows.y)
    found = certify.tolerated_changes(problem, rows.X_eval, "relabel", most=MOST_LABELS, seconds=600.0)
    exact = int((found.lower == found.upper).sum())
    yield ("MNIST 1/7, squared, tolerated wrong labels",
           f"exact for {exact} of {len(found.lower)}, median {int(np.median(found.lower))}",
           "exact for all, median 746")
    right = np.asarray(model.predict(rows.X_eval)) == rows.y_eval
    for count, asked in ((100, "96.7 %"), (200, "94.7 %")):
        left = certify.stable_predictions(problem, rows.X_eval, delete=count, seconds=600.0)
        sure = np.isin(np.arange(len(right)), left.proved) & right
        yield (f"MNIST 1/7, squared, any {count} deleted",
               f"{counted(left)}, certified accuracy {100 * sure.mean():.2f} %", f"at least {asked}")


def ten_digits(cache: Path, _: argparse.Namespace) -> Said:
    """All of MNIST with the squared loss: how many wrong labels each of 10,000 predictions survives."""
    (X, y), (points, _) = models.digits_of_mnist(cache)
    model = RidgeClassifier(alpha=1e4, fit_intercept=False).fit(X / 255.0, y)
    problem = certify.from_sklearn(model, X / 255.0, y)
    found = certify.tolerated_changes(problem, points / 255.0, "relabel", most=MOST_LABELS, seconds=1200.0)
    exact = int((found.lower == found.upper).sum())
    yield ("MNIST-10, squared, tolerated wrong labels",
           f"both ends equal for {exact} of {len(found.lower)}, median {int(np.median(found.lower))}", "all 10,000")


def mistakes(cache: Path, _: argparse.Namespace) -> Said:
    """What is no sensible question, or no data for one: the line that the user reads."""
    rng = np.random.default_rng(0)
    X, points = rng.standard_normal((40, 3)), rng.standard_normal((4, 3))
    y = (X[:, 0] > 0).astype(int)
    missing, three = X.copy(), np.digitize(X[:, 0], [-3.0, 0.0])
    missing[3, 1], three[0] = np.nan, 0

    def ask(data: Any, labels: Any, rows: int = 1, **options: Any) -> Callable[[], Any]:
        def run() -> Any:
            known = np.nan_to_num(data) if isinstance(data, np.ndarray) else data
            problem = certify.from_sklearn(LogisticRegression(**options).fit(known, labels), data, labels)
            return certify.stable_predictions(problem, points, delete=rows, seconds=20.0)

        return run

    import scipy.sparse

    wide = scipy.sparse.random(40, 1_000_000, density=1e-5, random_state=0, format="csr")
    wide_points = scipy.sparse.random(4, 1_000_000, density=1e-5, random_state=1, format="csr")

    def columns() -> Any:
        model = LogisticRegression().fit(wide, y)
        return certify.stable_predictions(certify.from_sklearn(model, wide, y), wide_points, delete=1, seconds=20.0)

    for name, run in (
        ("labels that part, no decay", ask(X, y, C=np.inf)), ("one label alone", ask(X, np.zeros(40, int))),
        ("as many rows as a label has", ask(X, y, int(y.sum()))), ("a class with one row", ask(X, three)),
        ("a number that is missing", ask(missing, y)), ("a sparse matrix", ask(scipy.sparse.csr_matrix(X), y)),
        ("10⁶ columns", columns), ("more rows than there are", ask(X, y, 41)),
    ):
        try:
            found = run()
            said = " ".join([str(found).splitlines()[0], *found.reasons[:1]])
        except Exception as error:  # every one of them is shown
            said = f"{type(error).__name__}: {str(error).splitlines()[0]}"
        yield name, said, "a clear line, nothing vacuous"


def counted(found: Any) -> str:
    """Proved, flipped and undecided."""
    return f"{len(found.proved)} stay, {len(found.attacked)} flip, {len(found.undecided)} undecided"


PARTS: dict[str, Callable[[Path, argparse.Namespace], Said]] = {
    "breast-cancer": breast_cancer, "default": default, "ones-and-sevens": ones_and_sevens, "ten-digits": ten_digits,
    "mistakes": mistakes}


def main() -> None:
    """Print them as a table."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--only", nargs="*", default=list(PARTS), choices=list(PARTS))
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--C", type=float)
    options = parser.parse_args()
    print("| question | found | asked | seconds |\n|---|---|---|---|")
    warnings.simplefilter("ignore")
    for part in options.only:
        began = time.monotonic()
        for question, found, asked in PARTS[part](options.cache, options):
            print(f"| {question} | {found} | {asked} | {time.monotonic() - began:.1f} |", flush=True)
            began = time.monotonic()


if __name__ == "__main__":
    main()
