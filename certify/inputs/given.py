"""Rows that a caller gives: arrays, lists, tables, tensors or Datasets, as exact float64 or refused in one line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from certify.format.errors import InputError
from certify.inputs.given_torch import is_rows, plain, unpacked
from certify.inputs.numbers import exact_float64
from certify.rigor.fp import Array


def given_rows(X: Any, name: str) -> Array:
    """Rows of features as exact finite float64.

    Args:
        X: `(n, d)` numbers: an array, nested lists, a table such as a pandas DataFrame, a tensor, or a Dataset or
            DataLoader of torch (without shuffling), whose targets are left aside.
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


def given_data(X: Any, y: Any) -> tuple[Any, Any]:
    """Features and targets, each as an array or a table, whatever they come in; nothing is converted to numbers yet.

    Args:
        X: an array, lists, a table, a tensor; or a Dataset or DataLoader of pairs (features, target), which is read
            once, in its order.
        y: the targets likewise; None where X has them.

    Raises:
        InputError: targets that are missing or given twice, or rows whose order changes.

    >>> given_data([[1.0], [2.0]], [0, 1])
    ([[1.0], [2.0]], [0, 1])
    """
    own = None
    if is_rows(X):
        X, own = unpacked(X, "X")
    if own is not None and y is not None:
        raise InputError("y", "given beside an X that has targets", "leave y out, or give X without targets")
    if own is None and y is None:
        raise InputError("y", "not given", "give the targets of the training rows")
    if is_rows(y):
        y, more = unpacked(y, "y")
        if more is not None:
            raise InputError("y", "a Dataset of pairs", "give it as X and leave y out")
    return plain(X, "X"), own if own is not None else plain(y, "y")


def given_numbers(values: Any, name: str) -> Array:
    """Numbers of any shape as exact finite float64; of a Dataset or DataLoader the features.

    Raises:
        InputError: a sparse or masked matrix, entries that are no numbers or not finite.
    """
    values = unpacked(values, name)[0] if is_rows(values) else plain(values, name)
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
