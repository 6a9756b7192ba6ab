"""Texts and sparse matrices as rows: columns in use alone, and of more columns than rows the span of the rows.

With a penalty the weight of a column that is 0 in every training row is 0 at each minimum, whichever rows are left or
have other labels, so that it drops out. And each minimum is a combination of training rows: with orthonormal columns Q
whose span holds them, `w = Qv`, `|w| = |v|` and `w·x = v·(Qᵀx)`. Qᵀx is computed in floats.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np

from certify.format.errors import InputError
from certify.inputs.numbers import exact_float64
from certify.rigor.fp import Array

VECTORIZERS: Final = ("TfidfVectorizer", "CountVectorizer", "HashingVectorizer")
"""Steps of a pipeline that take texts."""

BETWEEN: Final = ("TfidfTransformer", "MaxAbsScaler", "Normalizer")
"""Steps behind them that keep a matrix sparse."""

LARGEST: Final = 5_000
"""Most of rows or columns, whichever are fewer: so many weights has each output of a refit."""

ENTRIES: Final = 60_000_000
"""Most numbers of the rows as a dense matrix, half a gigabyte: their factor is one."""

ALIKE: Final = 1e-6
"""Share of the weights' length that may be no combination of training rows."""


def is_sparse(X: Any) -> bool:
    """Whether rows are a sparse matrix of scipy."""
    return hasattr(X, "toarray") and hasattr(X, "tocsr")


def takes(steps: Sequence[Any], X: Any) -> bool:
    """Whether rows are texts for the first step of a pipeline, or a sparse matrix for the first of those between."""
    first = type(steps[0]).__name__ if steps else ""
    return first in VECTORIZERS or (is_sparse(X) and (not steps or first in BETWEEN))


@dataclass(frozen=True, eq=False)
class SparseRows:
    """What makes rows of texts, or of a sparse matrix.

    Attributes:
        steps: fitted, each with its name.
        columns: of the matrix that they make.
        used: those of its columns that are not 0 in all training rows.
        turn: `(used, r)` orthonormal columns whose span holds the training rows; None: the columns in use themselves.
    """

    steps: tuple[tuple[str, Any], ...]
    columns: int
    used: Array
    turn: Array | None
    kept: ClassVar[str] = "these steps as they were fitted"

    @property
    def of_rows(self) -> bool:
        """Whether they are coordinates in the span of the training rows, in which a new row need not lie."""
        return self.turn is not None

    @property
    def words(self) -> str:
        """The names of the steps."""
        return ", ".join(name for name, _ in self.steps)

    def told(self, n: int) -> str:
        """What answers are about where n rows have fewer coordinates than columns; else empty."""
        return "" if self.turn is None else (
            f"{self.columns} columns of {n} rows: answers are about their {self.turn.shape[1]} coordinates in the span "
            "of the rows, which hold every minimum, as they are computed in float64")

    def given(self, X: Any, name: str) -> Array:
        """Rows as the network takes them.

        Raises:
            InputError: rows that the steps do not take, of another number of columns, or not finite.
        """
        rows = _matrix(self.steps, X, name)
        if rows.shape[1] != self.columns:
            raise InputError(name, f"{rows.shape[1]} columns", f"give {self.columns}, those of the training data")
        rows = rows[:, self.used]
        dense = rows.toarray() if self.turn is None else np.asarray(rows @ self.turn)
        return exact_float64(np.ascontiguousarray(dense), name)

    def of_weights(self, W: Array, name: str = "estimator") -> Array:
        """Weights of the columns as those of the rows that the network takes; `name` of what they come from.

        Raises:
            InputError: weights that no minimum has, as they are no combination of training rows.
        """
        found = W[:, self.used]
        found = found if self.turn is None else found @ self.turn
        back = np.zeros_like(W)
        back[:, self.used] = found if self.turn is None else found @ self.turn.T
        if not np.linalg.norm(W - back) <= ALIKE * np.linalg.norm(W):
            raise InputError(name, "weights that are no combination of the training rows, which those at every "
                             "minimum are", "fit it, without warm_start, to the rows that are given")
        return np.ascontiguousarray(found)


def sparse_rows(steps: Sequence[Any], X: Any) -> SparseRows:
    """What makes rows, of the training rows.

    Args:
        steps: of a pipeline before the estimator, of which `takes` holds.
        X: texts, or a sparse matrix.

    Raises:
        InputError: another step, one that is not fitted, or more rows and columns than refits can be solved of.

    >>> from scipy.sparse import csr_matrix
    >>> made = sparse_rows([], csr_matrix([[0.0, 3.0, 4.0, 0.0]]))
    >>> made.used.tolist(), np.abs(made.given(csr_matrix([[7.0, 6.0, 8.0, 0.0]]), "X")).tolist()
    ([1, 2], [[10.0]])
    """
    named = tuple((type(step).__name__, step) for step in steps)
    for place, (name, _) in enumerate(named):
        if name not in (VECTORIZERS if not is_sparse(X) and place == 0 else BETWEEN):
            raise InputError("estimator", f"a pipeline of texts with {name}", "apply its steps to X and X_eval before, "
                             f"and give the estimator alone; known are {', '.join((*VECTORIZERS, *BETWEEN))}")
    rows = _matrix(named, X, "X")
    used = np.flatnonzero(np.asarray(abs(rows).sum(axis=0)).ravel() > 0)
    n, p = rows.shape[0], len(used)
    if n == 0 or p == 0:
        raise InputError("X", f"{n} rows with {p} columns in use", "give rows that hold some column")
    if min(n, p) > LARGEST or n * p > ENTRIES:
        raise InputError("X", f"{n} sparse rows with {p} columns in use", f"give at most {LARGEST} rows or {LARGEST} "
                         f"columns, and {ENTRIES:,} entries with zeros: a refit solves a system of the fewer; fit with "
                         "fewer columns, e.g. TfidfVectorizer(max_features=2000)")
    made = SparseRows(named, rows.shape[1], used, None)
    return made if p <= n else SparseRows(named, rows.shape[1], used, _span(rows[:, used].toarray()))


def _span(X: Array) -> Array:
    """Orthonormal columns whose span holds the rows of X, but for rounding."""
    from scipy.linalg import qr

    Q, R, _ = qr(X.T, mode="economic", pivoting=True, check_finite=False)
    sizes = np.abs(np.diag(R))
    rank = int((sizes > len(X) * 2.0**-52 * sizes[0]).sum())
    return np.ascontiguousarray(Q[:, :rank])


def _matrix(steps: Sequence[tuple[str, Any]], X: Any, name: str) -> Any:
    """The sparse matrix of rows behind the steps.

    Raises:
        InputError: what the steps do not take, or numbers that are not finite.
    """
    from scipy.sparse import csr_matrix

    rows = X
    for step, made in steps:
        if step in VECTORIZERS and isinstance(rows, str):
            raise InputError(name, "one text", "give a list of texts")
        try:
            rows = made.transform(rows)
        except (AttributeError, TypeError, ValueError) as error:
            said = f"{step} that does not take them ({str(error).splitlines()[0]})"
            raise InputError(name, said, "give what it was fitted to") from None
    matrix = csr_matrix(rows, dtype=np.float64)
    exact_float64(matrix.data, name)
    return matrix
