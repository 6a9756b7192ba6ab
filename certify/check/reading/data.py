"""Training data from the bytes of a data file: features, targets or labels, names of the features, their units."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from certify.check.reading.arrays import Array, read_arrays
from certify.check.reading.canonical import show
from certify.check.reading.refusal import Invalid
from certify.check.reading.spec import Spec

if TYPE_CHECKING:
    from certify.check.reading.formats.table import Table

Vector = tuple[float, ...]


@dataclass(frozen=True)
class Data:
    """Training data.

    Attributes:
        features: every row's features.
        targets: every row's real targets, or None.
        labels: every row's class label, or None.
        names: names of the features; empty where they have none.
    """

    features: tuple[Vector, ...]
    targets: tuple[Vector, ...] | None
    labels: Vector | None
    names: tuple[str, ...]


def read_data(data: bytes, spec: Spec, name: str) -> Data:
    """Features and targets of a data file, as the spec names them.

    Raises:
        Invalid: the file cannot be read, or does not fit the spec.
    """
    if spec.data.lower().endswith(".csv"):
        from certify.check.reading.formats.table import Table

        return from_table(Table(data, name), spec)
    arrays = read_arrays(data, name)
    others = [key for key in arrays if key != spec.targets]
    key = spec.features if spec.features is not None else others[0] if len(others) == 1 else None
    if not isinstance(key, str) or key not in arrays or (spec.targets is not None and spec.targets not in arrays):
        raise missing(tuple(arrays), spec)
    features = points(arrays[key], key, spec)
    if spec.targets is None:
        return Data(features, None, None, ())
    return Data(features, *_targets(arrays[spec.targets], len(features), spec), ())


def points(X: Array, key: str, spec: Spec) -> tuple[Vector, ...]:
    """An array of features as rows."""
    if X.shape[1:] not in ((spec.widths[0],), spec.shape) or not X.values:
        raise Invalid(f"data file, array {show(key)}", f"its shape is {X.shape}",
                      f"(rows, {spec.widths[0]}) with one row or more is needed")
    return _rows(X.values, spec.widths[0])


def from_table(table: Table, spec: Spec) -> Data:
    """Data from named columns: the listed ones, else all but the targets, in the order of the inputs."""
    features = (spec.features,) if isinstance(spec.features, str) else spec.features
    names = tuple(n for n in table.names if n != spec.targets) if features is None else features
    wanted = names if spec.targets is None else (*names, spec.targets)
    if not set(wanted) <= set(table.names) or "" in wanted or len(set(wanted)) < len(wanted):
        raise missing(table.names, spec)
    if len(names) != spec.widths[0]:
        raise Invalid("data file", f"the features are {show(names)}", f"{spec.widths[0]} are needed")
    rows = tuple(zip(*(table.column(name).values for name in names), strict=True))
    if spec.targets is None:
        return Data(rows, None, None, names)
    return Data(rows, *_targets(table.column(spec.targets), len(rows), spec), names)


def missing(names: tuple[str, ...], spec: Spec) -> Invalid:
    """What to say of a file without the arrays or columns that the spec names."""
    return Invalid("data file", f"it holds {show(sorted(names))}",
                   f"the spec asks for features {show(spec.features)} and targets {show(spec.targets)}")


def _targets(y: Array, rows: int, spec: Spec) -> tuple[tuple[Vector, ...] | None, Vector | None]:
    """Real targets, or class labels: with the logistic loss, or a column of integers with cross-entropy."""
    where, k = f"data file, array {show(spec.targets)}", spec.widths[-1]
    if not y.shape or y.shape[0] != rows:
        raise Invalid(where, f"its shape is {y.shape}", f"one target for each of {rows} rows is needed")
    column = len(y.shape) == 1 or y.shape[1:] == (1,)
    if spec.loss == "logistic" or (spec.loss == "cross_entropy" and y.kind != "f" and column):
        if spec.parameter == "targets" and not spec.flips:
            raise Invalid("spec, perturbation.parameter", "targets may move", "the data holds class labels")
        if not column:
            raise Invalid(where, f"its shape is {y.shape}", "one label for each row is needed")
        allowed = set(range(k)) if spec.loss != "logistic" else {-1, 1} if min(y.values) < 0 else {0, 1}
        strange = next((v for v in y.values if v not in allowed), None)
        if strange is not None:
            raise Invalid(where, f"a label is {strange}", f"the labels of this loss are {sorted(allowed)}")
        return None, y.values
    if y.shape != (rows, k) and not (k == 1 and len(y.shape) == 1):
        raise Invalid(where, f"its shape is {y.shape}", f"{(rows, k)} is needed")
    if spec.loss == "cross_entropy" and min(y.values) < 0:
        raise Invalid(where, f"an entry is {min(y.values)}", "probabilities are not negative")
    return _rows(y.values, k), None


def units(spec: Spec, names: tuple[str, ...]) -> Vector | None:
    """The unit of every feature: that of `scale`, else 1; 0 for one that `columns` does not list.

    A feature is named by its number (from 0) or, where the data has names, by its name.

    Raises:
        Invalid: a number or name that is no feature's, or one named twice.
    """
    if spec.columns is None and spec.scale is None:
        return None
    scale = {_place(key, spec, names): unit for key, unit in (spec.scale or {}).items()}
    listed = range(spec.widths[0]) if spec.columns is None else [_place(c, spec, names) for c in spec.columns]
    if len(set(listed)) != len(listed) or len(scale) != len(spec.scale or {}) or not set(scale) <= set(listed):
        raise Invalid("spec, perturbation.columns, .scale", f"{show(spec.columns)}, {show(spec.scale)}",
                      "each feature may be named once, and only one that may move has a unit")
    return tuple(scale.get(j, 1.0) if j in listed else 0.0 for j in range(spec.widths[0]))


def _place(key: int | str, spec: Spec, names: tuple[str, ...]) -> int:
    place = key if isinstance(key, int) else int(key) if re.fullmatch("0|[1-9][0-9]{0,8}", key) else -1
    if key in names:
        named = names.index(str(key))
        if place not in (-1, named) and place < spec.widths[0]:
            raise Invalid("spec, perturbation.columns, .scale", f"{show(key)} is named", "it is a name and a number")
        return named
    if not 0 <= place < spec.widths[0]:
        raise Invalid("spec, perturbation.columns, .scale", f"{show(key)} is named",
                      f"the features are 0 to {spec.widths[0] - 1}" + (f", {show(names)}" if names else ""))
    return place


def _rows(values: Vector, width: int) -> tuple[Vector, ...]:
    return tuple(values[i:i + width] for i in range(0, len(values), width))
