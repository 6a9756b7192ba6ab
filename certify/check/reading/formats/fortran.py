"""Arrays that a file has column by column, as numpy writes what was transposed."""

from __future__ import annotations

from certify.check.reading.arrays import Array
from certify.format.refusal import Invalid


def turned(array: Array, name: str) -> Array:
    """The same numbers row by row; raises `Invalid` of more axes than two."""
    if len(array.shape) != 2:
        raise Invalid(name, f"it has {len(array.shape)} axes in Fortran order", "at most two axes are needed")
    rows, columns = array.shape
    values = tuple(array.values[i + rows * j] for i in range(rows) for j in range(columns))
    return Array(array.shape, values, array.kind)
