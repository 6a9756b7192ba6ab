"""Training data a spec names, from its file: features, and targets as numbers or as class labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from certify.format.errors import InputError, SpecError
from certify.inputs.formats.archive import Archive, listed, missing
from certify.inputs.formats.table import open_archive
from certify.inputs.numbers import exact_float64, first_index, place
from certify.inputs.targets import TARGETS, Targets
from certify.spec.changes import flips
from certify.spec.sources import read_source

if TYPE_CHECKING:
    from certify.spec.models import Spec

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class Data:
    """Training data.

    Attributes:
        X: `(n, d)` features.
        y: `(n, k)` targets, or None.
        labels: `(n,)` class labels, or None.
        names: names of the features, or None where the file has none.
    """

    X: Array
    y: Array | None
    labels: Array | None
    names: tuple[str, ...] | None


def read_data(spec: Spec, folder: Path) -> tuple[Array, Array | None, Array | None]:
    """Read features and targets: the first three of :func:`load_data`."""
    data = load_data(spec, folder)
    return data.X, data.y, data.labels


def load_data(
    spec: Spec, folder: Path, widths: tuple[int, ...] | None = None, shape: tuple[int, ...] = ()
) -> Data:
    """Read features and targets, and the names of the features where the file has them.

    Args:
        spec: names the file, its arrays or columns, the loss (which decides what targets are) and the widths.
        folder: the spec's folder; paths are relative to it.
        widths: widths of the network, inputs first; default those of the spec.
        shape: shape of one row that an array may have instead, e.g. `(channels, height, width)`.

    Returns:
        The data. Targets are labels with the logistic loss, and with cross-entropy if they are a list of
        integers. Targets and labels are both None where the spec names no targets.

    Raises:
        InputError: the file is missing, damaged or a pickle; an array is not there (lists the names), has a
            wrong shape (says both), a NaN or infinity (says where) or numbers that are not exact.
        SpecError: class labels are asked to move.
    """
    widths = widths or _widths(spec)
    source = read_source(folder / spec.data.file, "data")
    archive = open_archive(source, "data")
    asked = f"data file {source.path}"
    if archive.table and spec.data.targets not in (None, *archive.names):
        raise missing(archive, asked, "data.targets", str(spec.data.targets))
    names = _columns(spec, widths, archive, asked) if archive.table else None
    X = _features(spec, widths, archive, asked, shape) if names is None else _stacked(spec, archive, names, asked)
    if spec.data.targets is None:
        return Data(X, None, None, names)
    if spec.data.targets not in archive.names:
        raise missing(archive, asked, "data.targets", spec.data.targets)
    name = f"{'column' if archive.table else 'array'} '{spec.data.targets}' in {asked}"
    raw = archive.read(spec.data.targets)
    if raw.ndim == 0 or len(raw) != len(X):
        raise InputError(name, f"shape {raw.shape} for {len(X)} rows of features", "give one target a row")
    outputs = widths[-1]
    kind = TARGETS[spec.training.loss]
    if kind.are_labels(raw):
        return Data(X, None, _labels(spec, kind, raw, outputs, name), names)
    return Data(X, _targets(kind, widths, raw, name), None, names)


def load_reference(
    spec: Spec, folder: Path, widths: tuple[int, ...], names: tuple[str, ...] | None = None
) -> Array:
    """The features of the rows in `weights.reference`, named as those of the training data; targets are not read.

    Args:
        spec: names the file, and the arrays or columns of the features.
        folder: the spec's folder.
        widths: widths of the network, inputs first.
        names: names of the features of the training data, which the columns of a table must have too.

    Raises:
        InputError: as :func:`load_data`.
    """
    assert spec.weights.reference is not None
    source = read_source(folder / spec.weights.reference, "reference")
    asked = f"reference file {source.path}"
    return _points(spec, open_archive(source, "reference"), asked, "data.features", widths, names)


def load_evaluation(
    spec: Spec, folder: Path, widths: tuple[int, ...], names: tuple[str, ...] | None = None
) -> Array:
    """The features of the rows in `[evaluation]`, named there or else as those of the training data.

    Args:
        spec: names the file, and the arrays or columns of the features; targets are not read.
        folder: the spec's folder.
        widths: widths of the network, inputs first.
        names: names of the features of the training data.

    Raises:
        InputError: as :func:`load_data`.
    """
    return load_evaluated(spec, folder, widths, names, labels=False)[0]


def load_evaluated(
    spec: Spec, folder: Path, widths: tuple[int, ...], names: tuple[str, ...] | None = None, labels: bool = True,
    shape: tuple[int, ...] = (),
) -> tuple[Array, Array | None]:
    """The same with the rows' right labels, of one reading of the file; None where it has no such array or column.

    Args:
        spec, folder, widths, names: as of :func:`load_evaluation`.
        labels: whether these are read; else there are none.
        shape: of one row of a graph network, as of :func:`load_data`.

    Returns:
        `(N, d)` features, and `(N,)` or `(N, k)` numbers as they are stored.

    Raises:
        InputError: as :func:`load_data`.
    """
    assert spec.evaluation is not None and spec.evaluation.file is not None
    own, other = spec.evaluation.features, spec.evaluation.targets
    data = spec.data.model_copy(update={
        "features": spec.data.features if own is None else own,
        "targets": spec.data.targets if other is None else other})
    asked = spec.model_copy(update={"data": data})
    source = read_source(folder / spec.evaluation.file, "evaluation")
    archive = open_archive(source, "evaluation")
    where = f"evaluation file {source.path}"
    X = _points(asked, archive, where, "evaluation.features", widths, names if own is None else None, shape)
    name = data.targets
    if not labels or name is None or name not in archive.names:
        return X, None
    kind = "column" if archive.table else "array"
    return X, exact_float64(archive.read(name), f"{kind} '{name}' in {where}")


def load_intercepts(spec: Spec, folder: Path, rows: int) -> Array:
    """`(rows,)` what multiplies the intercept in each evaluation row: `evaluation.intercept` of their file.

    Raises:
        InputError: there is no such array or column, or it is of another shape.
    """
    assert spec.evaluation is not None and spec.evaluation.file is not None and spec.evaluation.intercept is not None
    name, source = spec.evaluation.intercept, read_source(folder / spec.evaluation.file, "evaluation")
    archive, where = open_archive(source, "evaluation"), f"evaluation file {source.path}"
    if name not in archive.names:
        raise missing(archive, where, "evaluation.intercept", name)
    found = exact_float64(archive.read(name), f"{'column' if archive.table else 'array'} '{name}' in {where}")
    if found.shape not in ((rows,), (rows, 1)):
        raise InputError(f"array '{name}' in {where}", f"shape {found.shape} for {rows} rows",
                         "give one number a row: what multiplies the intercept")
    return found.reshape(rows)


def _points(
    spec: Spec, archive: Archive, asked: str, key: str, widths: tuple[int, ...], names: tuple[str, ...] | None,
    shape: tuple[int, ...] = (),
) -> Array:
    """The features of a file of rows that are not trained on."""
    if archive.table:
        for name in names or ():
            if name not in archive.names:
                raise missing(archive, asked, key, name)
        return _stacked(spec, archive, names or _columns(spec, widths, archive, asked, key), asked)
    return _features(spec, widths, archive, asked, shape, key)


def _columns(
    spec: Spec, widths: tuple[int, ...], archive: Archive, asked: str, key: str = "data.features"
) -> tuple[str, ...]:
    """Names of the feature columns of a table, in the order of the network's inputs; `key` is where they are listed."""
    features, inputs = spec.data.features, widths[0]
    if features is None:
        aside = (*spec.data.aside, spec.perturbation.groups, _intercept(spec, key))
        names: Sequence[str] = [name for name in archive.names if name not in aside]
        if "" in names:
            raise InputError(asked, f"column {archive.names.index('')} has no name",
                             f"name it in the header, or list the feature columns in {key}")
    else:
        names = [features] if isinstance(features, str) else features
    for name in names:
        if name not in archive.names:
            raise missing(archive, asked, key, name)
        if list(names).count(name) > 1 or name in spec.data.aside:
            twice = {spec.data.weights: "is the weight of the rows too", spec.data.targets: "is the target too"}
            found = twice.get(name, "is listed twice")
            raise SpecError(key, f"column '{name}' {found}", "list every feature column once")
    if len(names) != inputs:
        raise InputError(
            asked, f"{len(names)} feature columns ({listed(names)}), widths {list(widths)} need {inputs}",
            f"list the columns in {key}, or correct model.widths",
        )
    return tuple(names)


def _stacked(spec: Spec, archive: Archive, names: Sequence[str], asked: str) -> Array:
    """The feature columns of a table side by side."""
    X = np.column_stack([exact_float64(archive.read(name), f"column '{name}' in {asked}") for name in names])
    if X.size == 0:
        raise InputError(asked, "no rows", "give at least one row")
    X.flags.writeable = False
    return X


def _features(
    spec: Spec, widths: tuple[int, ...], archive: Archive, asked: str, shape: tuple[int, ...],
    key: str = "data.features",
) -> Array:
    array = _features_name(spec, archive, asked, key)
    if array not in archive.names:
        raise missing(archive, asked, key, array)
    raw, name = archive.read(array), f"array '{array}' in {asked}"
    inputs = widths[0]
    if shape and raw.ndim == 1 + len(shape) and raw.shape[1:] == shape:
        raw = raw.reshape(len(raw), inputs)
    if raw.ndim != 2:
        remedy = "give one row a sample"
        if raw.ndim == 1:
            remedy += "; for a single feature X.reshape(-1, 1)"
        if raw.ndim > 2:
            remedy += f"; for a fully connected network X.reshape({len(raw)}, -1)"
        raise InputError(name, f"shape {raw.shape}, features are (rows, {inputs})", remedy)
    if raw.shape[1] != inputs:
        own = asked.startswith("data file")  # other files have the features that the network has by now
        raise InputError(
            name, f"shape {raw.shape}, widths {list(widths)} need ({len(raw)}, {inputs})",
            f"correct {key} or model.widths" if own else "give it the features that the training data have",
        )
    return exact_float64(raw, name)


def _features_name(spec: Spec, archive: Archive, asked: str, key: str) -> str:
    features = spec.data.features
    if isinstance(features, str):
        return features
    if features is not None:
        raise SpecError(
            key, "a list of columns is for .csv and .parquet files",
            f"give the name of one array of {asked}: {listed(archive.names)}",
        )
    aside = (*spec.data.aside, spec.perturbation.groups, _intercept(spec, key))
    others = [name for name in archive.names if name not in aside]
    if len(others) != 1:
        raise InputError(
            asked, f"{key} is not given and {listed(others)} could be meant",
            f"give {key} the name of one array",
        )
    return others[0]


def _intercept(spec: Spec, key: str) -> str | None:
    """The name of what multiplies the intercept, in the file of evaluation rows."""
    return spec.evaluation.intercept if spec.evaluation is not None and key == "evaluation.features" else None


def _labels(spec: Spec, kind: Targets, raw: Array, outputs: int, name: str) -> Array:
    """Class labels as int64, after checking that they are the labels of this loss."""
    if spec.perturbation.parameter == "targets" and not flips(spec):
        raise SpecError(
            'perturbation.parameter = "targets"', f"{name} holds class labels, which cannot move a little",
            'use parameter = "features", or training.loss = "squared" to treat them as numbers',
        )
    values = exact_float64(raw, name).reshape(len(raw), -1)
    if values.shape[1] != 1:
        raise InputError(name, f"shape {raw.shape}, labels are one a row ({len(raw)},)", "give one label a row")
    values = values[:, 0]
    allowed, words = kind.allowed(values, outputs)
    if not allowed.all():
        index = first_index(~allowed)
        raise InputError(f"{name}, {place(index)}", f"label {values[index]:g}", f"labels are {words}")
    return values.astype(np.int64)


def _targets(kind: Targets, widths: tuple[int, ...], raw: Array, name: str) -> Array:
    """Targets as `(n, k)` float64."""
    rows, outputs = len(raw), widths[-1]
    shape = (rows, 1) if raw.ndim == 1 else raw.shape
    if shape != (rows, outputs):
        classes = kind.hint if shape == (rows, 1) else ""
        raise InputError(
            name, f"shape {raw.shape}, widths {list(widths)} need ({rows}, {outputs})",
            f"correct data.targets or model.widths{classes}",
        )
    return kind.taken(exact_float64(raw, name).reshape(shape), name)


def _widths(spec: Spec) -> tuple[int, ...]:
    assert spec.model.widths is not None  # require_spec
    return spec.model.widths
