"""Groups of rows: those that have the same number in an array or column of the data file."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from certify.format.errors import InputError
from certify.inputs.formats.archive import missing
from certify.inputs.formats.table import open_archive
from certify.inputs.numbers import exact_float64
from certify.spec.sources import read_source

if TYPE_CHECKING:
    from certify.spec.models import Spec


def load_groups(spec: Spec, folder: Path, n: int) -> tuple[tuple[int, ...], ...]:
    """The groups that `perturbation.groups` names.

    Args:
        spec: names the data file and its array or column of numbers.
        folder: the spec's folder.
        n: number of rows.

    Raises:
        InputError: it is not there, holds no numbers, or not one a row.
    """
    name = spec.perturbation.groups
    assert name is not None
    source = read_source(folder / spec.data.file, "data")
    archive, asked = open_archive(source, "data"), f"data file {source.path}"
    if name not in archive.names:
        raise missing(archive, asked, "perturbation.groups", name)
    where = f"{'column' if archive.table else 'array'} '{name}' in {asked}"
    values = exact_float64(archive.read(name), where)
    if values.shape != (n,):
        raise InputError(where, f"shape {values.shape} for {n} rows", "give every row the number of its group")
    return groups_of(values.tolist())


def groups_of(labels: Iterable[Hashable]) -> tuple[tuple[int, ...], ...]:
    """Rows with equal labels, each group ascending, in the order of their first rows.

    >>> groups_of(["a", "b", "a"])
    ((0, 2), (1,))
    """
    found: dict[Hashable, list[int]] = {}
    for row, label in enumerate(labels):
        found.setdefault(label, []).append(row)
    return tuple(map(tuple, found.values()))
