"""How many rows must go before a coefficient of plain least squares changes its sign."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from certify.format.errors import InputError
from certify.inputs.given import columns_of, given_numbers, given_rows
from certify.prove.changed.group_labels import Labels, group_numbers
from certify.rigor.fp import Array
from certify.theorems.signs.design import enclosed
from certify.theorems.signs.survey import Survival, survival

MOST_ROWS = 60_000
"""All pairs of rows are looked at: of more rows that takes hours."""


@dataclass(frozen=True)
class SignSurvival:
    """How many rows the sign of one coefficient of least squares survives, whichever they are.

    Attributes:
        column: its name.
        positive: the sign today.
        lower: any `lower` rows may be left out and the sign stays: proved. 0 if the sign today is proved and no row is
            proved spare; −1 if the sign today is not proved either.
        upper: some `upper + 1` rows turn it: proved by fitting without them. `n` if no such rows were found. Sets
            that leave the coefficient undetermined are not searched for: fewer rows than `upper + 1` may do that.
        rows: these rows, numbered from 0; empty if none were found.
    """

    column: str
    positive: bool
    lower: int
    upper: int
    rows: tuple[int, ...]

    def __repr__(self) -> str:
        if self.lower < 0:
            return f"SignSurvival({self.column}: today's sign is not proved)"
        sign = "positive" if self.positive else "negative"
        found = f"{len(self.rows)} found that turn it" if self.rows else "none found that turn it"
        if self.lower == 0:
            return f"SignSurvival({self.column}: {sign} today, proved; no row is proved spare; {found})"
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
        groups: `(n,)` labels of one type, none missing: an intercept for each (fixed effects), in the place of one
            intercept. Rows are of one group if Python says that their labels are equal. A group may be left out as a
            whole. Leave the columns of one-hot codes of it out of X.
        intercept: one for all rows, if there are no groups.
        most: no more rows than this are asked for.
        seconds: no new number of rows is begun after this time. Each takes time that grows with n² (all pairs of rows
            are looked at), and the one that is under way is finished. Up to a third goes to the search for rows that
            turn the sign.

    Raises:
        InputError: arrays of other shapes, more than 60,000 rows, too few of them, columns that depend on each other,
            labels of several types, or numbers in y beside which what the columns could explain is lost.

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
    most, seconds = _most(most), _seconds(seconds)
    j = _place(column, names, d)
    controls = np.delete(rows, j, axis=1)
    labels = None if groups is None else group_numbers(groups, n)
    if labels is None and intercept:
        controls = np.hstack([controls, np.ones((n, 1))])
    found = survival(rows[:, j], target, controls, labels, seconds, most)
    if found is None:
        own = int(labels.max()) + 1 if labels is not None else int(intercept)
        if n <= d + own:
            raise InputError("X", f"{n} rows for {d + own} columns and intercepts", "give more rows than that")
        if enclosed(rows[:, j], rows[:, j], controls, labels) is None:
            raise InputError("X", _dependent(rows, labels, intercept, names),
                             "leave out one of the columns that depend on each other, such as one of one-hot codes")
        found = _of_a_response(rows[:, j], target, controls, labels, intercept)
    return _result(found, names[j] if names is not None else f"column {j}", n)


def _of_a_response(x: Array, y: Array, controls: Array, labels: Labels | None, intercept: bool) -> Survival:
    """What is to be said where the columns are well and y is not: no sign is proved.

    Raises:
        InputError: without its mean the sign of y would be proved.
    """
    if intercept or labels is not None:
        with np.errstate(over="ignore", invalid="ignore"):
            mean = y.mean()
            centred = enclosed(x, y - mean, controls, labels)
        if centred is not None and centred.covariance()[0] > 0:
            raise InputError("y", f"numbers about {mean:.2g}, in which rounding hides their differences",
                             "subtract the mean of y from it: the intercepts alone change")
    return Survival(1, -1, None)


def _result(found: Survival, name: str, n: int) -> SignSurvival:
    rows = found.rows or ()
    return SignSurvival(name, found.sign > 0, found.lower, len(rows) - 1 if rows else n, rows)


def _place(column: int | str, names: tuple[str, ...] | None, d: int) -> int:
    if isinstance(column, str):
        if names is None or column not in names:
            raise InputError("column", repr(column), f"give one of {', '.join(names)}" if names else "give its place")
        if names.count(column) > 1:
            raise InputError("column", f"{names.count(column)} columns of the name {column!r}", "give its place")
        return names.index(column)
    place = _whole(column)
    if place is None:
        raise InputError("column", repr(column), "give a name, or a place as a whole number")
    if not 0 <= place < d:
        raise InputError("column", str(place), f"give a place from 0 to {d - 1}")
    return place


def _whole(value: Any) -> int | None:
    """A whole number, None for everything else: also for True."""
    try:
        return None if isinstance(value, (bool, np.bool_)) else operator.index(value)
    except TypeError:
        return None


def _most(most: Any) -> int | None:
    if most is None:
        return None
    number = _whole(most)
    if number is None or number < 0:
        raise InputError("most", repr(most), "give a whole number, 0 or more")
    return number


def _seconds(seconds: Any) -> float:
    if isinstance(seconds, (bool, np.bool_)) or not isinstance(seconds, Real) or not float(seconds) >= 0:
        raise InputError("seconds", repr(seconds), "give a number, 0 or more")
    return float(seconds)


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
