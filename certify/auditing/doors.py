"""Model files that are no network of a spec as they are: estimators, linear models, weights of a torch module."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, cast

import numpy as np

from certify.auditing.facts import data_facts, guessed, of_file, of_target
from certify.auditing.missing import Unsaid, refuse
from certify.auditing.shown.given import Given
from certify.auditing.store import shown_by, stored
from certify.auditing.subject import Subject, threshold_notes, threshold_of
from certify.auditing.told import Told, of_owner, owners
from certify.format.errors import InputError
from certify.inputs.formats.archive import Archive, called_otherwise, listed, missing
from certify.inputs.formats.table import open_archive
from certify.inputs.given import given_numbers
from certify.inputs.numbers import require_finite
from certify.inputs.sklearn.front import Front, bare, framed, needs_front
from certify.inputs.sklearn.texts import of_texts, texts_in
from certify.problem.problem import Problem
from certify.problem.sample_weights import SampleWeights
from certify.rigor.fp import Array
from certify.spec.sources import read_source


@dataclass(frozen=True, eq=False)
class RawRows:
    """Rows as a data file has them.

    Attributes:
        X: `(n, …)` features.
        y: targets, words too, or None.
        names: of the features of a table, else None.
        array: name of the features where the file is no table.
        targets: name of the targets, or None.
        aside: columns that the model was not fitted to.
        weights: what every row counted in the training, or None.
        groups: whose each row is, or None.
        front: what the model does to columns first, words too, where it does that.
    """

    X: Array
    y: Array | None
    names: tuple[str, ...] | None
    array: str = ""
    targets: str | None = None
    weights: Array | None = None
    groups: Array | None = None
    aside: tuple[str, ...] = ()
    front: Front | None = None

    @property
    def table(self) -> Any:
        """The features as a table where columns are found by name, else as they are."""
        if self.front is None or self.names is None:
            return self.X
        return framed(dict(zip(self.names, self.X.T, strict=True)))

    def unused(self) -> tuple[str, ...]:
        """That columns are not used, which may be what rows counted in training.

        >>> RawRows(np.zeros((1, 1)), None, ("a",), aside=("weight",)).unused()
        ("columns that the model was not fitted to are not used: 'weight'; --weights names what rows counted",)
        """
        if not self.aside:
            return ()
        whose = owners(self.aside) if self.groups is None else ()
        return (f"columns that the model was not fitted to are not used: {listed(self.aside)}"
                + ("; --weights names what rows counted" if self.weights is None else "")
                + (f"; where {whose[0]!r} says whose each row is, --groups {whose[0]} asks about any of them with all "
                   "their rows" if whose else ""),)

    def arranged(self, names: Sequence[str], asked: str, told: Told) -> RawRows:
        """The same with the columns a model was fitted to, in their order.

        Raises:
            InputError: the first that is not there, or is what an option names.
        """
        for option, name in (("--groups", told.groups), ("--weights", told.weights)):
            if name is not None and name in names:
                raise InputError(f"{option} {name}", "the model was fitted to it as a feature too, and a column that "
                                 "an option names is read as no feature",
                                 f"copy it in the table under another name, and give the copy: {option} {name}_copy")
        if self.names is None or tuple(names) == self.names:
            return self
        for name in names:
            if name == self.targets:
                raise InputError(asked, f"column {name!r}, which the model was fitted to, was taken as the target",
                                 "name the target with --targets NAME")
            if name not in self.names:
                raise InputError(asked, f"no column {name!r}, which the model was fitted to; it holds "
                                 f"{listed(self.names)} as features",
                                 f"give the data it was fitted to, or {called_otherwise(name, self.names, names)}")
        aside = tuple(name for name in self.names if name not in names)
        return replace(self, X=self.X[:, [self.names.index(name) for name in names]], names=tuple(names), aside=aside)


def raw_rows(path: Path, role: str, told: Told, known: RawRows | None = None, front: Front | None = None,
             texts: bool = False) -> RawRows:
    """Read a data file as it is.

    Args:
        path: the file.
        role: what it is for, in messages.
        told: names of features and targets, where somebody said them.
        known: the training rows, whose names hold here too; None: these are they.
        front: what the model does to columns first.
        texts: whether the model takes texts.

    Raises:
        InputError: it cannot be read, or what is named is not there.
    """
    facts = data_facts(path, targets=told.targets if known is None else known.targets, option=True,
                       aside=(told.groups, told.weights))
    archive = open_archive(read_source(path, role), role)
    asked = f"{role} file {path.name}"
    part = "column" if archive.table else "array"

    def there(name: str, option: str = "") -> str:
        if name not in archive.names and option:
            raise missing(archive, asked, option, name)
        if name not in archive.names:
            needed = () if known is None else known.names or ()
            raise InputError(asked, f"no array or column named {name!r}; it holds {listed(archive.names)}",
                             called_otherwise(name, archive.names, needed) if name in needed else
                             "name others with --features and --targets")
        return name

    if told.targets is not None and known is None:
        there(told.targets, "--targets")
    targets = facts.targets if known is None else known.targets
    targets = targets if targets in archive.names else None
    y = None if targets is None else archive.read_words(targets)
    if y is not None:
        try:
            _require_finite(y, f"{part} {targets!r} in {asked}")
        except InputError as error:
            raise of_target(error, targets, told.targets) from None
    weights, groups = (None, None) if known is not None else _named_apart(archive, told, targets, asked, there)
    if not archive.table:
        array = told.features[0] if told.features else str(facts.features)
        if known is not None and known.array in archive.names:
            array = known.array
        if texts:
            return RawRows(texts_in(archive, (there(array),), asked), y, None, array, targets, weights, groups)
        X = archive.read(there(array))
        if front is None:
            _require_finite(X, f"array {array!r} in {asked}")
        return RawRows(X, y, None, array, targets, weights, groups, front=front)
    columns = told.features or facts.features if known is None or known.names is None else known.names
    columns = tuple(name for name in columns if name not in (targets, told.weights, told.groups))
    if texts:
        words = texts_in(archive, [there(name) for name in columns], asked)
        return RawRows(words, y, columns, "", targets, weights, groups)
    if front is not None:
        X = front.typed(columns, [archive.read_fields(there(name)) for name in columns], asked)
        if known is not None:  # these are the columns that the model was fitted to
            front.require(X, asked)
        return RawRows(X, y, columns, "", targets, weights, groups, front=front)
    try:
        found = [archive.read(there(name)) for name in columns]
    except InputError as error:
        raise of_owner(error, columns) from None
    for name, column in zip(columns, found, strict=True):
        _require_finite(column, f"column {name!r} in {asked}")
    X = np.column_stack([np.asarray(column, dtype=np.float64) for column in found])
    return RawRows(X, y, columns, "", targets, weights, groups)


def _named_apart(archive: Archive, told: Told, targets: str | None, asked: str, there: Callable[[str, str], str],
                 ) -> tuple[Any, Any]:
    """What rows counted in the training, and whose each row is, where options name them; else None.

    Args:
        archive: the training data.
        told: the options.
        targets: the name of the targets.
        asked: how to name the file.
        there: the name of an array or column, which is refused where it is not there.

    Raises:
        InputError: it is not there, is the targets too, or holds no finite numbers.
    """
    weights = groups = None
    if told.weights is not None:
        if told.weights == targets:
            raise InputError(f"--weights {told.weights}", "it would be the targets too", "name these with --targets")
        weights = given_numbers(archive.read(there(told.weights, "--weights")),
                                f"{'column' if archive.table else 'array'} {told.weights!r} in {asked}")
    if told.groups is not None:
        if told.groups in (targets, told.weights):
            raise InputError(f"--groups {told.groups}", "it would be the targets or weights too",
                             "name another column, or the targets with --targets")
        groups = archive.read_written(there(told.groups, "--groups"))
    return weights, groups


def _require_finite(array: Any, name: str) -> None:
    """Refuse a NaN or an infinite number where it is read, as the file is known there; words are none."""
    if isinstance(array, np.ndarray) and array.dtype.kind == "f":
        require_finite(array, name, "row")


def through_door(model: Path, data: Path, evaluation: Path | None, told: Told, folder: Path) -> Subject | None:
    """The subject of a model that is no network of a spec as it is; None where it is one.

    Args:
        model: the file.
        data: the training data.
        evaluation: rows to predict; None: the training rows.
        told: what no file says.
        folder: where the network, its rows and what is predicted are written.

    Raises:
        InputError: what cannot be read, does not fit together or was not said.
    """
    door = _factory if told.factory is not None else DOORS.get(model.suffix.lower())
    if door is None or (door is _onnx and (told.graph is not None or is_chain(model))):
        return None
    texts = door is _estimator and of_texts(model)
    front = _front(model) if door is _estimator and not texts else None
    rows = raw_rows(data, "data", told, front=front, texts=texts)
    with warnings.catch_warnings(record=True) as heard:  # what a caller in Python is warned of, a reader has to know
        warnings.simplefilter("always", UserWarning)
        try:
            problem, name, rows = door(model, rows, told, folder)
        except InputError as error:
            raise of_target(of_file(error, f"data file {data.name}"), rows.targets, told.targets) from None
        if rows.weights is not None and problem.weights is None:
            problem = replace(problem, weights=SampleWeights(rows.weights))
    points = None if evaluation is None else raw_rows(evaluation, "evaluation", told, rows, front, texts)
    inputs = [path for path in (model, data, evaluation) if path is not None]
    said = tuple(dict.fromkeys(str(one.message) for one in heard if issubclass(one.category, UserWarning)))
    try:
        subject = stored(problem, None if points is None else points.table, None if points is None else points.y,
                         folder, name, inputs, rows.groups, said)
    except InputError as error:
        raise error if evaluation is None else of_file(error, f"evaluation file {evaluation.name}", "X_eval") from None
    made = texts or getattr(problem.prepare, "of_rows", problem.prepare is not None)  # no columns
    if rows.names is not None and subject.names is None and front is None and not made:
        subject = replace(subject, names=rows.names)
    known = (*guessed(rows.targets, rows.array, told), *rows.unused(), *subject.notes, *told.unsaid)
    read = (None if texts else Given(rows.X, rows.names, rows.y, aside=rows.aside) if front is None else
            shown_by(front, rows.X, rows.names, rows.y))
    subject = replace(subject, notes=known, read=read)
    if told.groups is not None and subject.owners is not None:
        subject = replace(subject, owners=replace(subject.owners, column=told.groups))
    if told.weight_decay is not None:
        subject = replace(subject, weight_decay=told.weight_decay)
    parts = (told.threshold, told.probability)
    if parts == (None, None):
        return subject
    return replace(subject, threshold=threshold_of(subject, *parts),
                   notes=(*subject.notes, *threshold_notes(subject, *parts)))


def _estimator(model: Path, rows: RawRows, told: Told, folder: Path) -> tuple[Problem, str, RawRows]:
    """A fitted estimator, which says its loss and its penalty itself."""
    from certify.inputs.sklearn.skops_file import estimator_of
    from certify.inputs.sklearn.wrapped import parted
    from certify.prove.estimators import from_sklearn

    stated = {"--activation": told.activation, "--loss": told.loss, "--weight-decay": told.weight_decay}
    for option, said in stated.items():
        if said is not None:
            raise InputError(f"{option} {said}", f"{model.name} says it itself", "leave the option out")
    others = {"--no-bias-decay": not told.bias_decay, "--normalization": told.normalization is not None}
    for option, other in others.items():
        if other:
            raise InputError(option, f"{model.name} says it itself", "leave the option out")
    estimator = estimator_of(model)
    fitted = getattr(estimator, "feature_names_in_", None)  # columns of a table are found by name, not by place
    if fitted is not None:
        rows = rows.arranged([str(name) for name in fitted], "data file", told)
    problem = from_sklearn(estimator, rows.table, _targets(rows), rows.weights)  # refuses what are no rows
    return problem, type(parted(estimator)[0]).__name__, rows


def _front(model: Path) -> Front | None:
    """What the estimator of a file does to columns first, as words in a table may be for that; None: nothing.

    Raises:
        InputError: an estimator that is not read, or one of its steps.
    """
    from certify.inputs.sklearn.linear import require_read
    from certify.inputs.sklearn.skops_file import estimator_of
    from certify.inputs.sklearn.wrapped import parted

    estimator = estimator_of(model)
    require_read(estimator)
    steps = parted(estimator)[1]
    return bare(steps) if needs_front(steps) else None


def _linear(model: Path, rows: RawRows, told: Told, folder: Path) -> tuple[Problem, str, RawRows]:
    """Weights and intercepts of a linear model."""
    from certify.inputs.linear_file import linear_of
    from certify.network.network import Network
    from certify.prove.given_weights import from_arrays

    weights, bias = linear_of(model)
    if told.loss is None or told.weight_decay is None:
        network = Network((weights,), (bias,), "identity")
        refuse(Unsaid(False, told.loss is None, told.weight_decay is None), network,
               np.asarray(rows.X, dtype=np.float64), rows.y, told.loss, told.bias_decay)
    return from_arrays(weights, bias, rows.X, _targets(rows), loss=cast("Any", told.loss),
                       weight_decay=told.weight_decay or 1.0, bias_decay=told.bias_decay,
                       normalization=cast("Any", told.divided), names=rows.names), model.stem, rows


def _factory(model: Path, rows: RawRows, told: Told, folder: Path) -> tuple[Problem, str, RawRows]:
    """The weights of a torch module that a factory makes: whole if it is a chain, else its last layer."""
    from certify.prove.modules import from_factory

    assert told.factory is not None
    if told.activation is not None:
        raise InputError(f"--activation {told.activation}", "the module says it itself", "leave the option out")
    try:
        problem: Problem = from_factory(
            told.factory, model, rows.X, _targets(rows), folder=model.parent, loss=told.loss,
            weight_decay=told.weight_decay or 1.0, bias_decay=told.bias_decay, normalization=told.divided)
    except InputError as error:
        if error.asked != "loss" or told.loss is not None:
            raise
        both = told.weight_decay is None
        more = ", and X of its penalty X/2·|w|², 0 where there was none" if both else ""
        raise InputError("--loss --weight-decay" if both else "--loss", error.found, f"{error.remedy}{more}") from None
    if told.weight_decay is None:
        raw: Any = problem.y if problem.labels is None else problem.labels.astype(np.int64)
        refuse(Unsaid(False, False, True), problem.network, problem.X, raw, problem.loss, told.bias_decay)
    return problem, told.factory.rpartition(":")[2], rows


def _onnx(model: Path, rows: RawRows, told: Told, folder: Path) -> tuple[Problem, str, RawRows]:
    """A network that is no chain: a graph, of which the last layer alone is trained again."""
    from certify.inputs.graphs.rows import GraphRows
    from certify.inputs.onnx.graph.compared import compared
    from certify.inputs.onnx.graph.read import read_graph
    from certify.prove.whole import graph_head

    if told.activation is not None:
        raise InputError(f"--activation {told.activation}", f"{model.name} says it itself", "leave the option out")
    content, asked = read_source(model, "model").content, f"model file {model}"
    network, folded = read_graph(content, asked, model.parent)
    warnings.warn(compared(content, network, asked, model.parent), stacklevel=2)
    raw = _targets(rows)
    if told.loss is None or told.weight_decay is None:
        refuse(Unsaid(False, told.loss is None, told.weight_decay is None), network,
               GraphRows(network.shape).given(rows.X, "X"), raw, told.loss, told.bias_decay)
    if folded:
        warnings.warn("a BatchNorm was folded when the file was exported: claims are about the folded parameters",
                      stacklevel=2)
    return graph_head(network, rows.X, raw, loss=told.loss, weight_decay=told.weight_decay, bias_decay=told.bias_decay,
                      normalization=told.divided), model.stem, rows


def is_chain(model: Path) -> bool:
    """Whether a model file is a fully connected network with one activation."""
    from certify.inputs.model import chain_of

    try:
        chain_of(model)
    except InputError:
        return False
    return True


def _targets(rows: RawRows) -> Any:
    if rows.y is None:
        raise InputError("data file", "no targets in it", "name them with --targets")
    return rows.y


Door = Callable[[Path, RawRows, Told, Path], tuple[Problem, str, RawRows]]

DOORS: Final[Mapping[str, Door]] = MappingProxyType({".skops": _estimator, ".npz": _linear, ".onnx": _onnx})
"""By the ending of the model file."""
