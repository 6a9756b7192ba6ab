"""Rows that a caller gives: arrays, lists or tables of numbers, as exact float64 or refused in one line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from certify.format.errors import InputError
from certify.inputs.numbers import exact_float64
from certify.rigor.fp import Array


def given_rows(X: Any, name: str) -> Array:
    """Rows of features as exact finite float64.

    Args:
        X: `(n, d)` numbers: an array, nested lists or a table such as a pandas DataFrame.
        name: what to call it in messages.

    Raises:
        InputError: a sparse or masked matrix, entries that are no numbers or not finite, another shape, no rows.

    >>> given_rows([[1, 2], [3, 4]], "X").tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    >>> given_rows([1.0, 2.0], "X")
    Traceback (most recent call last):
    ...
    certify.format.errors.InputError: X: shape (2,); give (n, d) numbers, a row a sample
    """
    rows = given_numbers(X, name)
    if rows.ndim != 2 or rows.size == 0:
        raise InputError(name, f"shape {rows.shape}", "give (n, d) numbers, a row a sample")
    return rows


def given_numbers(values: Any, name: str) -> Array:
    """Numbers of any shape as exact finite float64.

    Raises:
        InputError: a sparse or masked matrix, entries that are no numbers or not finite.
    """
    if hasattr(values, "toarray"):
        raise InputError(name, "a sparse matrix", f"give {name}.toarray(), if it fits into memory")
    if isinstance(values, np.ma.MaskedArray):
        raise InputError(name, "a masked array", "fill or drop the masked entries")
    try:
        array = np.asarray(values)
        if array.dtype.kind == "O":  # a table with columns of several types
            array = array.astype(np.float64)
    except (TypeError, ValueError):
        raise InputError(name, "entries that are no numbers", "give real numbers alone, of every row as many") from None
    return exact_float64(array, name)


def columns_of(X: Any) -> tuple[str, ...] | None:
    """The names of the columns of a table, None where it has none."""
    columns = getattr(X, "columns", None)
    names = None if columns is None else tuple(columns)
    return names if names and all(isinstance(one, str) for one in names) else None


def same_columns(X: Any, names: Sequence[str] | None, name: str) -> None:
    """Refuse a table whose columns have other names, or another order, than those that are known.

    Raises:
        InputError: naming the first column that differs.
    """
    found = columns_of(X)
    if found is None or names is None or len(found) != len(names):
        return
    for at, (one, other) in enumerate(zip(found, names, strict=True)):
        if one != other:
            raise InputError(name, f"column {at} is {one!r}, where the training data has {other!r}",
                             "give the columns of the training data in their order")
