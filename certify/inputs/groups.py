"""Numbers beside the rows, in an array or column of the data file: groups of those with the same, and weights."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from certify.format.errors import InputError
from certify.inputs.formats.archive import Archive, missing
from certify.inputs.formats.table import open_archive
from certify.inputs.numbers import exact_float64
from certify.rigor.fp import Array
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
    values, _ = _beside(spec, folder, n, "perturbation.groups", name, "the number of its group")
    archive = open_archive(read_source(folder / spec.data.file, "data"), "data")
    require_apart(archive, name, f"column '{name}' in data file {spec.data.file}")
    return groups_of(values.tolist())


def require_apart(archive: Archive, name: str, where: str) -> None:
    """Different groups have different numbers when they are read: two users whose numbers round to one were one user.

    Raises:
        InputError: two of them become the same one.
    """
    if found := archive.merged(name):
        raise InputError(where, f"{found[0]} and {found[1]} are the same as doubles",
                         "number groups up to 2^53, or give an audit names that are no numbers")


def load_weights(spec: Spec, folder: Path, n: int) -> Array:
    """What every row counts in the training loss: the numbers that `data.weights` names, all above 0.

    Args:
        spec, folder, n: as of :func:`load_groups`.

    Raises:
        InputError: as there, or a number that is not above 0.
    """
    name = spec.data.weights
    assert name is not None
    values, where = _beside(spec, folder, n, "data.weights", name, "its weight")
    if not (values > 0).all():
        at = int(np.flatnonzero(~(values > 0))[0])
        raise InputError(f"{where}, entry {at}", f"{values[at]:g}",
                         "give numbers above 0; leave out rows that do not count")
    return values


def _beside(spec: Spec, folder: Path, n: int, key: str, name: str, what: str) -> tuple[Array, str]:
    """One number a row, and where it stands."""
    source = read_source(folder / spec.data.file, "data")
    archive, asked = open_archive(source, "data"), f"data file {source.path}"
    if name not in archive.names:
        raise missing(archive, asked, key, name)
    where = f"{'column' if archive.table else 'array'} '{name}' in {asked}"
    if name == spec.data.targets or name == spec.data.features:
        raise InputError(f"{key} = {name!r}", f"the name of the targets or features of {asked}",
                         "name an array or column of its own")
    values = exact_float64(archive.read(name), where)
    if values.shape != (n,):
        raise InputError(where, f"shape {values.shape} for {n} rows", f"give every row {what}")
    return values, where


def groups_of(labels: Iterable[Hashable]) -> tuple[tuple[int, ...], ...]:
    """Rows with equal labels, each group ascending, in the order of their first rows.

    >>> groups_of(["a", "b", "a"])
    ((0, 2), (1,))
    """
    found: dict[Hashable, list[int]] = {}
    for row, label in enumerate(labels):
        found.setdefault(label, []).append(row)
    return tuple(map(tuple, found.values()))
