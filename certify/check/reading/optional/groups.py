"""Groups of rows: those with the same number in an array or column of the data file."""

from __future__ import annotations

from certify.check.reading.arrays import read_arrays
from certify.check.reading.spec import Spec
from certify.format.canonical import show
from certify.format.refusal import Invalid


def read_groups(data: bytes, spec: Spec, name: str, n: int) -> tuple[tuple[int, ...], ...]:
    """The groups, each ascending, in the order of their first rows.

    Args:
        data: the bytes of the data file.
        spec: names the file, and its array or column.
        name: how to call the file in messages.
        n: number of rows.

    Raises:
        Invalid: it is not there, or holds not one finite number a row.
    """
    key = spec.groups
    assert key is not None
    if spec.data.lower().endswith(".csv"):
        from certify.check.reading.formats.table import Table

        table = Table(data, name)
        names = table.names
        values = table.column(key).values if key in names else ()
        shape: tuple[int, ...] = (len(values),)
    else:
        arrays = read_arrays(data, name)
        names = tuple(arrays)
        values, shape = (arrays[key].values, arrays[key].shape) if key in arrays else ((), ())
    if key not in names:
        raise Invalid("data file", f"it holds {show(sorted(names))}", f"the spec asks for groups {show(key)}")
    if shape != (n,):
        raise Invalid(f"data file, array {show(key)}", f"its shape is {shape}", f"{(n,)} is needed")
    found: dict[float, list[int]] = {}
    for row, value in enumerate(values):
        found.setdefault(value, []).append(row)
    return tuple(tuple(rows) for rows in found.values())
