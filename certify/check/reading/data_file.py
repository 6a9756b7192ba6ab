"""Features and targets of a data file, as the spec names them: by arrays, or by the columns of a table."""

from __future__ import annotations

from certify.check.reading.arrays import read_arrays
from certify.check.reading.data import Data, missing, points, targets
from certify.check.reading.spec import Spec


def read_data(data: bytes, spec: Spec, name: str) -> Data:
    """Features and targets of a data file, as the spec names them."""
    if spec.data.lower().endswith(".csv"):
        from certify.check.reading.formats.named_columns import from_table
        from certify.check.reading.formats.table import Table

        return from_table(Table(data, name), spec)
    arrays = read_arrays(data, name)
    others = [key for key in arrays if key not in (spec.targets, (spec.kind or {}).get("groups"), spec.row_weights)]
    key = spec.features if spec.features is not None else others[0] if len(others) == 1 else None
    if not isinstance(key, str) or key not in arrays or (spec.targets is not None and spec.targets not in arrays):
        raise missing(tuple(arrays), spec)
    features = points(arrays[key], key, spec)
    if spec.targets is None:
        return Data(features, None, None, ())
    return Data(features, *targets(arrays[spec.targets], len(features), spec), ())
