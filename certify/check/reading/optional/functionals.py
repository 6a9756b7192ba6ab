"""Evaluation rows that are linear functionals of a head's weights: single weights, or rows with a stated intercept."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

from certify.check.reading.arrays import Array, read_arrays
from certify.check.reading.optional.columns import placed
from certify.format.canonical import Json, show
from certify.format.refusal import Invalid

if TYPE_CHECKING:
    from certify.check.reading.data import Vector
    from certify.check.reading.spec import Spec

WHERE = "spec, evaluation.coefficients"


def weights(spec: Spec, names: tuple[str, ...]) -> tuple[int, ...]:
    """Numbers of the columns whose weights are the functionals.

    Raises:
        Invalid: one that is no column's, or one named twice.
    """
    if isinstance(spec.coefficients, str):
        return tuple(range(spec.widths[0]))
    found = tuple(placed(one, spec, names, WHERE) for one in spec.coefficients or ())
    if len(set(found)) != len(found):
        raise Invalid(WHERE, f"{show(list(spec.coefficients or ()))} is stated", "each column may be named once")
    return found


def read_weights(spec: Spec, names: tuple[str, ...]) -> tuple[Vector, ...]:
    """The functionals that are single weights: a 1 in the column of each."""
    return tuple(tuple(float(a == j) for a in range(spec.widths[0])) for j in weights(spec, names))


def read_functionals(spec: Spec, evaluation: bytes | None, name: str, names: tuple[str, ...]) -> Json:
    """What multiplies the intercept in every functional, and the names of those that are single weights.

    Args:
        spec: the spec.
        evaluation: the bytes of the file of evaluation rows, where there is one.
        name: how to call it in messages.
        names: of the features; empty where they have none.

    Raises:
        Invalid: the file has no such numbers.
    """
    if spec.coefficients is not None:
        columns = weights(spec, names)
        return {"intercepts": (0.0,) * len(columns),
                "named": tuple(names[j] if names else f"column {j}" for j in columns)}
    assert evaluation is not None and spec.evaluation is not None and spec.intercept is not None
    found = _array(evaluation, spec.evaluation, spec.intercept, name)
    if len(found.shape) not in (1, 2) or found.shape[1:] not in ((), (1,)) or not all(map(isfinite, found.values)):
        raise Invalid(f"{name}, {show(spec.intercept)}", f"its shape is {found.shape}",
                      "one finite number for each row is needed")
    return {"intercepts": tuple(map(float, found.values))}


def _array(data: bytes, file: str, key: str, name: str) -> Array:
    if file.lower().endswith(".csv"):
        from certify.check.reading.formats.table import Table

        table = Table(data, name)
        if key in table.names:
            return table.column(key)
        known = tuple(table.names)
    else:
        arrays = read_arrays(data, name)
        if key in arrays:
            return arrays[key]
        known = tuple(arrays)
    raise Invalid(name, f"it holds {show(sorted(known))}", f"the spec asks for {show(key)}, which multiplies the "
                  "intercept")
