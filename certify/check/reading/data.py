"""Training data from the bytes of a data file: features, targets or labels, names of the features, their units."""

from __future__ import annotations

from dataclasses import dataclass

from certify.check.reading.arrays import Array
from certify.check.reading.spec import Spec
from certify.check.words.losses import LOSSES
from certify.format.canonical import show
from certify.format.refusal import Invalid

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


def points(X: Array, key: str, spec: Spec) -> tuple[Vector, ...]:
    """An array of features as rows."""
    if X.shape[1:] not in ((spec.widths[0],), spec.shape) or not X.values:
        raise Invalid(f"data file, array {show(key)}", f"its shape is {X.shape}",
                      f"(rows, {spec.widths[0]}) with one row or more is needed")
    return _rows(X.values, spec.widths[0])


def missing(names: tuple[str, ...], spec: Spec) -> Invalid:
    """What to say of a file without the arrays or columns that the spec names."""
    return Invalid("data file", f"it holds {show(sorted(names))}",
                   f"the spec asks for features {show(spec.features)} and targets {show(spec.targets)}")


def targets(y: Array, rows: int, spec: Spec) -> tuple[tuple[Vector, ...] | None, Vector | None]:
    """Real targets, or class labels: with the logistic loss, or a column of integers with cross-entropy."""
    where, k = f"data file, array {show(spec.targets)}", spec.widths[-1]
    if not y.shape or y.shape[0] != rows:
        raise Invalid(where, f"its shape is {y.shape}", f"one target for each of {rows} rows is needed")
    column = len(y.shape) == 1 or y.shape[1:] == (1,)
    loss = LOSSES[spec.loss]
    if loss.signs or (loss.classes and (not loss.shares or (y.kind != "f" and column))):
        from certify.check.reading.optional.class_labels import require_labels

        return None, require_labels(y, column, spec, where)
    if y.shape != (rows, k) and not (k == 1 and len(y.shape) == 1):
        raise Invalid(where, f"its shape is {y.shape}", f"{(rows, k)} is needed")
    if loss.classes and min(y.values) < 0:
        raise Invalid(where, f"an entry is {min(y.values)}", "probabilities are not negative")
    return _rows(y.values, k), None


def _rows(values: Vector, width: int) -> tuple[Vector, ...]:
    return tuple(values[i:i + width] for i in range(0, len(values), width))
