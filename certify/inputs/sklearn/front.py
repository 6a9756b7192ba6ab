"""Fitted columns before an estimator: a user's table, words in it too, as the features that the estimator was given."""

from __future__ import annotations

import math
import re
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Final

import numpy as np

from certify.format.errors import InputError, MissingPackage
from certify.inputs.formats.archive import called_otherwise, listed
from certify.inputs.formats.csv_file import decimal_of
from certify.inputs.given import columns_of, given_rows
from certify.inputs.sklearn.columns import Column, Walk, is_missing, require_step
from certify.inputs.sklearn.wrapped import ERRS, SCALERS, unit_of
from certify.rigor.fp import Array

MISSING: Final = frozenset(("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN",
                            "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"))
"""What pandas takes for a missing value where it reads a table."""
MOST: Final = 1_000_000
"""Columns at most: a damaged file may say any number."""
_DECIMAL: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_ERRORS: Final = (AttributeError, TypeError, ValueError, LookupError, ArithmeticError, AssertionError, RuntimeError,
                  MemoryError)
"""What scikit-learn raises of rows that it does not take, and of steps that were damaged."""
_TRUE: Final = {"True": True, "TRUE": True, "true": True, "False": False, "FALSE": False, "false": False}


@dataclass(frozen=True, eq=False)
class Front:
    """Steps before an estimator that make features of columns; they stay as they were fitted.

    What they make of a row, `transform` of scikit-learn says itself: these doubles are the features of the problem.

    Attributes:
        steps: fitted, one after another.
        names: of the columns it was fitted to, in their order; None: they have none.
        facts: what is done to each column.
        sources: of every feature the number of the column that it is made of.
        features: names of the features, or None.
        chains: of every feature the scalers that alone stand between it and its column; None: more stands there.
        rows: `(n, d)` the training rows as they were given, words too.
        whole: whether their numbers are float64, or become float64 before anything is done to them.
        of_rows: whether features are made from the training rows: none is, once all is fitted.
        mean: as of :class:`certify.inputs.sklearn.wrapped.Prepared`.
    """

    steps: tuple[Any, ...]
    names: tuple[str, ...] | None
    facts: tuple[Column, ...]
    sources: tuple[int, ...]
    features: tuple[str, ...] | None
    chains: tuple[tuple[tuple[Any, int], ...] | None, ...]
    rows: Array | None = None
    whole: bool = False
    of_rows: bool = False
    mean: tuple[float, ...] = ()
    kept: ClassVar[str] = "all before it as it was fitted: its means, scales, filled-in values and categories"

    @property
    def columns(self) -> int:
        """Number of columns of a row before the steps."""
        return len(self.facts)

    @property
    def words(self) -> str:
        """The names of the steps."""
        return ", ".join(type(step).__name__ for step in self.steps)

    @property
    def units(self) -> tuple[float, ...] | None:
        """How far a feature moves at most where its column moves by 1; inf: by no known amount. None: all of them."""
        if not self.whole:
            return None
        return tuple(math.inf if chain is None else unit_of(chain)[0] for chain in self._alone)

    @property
    def mixes(self) -> bool:
        """Whether numbers between its features may be those of no row: of half a category, say."""
        return None in self.chains

    def roundings(self, X: Array) -> tuple[float, ...]:
        """How far a feature of two rows may differ beyond that, as of scalers, and by the conversion to float64.

        Args:
            X: features of the rows.
        """
        size = np.abs(X).max(axis=0)
        return tuple(math.inf if chain is None else (len(chain) + 1) * ERRS * (float(size[f]) + unit_of(chain)[1])
                     for f, chain in enumerate(self._alone))

    @cached_property
    def _alone(self) -> list[tuple[tuple[Any, int], ...] | None]:
        """The scalers before every feature that is the only one of its column; None of the others.

        What stands for a missing value does not move, so that a column with one has no unit; nor have true and false.
        """
        times = Counter(self.sources)
        return [None if times[j] > 1 or self.facts[j].known or self._rests(j) else chain
                for j, chain in zip(self.sources, self.chains, strict=True)]

    def _rests(self, j: int) -> bool:
        return self.rows is None or any(is_missing(value) or isinstance(value, bool | np.bool_)
                                        for value in self.rows[:, j])

    def __call__(self, X: Any) -> Array:
        """The rows as the estimator gets them."""
        return self.given(X, "rows")

    def given(self, X: Any, name: str) -> Array:
        """Rows `(N, d)` as the estimator gets them.

        Args:
            X: a table with the columns it was fitted to, in any order, or an array of as many columns.
            name: what to call it in messages.

        Raises:
            InputError: a column, a category or a number that is missing, or rows that become no finite numbers.
        """
        table, values = self.read(X, name)
        kept = self.strange(values)
        if kept:
            warnings.warn(f"{name}: {kept}", stacklevel=2)
        return self.made(table, name)

    def read(self, X: Any, name: str) -> tuple[Any, Array]:
        """The columns that it was fitted to as scikit-learn takes them, and the same for people to read.

        Raises:
            InputError: a column, a category or a number that is missing.
        """
        known = columns_of(X)
        if self.names is not None and known is not None:
            absent = [one for one, fact in zip(self.names, self.facts, strict=True)
                      if one not in known and fact.used]
            if absent:
                raise InputError(name, f"no column {absent[0]!r}, which the model was fitted to; it holds "
                                 f"{listed(known)}", "give the columns it was fitted to, or "
                                 f"{called_otherwise(absent[0], known, self.names)}")
            values = np.empty((len(X), self.columns), dtype=object)
            parts = {}
            for j, one in enumerate(self.names):
                parts[one] = _column(X[one]) if one in known else np.full(len(X), np.nan)
                values[:, j] = parts[one]
        else:
            X = np.asarray(X) if hasattr(X, "__array__") else np.array(X, dtype=object)
            values = X.astype(object)
            if values.ndim != 2 or values.shape[1] != self.columns:
                raise InputError(name, f"shape {values.shape}", f"give (n, {self.columns}) entries, those of the "
                                 "training data")
            parts = {} if self.names is None else {one: _tidy(values[:, j]) for j, one in enumerate(self.names)}
        if len(values) == 0:
            raise InputError(name, "no rows", "give one or more")
        self.require(values, name)
        return framed(parts, X) if parts else X, values

    def made(self, table: Any, name: str) -> Array:
        """The features of a table that was read."""
        found = table
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what is not known it was said before
            for step in self.steps:
                try:
                    found = step.transform(found)
                except _ERRORS as error:
                    raise InputError(name, f"{type(step).__name__} refuses it ({_line(error)})",
                                     "give the columns it was fitted to, of the same kinds") from None
        rows = given_rows(found.toarray() if hasattr(found, "toarray") else found, f"{name} after {self.words}")
        if rows.shape[1] != len(self.sources):
            raise InputError(name, f"{rows.shape[1]} features after {self.words}, where {len(self.sources)} are known",
                             "fit it with encoders, scalers and imputers of scikit-learn alone")
        return rows

    def require(self, values: Array, name: str) -> None:
        """Refuse missing values and categories of which no numbers are made.

        Raises:
            InputError: with the column, the row, and what is known there.
        """
        for j, fact in enumerate(self.facts):
            absent = [i for i, value in enumerate(values[:, j]) if is_missing(value)] if fact.needed else []
            if absent:
                raise InputError(f"{name}, column {self._called(j)}, row {absent[0]}", "a missing value, and the model "
                                 "was fitted without any", "give every row a value, or leave the row out")
            strange = [] if fact.keeps else fact.strange(values[:, j])
            if strange:
                self.refuse(values, j, strange[0], name, "leave the row out")

    def refuse(self, values: Array, j: int, i: int, name: str, remedy: str) -> None:
        """Refuse the value in a row of a column: a category that is not known there.

        Raises:
            InputError: always.
        """
        raise InputError(f"{name}, column {self._called(j)}, row {i}", f"{_said(values[i, j])}, a category that the "
                         f"model was not fitted to: it knows {_known(self.facts[j])}", remedy)

    def strange(self, values: Array) -> str:
        """Where categories that are not known became numbers, in words; "" where none did."""
        found = []
        for j, fact in enumerate(self.facts):
            rows = fact.strange(values[:, j])
            if rows:
                found.append(f"{_said(values[rows[0], j])} in column {self._called(j)} (row {rows[0]}"
                             + (f" and {len(rows) - 1} more)" if len(rows) > 1 else ")"))
        return "" if not found else (
            f"categories that the model was not fitted to are encoded as its handle_unknown says: {'; '.join(found)}")

    def typed(self, names: Sequence[str], columns: Sequence[Array], name: str) -> Array:
        """Columns of a file, fields as they are written, as what the model was fitted to.

        Args:
            names: of the columns of the file.
            columns: each an array of text, or of numbers where the file says that.
            name: what to call the file in messages.

        Raises:
            InputError: a field that is no number where a number is needed.
        """
        facts = {} if self.names is None else dict(zip(self.names, self.facts, strict=True))
        values = np.empty((len(columns[0]), len(names)), dtype=object)
        for j, (one, fields) in enumerate(zip(names, columns, strict=True)):
            fact = facts.get(one) if self.names is not None else (
                self.facts[j] if len(names) == self.columns else None)
            values[:, j] = [_entry(field, fact, f"{name}, column {one!r}, row {i}")
                            for i, field in enumerate(fields.tolist())]
        return values

    def _called(self, j: int) -> str:
        return str(j) if self.names is None else repr(self.names[j])


def front_of(steps: Sequence[Any], X: Any) -> Front:
    """Fitted steps before an estimator with the rows that it was trained on.

    Raises:
        InputError: a step that is not known or not fitted, or rows that were not the training rows of these steps.
    """
    front = bare(steps)
    table, values = front.read(X, "X")
    for j, fact in enumerate(front.facts):
        strange = [] if fact.listed else fact.strange(values[:, j])
        if strange:
            front.refuse(values, j, strange[0], "X", "give the data it was fitted to")
    return replace(front, rows=values, whole=_whole(table))


def bare(steps: Sequence[Any]) -> Front:
    """The same without training rows.

    Raises:
        InputError: as :func:`front_of`, or a step that lacks what every fitted one has.
    """
    for step in steps:
        require_step(step)
    try:
        known = getattr(steps[0], "feature_names_in_", None)
        names = None if known is None else tuple(str(one) for one in known)
        count = int(steps[0].n_features_in_)
        if not 0 < count <= MOST or count != len(names or range(count)):
            raise ValueError(f"{count} columns")
        walk = Walk(count)
        signals = walk.through(steps)
        return Front(tuple(steps), names, tuple(walk.columns), tuple(one.column for one in signals),
                     _features(steps, len(signals)), tuple(one.scalers for one in signals))
    except InputError:
        raise
    except _ERRORS as error:
        raise InputError("estimator", f"a damaged {type(steps[0]).__name__} ({_line(error)})",
                         "fit it, or save it, again") from None


def needs_front(steps: Sequence[Any]) -> bool:
    """Whether steps before an estimator read columns, and are not scalers of numbers alone."""
    return any(type(step).__name__ not in SCALERS for step in steps)


def _features(steps: Sequence[Any], count: int) -> tuple[str, ...] | None:
    """What scikit-learn calls the features; None where it does not say, or says it of other features."""
    names = None
    try:
        for step in steps:
            names = step.get_feature_names_out(names)
    except (ValueError, AttributeError, TypeError):
        return None
    found = tuple(str(one) for one in (() if names is None else names))
    return found if len(found) == count == len(set(found)) else None


def _whole(table: Any) -> bool:
    """Whether scalers compute with a table in float64: in shorter floats they do not."""
    kinds = table.dtypes if hasattr(table, "dtypes") else [table.dtype]
    return all(str(kind) not in ("float16", "float32", "Float32") for kind in kinds)


def _column(values: Any) -> Any:
    """A column of a table as an array."""
    return np.asarray(values)


def _tidy(values: Array) -> Array:
    """A column of any entries as numbers, or as true and false, where all are that."""
    kinds = {bool if isinstance(one, bool | np.bool_) else float if isinstance(one, int | float | np.number) else object
             for one in values}
    return values.astype(kinds.pop()) if len(kinds) == 1 else values


def framed(parts: Mapping[str, Any], X: Any = None) -> Any:
    """A table of pandas, as scikit-learn finds columns by name in no other.

    Args:
        parts: the columns.
        X: a table that has them, or most of them, or None.

    Raises:
        MissingPackage: pandas is not installed.
    """
    try:
        from pandas import DataFrame
    except ImportError:
        raise MissingPackage("columns by name", "pandas is not installed", "pip install 'certify[sklearn]'") from None
    if isinstance(X, DataFrame) and set(parts) <= set(X.columns):
        return X[list(parts)]
    return DataFrame({name: _tidy(np.asarray(part, dtype=object)) for name, part in parts.items()})


def _entry(field: Any, fact: Column | None, where: str) -> Any:
    """A field of a file as the value that the model knows."""
    if not isinstance(field, str):
        return field
    short = field.strip(" \t")
    if fact is not None and fact.known and not fact.numbers:
        return _category(field, short, fact.known)
    if _DECIMAL.fullmatch(short):
        return decimal_of(short, where)
    if short in MISSING:
        return float("nan")
    if short in _TRUE:
        return _TRUE[short]
    if fact is None or not fact.numbers:
        return short
    raise InputError(where, f"{short[:60]!r} is no decimal number", "write 1234.5, as in the data it was fitted to")


def _category(field: str, short: str, known: Sequence[Any]) -> Any:
    """The category that a field stands for: as it is written where that is known, else what it says."""
    words = [one for one in known if isinstance(one, str)]
    for one in (field, short):
        if one in words:
            return one
    if short in _TRUE and any(isinstance(one, bool) for one in known):
        return _TRUE[short]
    if short in MISSING:
        return next((one for one in known if is_missing(one)), float("nan"))
    numbers = any(isinstance(one, int | float) and not isinstance(one, bool) and not is_missing(one) for one in known)
    return float(short) if numbers and _DECIMAL.fullmatch(short) else short


def _line(error: BaseException) -> str:
    """An error of another library in one line."""
    return " ".join(str(error).split())[:200] or type(error).__name__


def _said(value: Any) -> str:
    return "a missing value" if is_missing(value) else repr(value.item() if isinstance(value, np.generic) else value)


def _known(fact: Column) -> str:
    known = dict.fromkeys("missing" if is_missing(one) else str(one) for one in fact.known)
    return listed(list(known))
