"""Unit of each feature: which columns of the data may move, and how far a unit of the budget moves them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from certify.format.errors import SpecError

if TYPE_CHECKING:
    from certify.spec.models import Perturbation


def units(perturbation: Perturbation, inputs: int, names: Sequence[str] | None) -> np.ndarray | None:
    """Unit of each feature as `(d,)` float64: 0 for one that may not move.

    A column is a number from 0, or a name where the data file has names. The columns are those of
    `perturbation.columns` (default: all). Each has the unit `perturbation.scale` gives it (default: 1).

    Args:
        perturbation: the section of the spec.
        inputs: number d of features.
        names: names of the features, in the order of the network's inputs; None where the file has none.

    Returns:
        The units, or None if neither `columns` nor `scale` is given: every unit is 1.

    Raises:
        SpecError: a column that is not there (names the nearest), listed twice, given two units, or given a
            unit although it may not move.

    >>> from certify.spec.models import Perturbation
    >>> units(Perturbation(columns=("age", 2), scale={"age": 5.0}), 3, ["age", "sex", "dose"])
    array([5., 0., 1.])
    """
    columns, scale = perturbation.columns, perturbation.scale
    if columns is None and scale is None:
        return None
    result = np.ones(inputs) if columns is None else np.zeros(inputs)
    seen: dict[int, str | int] = {}
    for column in columns or ():
        found = _number(column, "perturbation.columns", inputs, names)
        _once(seen, found, column, "perturbation.columns")
        result[found] = 1.0
    seen.clear()
    for column, unit in (scale or {}).items():
        found = _number(column, "perturbation.scale", inputs, names)
        _once(seen, found, column, "perturbation.scale")
        if result[found] == 0:
            raise SpecError(
                "perturbation.scale", f"a unit for {column!r}, which is not one of perturbation.columns",
                f"add {column!r} to perturbation.columns, or remove its unit",
            )
        result[found] = unit
    return result


def columns_of(
    columns: str | Sequence[str | int], key: str, inputs: int, names: Sequence[str] | None,
) -> tuple[int, ...]:
    """Numbers of listed columns, in their order; of ``"all"`` every one.

    Raises:
        SpecError: as of :func:`units`.

    >>> columns_of(["dose", 0], "evaluation.coefficients", 3, ["age", "sex", "dose"])
    (2, 0)
    """
    if isinstance(columns, str):
        return tuple(range(inputs))
    seen: dict[int, str | int] = {}
    for column in columns:
        _once(seen, _number(column, key, inputs, names), column, key)
    return tuple(seen)


def _once(seen: dict[int, str | int], number: int, column: str | int, key: str) -> None:
    if number in seen:
        raise SpecError(key, f"column {number} is given twice ({seen[number]!r} and {column!r})", "give it once")
    seen[number] = column


def _number(column: str | int, key: str, inputs: int, names: Sequence[str] | None) -> int:
    """Number of a column, from its number or its name."""
    last = f"columns are 0 … {inputs - 1}"
    if isinstance(column, int):
        if not 0 <= column < inputs:
            raise SpecError(key, f"column {column} of {inputs}", last)
        return column
    number = int(column) if re.fullmatch("0|[1-9][0-9]{0,8}", column) else None
    if names is not None and column in names:
        found = list(names).index(column)
        if number is not None and number != found and number < inputs:
            raise SpecError(
                key, f"{column!r} is the name of column {found} and the number of another",
                "rename that column of the data",
            )
        return found
    if number is not None:
        if number >= inputs:
            raise SpecError(key, f"column {number} of {inputs}", last)
        return number
    if names is None:
        raise SpecError(key, f"{column!r}, and the data file has no column names", f"give numbers: {last}")
    lower = {name.lower(): name for name in names}
    match = difflib.get_close_matches(column.lower(), lower, n=1, cutoff=0.5)
    hint = f" (did you mean {lower[match[0]]!r}?)" if match else ""
    shown = ", ".join(map(repr, names[:12])) + (f", … ({len(names)} in all)" if len(names) > 12 else "")
    raise SpecError(key, f"no feature is named {column!r}; they are {shown}", f"correct {key}{hint}")
