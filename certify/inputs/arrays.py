"""Arrays of any shape that a spec names: the rows of data of an estimate, and the change of some of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from certify.format.errors import InputError, SpecError
from certify.format.words import Parameter
from certify.inputs.formats.archive import Archive, listed, missing
from certify.inputs.formats.table import open_archive
from certify.inputs.numbers import exact_float64, first_index, place
from certify.inputs.targets import TARGETS
from certify.spec.sources import read_source

if TYPE_CHECKING:
    from certify.spec.models import Spec

Array = np.ndarray[Any, Any]


def read_rows(spec: Spec, folder: Path) -> tuple[Array, Array]:
    """Features `(n, …)` and targets, in the precision of the file; integers stay integers only in the targets.

    Args:
        spec: names the file and its arrays, or the columns of a table.
        folder: the spec's folder; paths are relative to it.

    Raises:
        InputError: the file is missing, damaged or a pickle; an array is not there, or holds no finite real numbers.
        SpecError: features and targets are named inconsistently.
    """
    source = read_source(folder / spec.data.file, "data")
    archive, asked = open_archive(source, "data"), f"data file {source.path}"
    targets = spec.data.targets
    assert targets is not None  # require_estimates
    if targets not in archive.names:
        raise missing(archive, asked, "data.targets", targets)
    y = _real(archive, targets, asked)
    # torch takes no other byte order
    y = y.astype(np.int64 if y.dtype.kind in "iub" else y.dtype.newbyteorder("="), copy=False)
    y = TARGETS[spec.training.loss].flat(y)
    X = _features(spec, archive, asked)
    if y.ndim == 0 or len(y) != len(X):
        raise InputError(f"array '{targets}' in {asked}", f"shape {y.shape} for {len(X)} rows of features",
                         "give one target a row")
    return X, y


def read_change(spec: Spec, folder: Path) -> Array:
    """The one change of `set = "given"`: the array that `perturbation.array` names, or the only one of the file.

    Raises:
        InputError: the file is missing, damaged or a pickle; the array is not there, or holds no finite real numbers.
    """
    name, file = spec.perturbation.array, spec.perturbation.file
    assert file is not None  # require_spec
    raw, asked = _stored_change(name, folder / file, file)
    return _floating(_real_array(raw, asked))


def placed_change(
    spec: Spec, folder: Path, listed_rows: Sequence[int], shape: tuple[int, int], first: Mapping[int, int],
) -> Array:
    """The same as exact float64 over all rows, 0 on those that do not move.

    Args:
        spec: the spec.
        folder: its folder.
        listed_rows: the rows that move, in the order in which the file has them.
        shape: `(n, d)`, `(n, k)` or, of sample weights and labels, `(n, 1)`, whose file may leave the 1 out.
        first: of a row that is merged with equal ones, the row that stands for them.

    Raises:
        InputError: as :func:`read_change`; another shape; equal rows that are merged and do not move alike.
    """
    file = spec.perturbation.file
    assert file is not None  # require_spec
    raw, asked = _stored_change(spec.perturbation.array, folder / file, file)
    u = exact_float64(raw, asked)
    parameter = Parameter(spec.perturbation.parameter)
    one = parameter.weighs or parameter.relabels
    if one and u.shape == (len(listed_rows),):
        u = u[:, None]
    if u.shape != (len(listed_rows), shape[1]):
        wanted = f"({len(listed_rows)},)" if one else f"({len(listed_rows)}, {shape[1]})"
        raise InputError(asked, f"shape {raw.shape}", f"give {wanted}, a row for each that moves")
    placed = np.zeros(shape)
    seen: dict[int, int] = {}
    for at, row in enumerate(listed_rows):
        here = first.get(row, row)
        if here in seen and not np.array_equal(u[at], placed[here]):
            raise InputError(asked, f"rows {seen[here]} and {row} are merged and move differently",
                             "give them one change, or run without --merge-duplicates")
        placed[here], seen[here] = u[at], row
    return placed


def _stored_change(name: str | None, path: Path, file: str) -> tuple[Array, str]:
    """The array as it is stored, and what to call it."""
    if Path(file).suffix.lower() not in (".npz", ".safetensors"):
        raise SpecError(f'perturbation.file = "{file}"', "no .npz or .safetensors file", "save the change as one")
    source = read_source(path, "change")
    archive, asked = open_archive(source, "change"), f"change file {source.path}"
    if name is None and len(archive.names) != 1:
        raise InputError(asked, f"perturbation.array is not given and {listed(archive.names)} could be meant",
                         "give perturbation.array the name of one array")
    name = archive.names[0] if name is None else name
    if name not in archive.names:
        raise missing(archive, asked, "perturbation.array", name)
    return archive.read(name), f"array '{name}' in {asked}"


def _features(spec: Spec, archive: Archive, asked: str) -> Array:
    features = spec.data.features
    if archive.table:
        others = [name for name in archive.names if name != spec.data.targets]
        names = others if features is None else [features] if isinstance(features, str) else list(features)
        for name in names:
            if name not in archive.names:
                raise missing(archive, asked, "data.features", name)
        return np.column_stack([_floating(_real(archive, name, asked)) for name in names])
    if features is not None and not isinstance(features, str):
        raise SpecError("data.features", "a list of columns is for .csv and .parquet files",
                        f"give the name of one array of {asked}: {listed(archive.names)}")
    others = [name for name in archive.names if name != spec.data.targets]
    if features is None and len(others) != 1:
        raise InputError(asked, f"data.features is not given and {listed(others)} could be meant",
                         "give data.features the name of one array")
    name = others[0] if features is None else features
    if name not in archive.names:
        raise missing(archive, asked, "data.features", name)
    X = _real(archive, name, asked)
    if X.ndim < 2 or X.size == 0:
        raise InputError(f"array '{name}' in {asked}", f"shape {X.shape}", "give (rows, …), with a row a sample")
    return _floating(X)


def _real(archive: Archive, name: str, asked: str) -> Array:
    return _real_array(archive.read(name), f"array '{name}' in {asked}")


def _real_array(array: Array, asked: str) -> Array:
    if array.dtype.kind not in "fiub":
        raise InputError(asked, f"an array of {array.dtype}", "give real numbers")
    finite = np.isfinite(array)
    if not finite.all():
        index, more = first_index(~finite), int((~finite).sum()) - 1
        raise InputError(f"{asked}, {place(index)}", f"{float(array[index])}{f' (and {more} more)' if more else ''}",
                         "give finite numbers only")
    return array


def _floating(array: Array) -> Array:
    """Whole numbers as floats that hold them; floats in the precision they have."""
    if array.dtype.kind == "f":
        return array.astype(array.dtype.newbyteorder("="), copy=False)
    return array.astype(np.float32 if array.dtype.itemsize <= 2 else np.float64)
