"""How many rows must go before a coefficient of plain least squares changes its sign."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from certify.format.errors import InputError
from certify.inputs.given import columns_of, given_numbers, given_rows
from certify.rigor.fp import Array
from certify.theorems.signs.survey import Survival, survival

MOST_ROWS = 60_000
"""All pairs of rows are looked at: of more rows that takes hours."""

Labels = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class SignSurvival:
    """How many rows the sign of one coefficient of least squares survives, whichever they are.

    Attributes:
        column: its name.
        positive: the sign today.
        lower: any `lower` rows may be left out and the sign stays: proved. −1 if the sign today is not proved either.
        upper: some `upper + 1` rows turn it: proved by fitting without them. `n` if no such rows were found.
        rows: these rows, numbered from 0; empty if none were found.
    """

    column: str
    positive: bool
    lower: int
    upper: int
    rows: tuple[int, ...]

    def __repr__(self) -> str:
        if self.lower < 0:
            return f"SignSurvival({self.column}: the sign is not proved, whatever is left out)"
        sign = "positive" if self.positive else "negative"
        found = f"{len(self.rows)} found that turn it" if self.rows else "none found that turn it"
        if self.lower == 0:
            return f"SignSurvival({self.column}: {sign}, proved of all rows together; {found})"
        counted = "row" if self.lower == 1 else "rows"
        return f"SignSurvival({self.column}: stays {sign} without any {self.lower} {counted}, proved; {found})"


def sign_survives(
    X: Any, y: Any, column: int | str = 0, *, groups: Any = None, intercept: bool = True, most: int | None = None,
    seconds: float = 60.0,
) -> SignSurvival:
    """How many rows, whichever they are, can be left out of a plain least-squares fit before a coefficient turns.

    The fit is ordinary least squares without a penalty, refitted to the rows that are left (theorem O1). The sign
    survives a set of rows if the coefficient is determined by the rows that are left and has the sign of today in
    their fit. Nothing is said of other data from the same source, and so nothing of p-values or confidence.

    Args:
        X: `(n, d)` numbers or a table: the columns of the regression, without an intercept.
        y: `(n,)` the response.
        column: which coefficient: its place, or the name of a column of the table.
        groups: `(n,)` labels: an intercept for each (fixed effects), in the place of one intercept. A group may be
            left out as a whole. Leave the columns of one-hot codes of it out of X.
        intercept: one for all rows, if there are no groups.
        most: no more rows than this are asked for.
        seconds: no new number of rows is begun after this time.

    Raises:
        InputError: arrays of other shapes, more than 60,000 rows, or columns that depend on each other.

    >>> import numpy as np
    >>> t = np.arange(40.0)
    >>> sign_survives(t[:, None], 0.1 * t + np.cos(9 * t))
    SignSurvival(column 0: stays positive without any 15 rows, proved; 27 found that turn it)
    """
    names = columns_of(X)
    rows, target = given_rows(X, "X"), given_numbers(y, "y")
    n, d = rows.shape
    if target.shape != (n,):
        raise InputError("y", f"shape {target.shape}", f"give {n} numbers, one for each row of X")
    if n > MOST_ROWS:
        raise InputError("X", f"{n} rows", f"give at most {MOST_ROWS}: all pairs of rows are looked at")
    if most is not None and most < 0:
        raise InputError("most", f"{most}", "give 0 or more")
    j = _place(column, names, d)
    controls = np.delete(rows, j, axis=1)
    labels = None if groups is None else _labels(groups, n)
    if labels is None and intercept:
        controls = np.hstack([controls, np.ones((n, 1))])
    found = survival(rows[:, j], target, controls, labels, seconds, most)
    if found is None:
        raise InputError("X", _dependent(rows, labels, intercept, names),
                         "leave out one of the columns that depend on each other, such as one of some one-hot codes")
    return _result(found, names[j] if names is not None else f"column {j}", n)


def _result(found: Survival, name: str, n: int) -> SignSurvival:
    rows = found.rows or ()
    return SignSurvival(name, found.sign > 0, found.lower, len(rows) - 1 if rows else n, rows)


def _place(column: int | str, names: tuple[str, ...] | None, d: int) -> int:
    if isinstance(column, str):
        if names is None or column not in names:
            raise InputError("column", repr(column), f"give one of {', '.join(names)}" if names else "give its place")
        return names.index(column)
    if not 0 <= column < d:
        raise InputError("column", str(column), f"give a place from 0 to {d - 1}")
    return column


def _labels(groups: Any, n: int) -> Labels:
    """The groups numbered from 0."""
    given = np.asarray(groups)
    if given.shape != (n,):
        raise InputError("groups", f"shape {given.shape}", f"give {n} labels, one for each row of X")
    if given.dtype.kind == "f" and not np.isfinite(given).all():
        raise InputError("groups", "labels that are not finite", "give a label to each row")
    words = given.astype(str) if given.dtype.kind == "O" else given
    return np.asarray(np.unique(words, return_inverse=True)[1].reshape(-1), dtype=np.int64)


def _dependent(rows: Array, labels: Labels | None, intercept: bool, names: tuple[str, ...] | None) -> str:
    """Which columns the ones before them explain, in words."""
    span = [] if labels is not None or not intercept else [np.ones(len(rows))]
    out, basis = [], np.zeros((len(rows), 0))
    for j, column in enumerate([*span, *rows.T]):
        v = column if labels is None else column - (np.bincount(labels, column) / np.bincount(labels))[labels]
        size = float(np.linalg.norm(column))
        for _ in range(2):
            v = v - basis @ (basis.T @ v)
        if float(np.linalg.norm(v)) <= 1e-8 * size or size == 0.0:
            place = j - len(span)
            out.append(names[place] if names is not None else f"column {place}")
        else:
            basis = np.hstack([basis, (v / np.linalg.norm(v))[:, None]])
    return f"{', '.join(out) or 'some column'} follows from the columns before it and the intercepts, to rounding"
