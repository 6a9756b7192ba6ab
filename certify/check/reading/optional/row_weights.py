"""What every row counts in the training loss, `(1/n) Σ c_i ℓ_i`: an array or column of the data file, or balanced."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from flint import arb

from certify.check.reading.arrays import read_arrays
from certify.check.reading.optional.class_weight import labelled, today
from certify.format.canonical import Json, show
from certify.format.refusal import Invalid

if TYPE_CHECKING:
    from certify.check.reading.data import Data, Vector
    from certify.check.reading.spec import Spec


def read(spec: Spec, data: bytes, table: Data) -> Sequence[float | arb]:
    """The weights of the rows, all above 0.

    Raises:
        Invalid: there are none of that name, or not one positive number a row; or a label has no row.
    """
    if spec.class_weight is not None:
        outputs = spec.widths[-1] if spec.widths else 0
        return labelled(table, outputs, spec.class_weight) if isinstance(spec.class_weight, tuple) else today(
            table, outputs)
    return named(spec, data, len(table.features))


def named(spec: Spec, data: bytes, n: int) -> Vector:
    """Those of the data file."""
    key = str(spec.row_weights)
    if spec.data.lower().endswith(".csv"):
        from certify.check.reading.formats.table import Table

        table = Table(data, "data file")
        arrays = {key: table.column(key)} if key in table.names else {}
    else:
        arrays = read_arrays(data, "data file")
    features = (spec.features,) if isinstance(spec.features, str) else spec.features or ()
    if key not in arrays or key in (spec.targets, *features):
        raise Invalid("data file", f"it holds {show(sorted(arrays))}",
                      f"weights {show(key)}, that are neither features nor targets, are needed")
    found = arrays[key]
    if found.shape != (n,) or not all(0 < c < float("inf") for c in found.values):
        raise Invalid(f"data file, array {show(key)}", f"its shape is {found.shape}, its least entry "
                      f"{show(min(found.values, default=None))}", f"{n} numbers above 0 are needed")
    return tuple(map(float, found.values))


def stated(spec: Spec, weights: Vector) -> Json:
    """What the member `problem` of a certificate says of them."""
    return {"by": spec.row_weights, "least": min(weights), "largest": max(weights)}
