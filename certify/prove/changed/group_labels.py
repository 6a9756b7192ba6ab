"""Labels of groups as numbers: rows are of one group if Python says that their labels are equal, and only then."""

from __future__ import annotations

from collections.abc import Mapping, Set
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from math import isinf
from typing import Any
from uuid import UUID

import numpy as np

from certify.format.errors import InputError
from certify.inputs.given_torch import plain

Labels = np.ndarray[Any, np.dtype[np.int64]]

KINDS = (str, bytes, int, float, Fraction, Decimal, date, time, timedelta, Enum, UUID, np.generic)
"""Types whose equality is known to be one; tuples of them too."""


def group_numbers(groups: Any, n: int) -> Labels:
    """Groups numbered from 0 in the order in which they come, one number for each row.

    Args:
        groups: `(n,)` labels of one type: an array, a list, a column of a table, a tensor. They are never converted,
            as text or as numbers: different labels could become one.
        n: number of rows.

    Raises:
        InputError: labels of several types, missing ones, another shape, a masked array.

    >>> group_numbers(["b", "a", "b"], 3).tolist()
    [0, 1, 0]
    >>> group_numbers([1, "1", 1], 3)
    Traceback (most recent call last):
    ...
    certify.format.errors.InputError: groups: labels of several types, int and str; give labels of one type
    """
    labels = labels_of(groups, n)
    kinds: dict[Any, None] = {}
    for row, label in enumerate(labels):
        if _missing(label):
            raise InputError("groups", f"no label in row {row}, or one that is not finite",
                             "give a label to each row, or leave out rows without one")
        kinds[_kind(label)] = None
        if len(kinds) > 1:
            first, second = (_name(kind) for kind in kinds)
            raise InputError("groups", f"labels of several types, {first} and {second}", "give labels of one type")
    numbers: dict[Any, int] = {}
    return np.asarray([numbers.setdefault(label, len(numbers)) for label in labels], dtype=np.int64)


def named(groups: Any, n: int, rows: tuple[int, ...]) -> tuple[Any, ...]:
    """The names of the groups of rows, each once, in the order of the rows.

    >>> named(["b", "a", "b"], 3, (0, 1, 2))
    ('b', 'a')
    """
    labels = labels_of(groups, n)
    return tuple(dict.fromkeys(labels[row] for row in rows))


def labels_of(groups: Any, n: int) -> list[Any]:
    """The labels of the rows as they were given, one for each.

    Args:
        groups, n: as of :func:`group_numbers`.

    Raises:
        InputError: another shape, a masked array.

    >>> labels_of(("b", "a", "b"), 3)
    ['b', 'a', 'b']
    """
    return _listed(plain(groups, "groups"), n)


def _listed(groups: Any, n: int) -> list[Any]:
    """The labels as the objects they are."""
    if isinstance(groups, np.ma.MaskedArray):
        raise InputError("groups", "a masked array", "give a label to each row, or leave out rows without one")
    shape = getattr(groups, "shape", None)
    if isinstance(groups, (str, bytes, Mapping, Set)) or not hasattr(groups, "__len__"):
        raise InputError("groups", f"a {type(groups).__name__}", f"give {n} labels, one for each row of X")
    shape = tuple(shape) if isinstance(shape, tuple) else (len(groups),)
    if shape != (n,):
        raise InputError("groups", f"shape {shape}", f"give {n} labels, one for each row of X")
    if isinstance(groups, np.ndarray) and groups.dtype.kind not in "mM":  # of dates tolist makes whole numbers
        return list(groups.tolist())
    if hasattr(groups, "to_pylist"):  # of Arrow: its scalars are equal where both are missing
        return list(groups.to_pylist())
    return list(groups)


def _missing(label: Any) -> bool:
    """None, NaN, NaT and whatever else is not equal to itself or will not say so; an infinite number as well."""
    if isinstance(label, tuple):
        return any(_missing(part) for part in label)
    try:
        return label is None or not bool(label == label) or (isinstance(label, (float, np.floating)) and isinf(label))
    except (TypeError, ValueError, ArithmeticError):
        return True


def _kind(label: Any) -> Any:
    """The type of a label, of a tuple the types of its parts.

    Raises:
        InputError: a type whose equality is not known.
    """
    if type(label) is tuple:
        return tuple(_kind(part) for part in label)
    strange = isinstance(label, (np.complexfloating, np.void, np.object_)) or not isinstance(label, KINDS)
    if strange:
        raise InputError("groups", f"labels of the type {type(label).__name__}", "give whole numbers, text or dates")
    return label.dtype if isinstance(label, (np.datetime64, np.timedelta64)) else type(label)  # with their units


def _name(kind: Any) -> str:
    if isinstance(kind, tuple):
        return f"({', '.join(_name(part) for part in kind)})"
    return str(getattr(kind, "__name__", kind))
