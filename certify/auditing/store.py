"""A problem in memory as files that specs name: the model, its training data, and the rows to predict."""

from __future__ import annotations

import warnings
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from certify.auditing.shown.given import Given
from certify.auditing.shown.owners import owners_of
from certify.auditing.subject import LAYERS, Subject, threshold_of
from certify.certificate.audit_folder import DATA, EVALUATION, GRAPH, MODEL, begin
from certify.certificate.checkable import model_bytes
from certify.format.errors import InputError
from certify.format.words import Loss, Normalization
from certify.inputs.given import given_numbers
from certify.inputs.graph_file import graph_bytes
from certify.inputs.sklearn.front import Front
from certify.inputs.sklearn.sparse import SparseRows
from certify.inputs.sklearn.wrapped import Prepared
from certify.network.graph.graph import GraphNetwork
from certify.problem.problem import Problem
from certify.prove.changed.accuracy import less_mean
from certify.prove.changed.group_labels import group_numbers, labels_of
from certify.prove.label_words import numbered
from certify.prove.rows import points_of
from certify.rigor.fp import Array

FEATURES: Final = "X"
TARGETS: Final = "y"
WEIGHTS: Final = "weights"
GROUPS: Final = "groups"
KEPT: Final = "rows carry the weights they were fitted with, and keep them whichever rows change"


def stored(problem: Problem, X_eval: Any, y_eval: Any, folder: Path, model: str = "",
           inputs: Collection[Path] = (), groups: Any = None, heard: tuple[str, ...] = ()) -> Subject:
    """Write a problem's network and data, and return what an audit is about.

    Args:
        problem: e.g. from `certify.from_sklearn`.
        X_eval: `(N, d)` rows to predict as they are before what prepares them, or None: the training rows.
        y_eval: their labels in the words of y, or None.
        folder: where to write `model.safetensors`, `data.safetensors` and the like, and of a graph `graph.json`.
        model: what the model is called.
        inputs: the files that all this was read from.
        groups: `(n,)` whose each row is, or None.
        heard: what was said where the problem was read, of what stands before the model too.

    Raises:
        InputError: what does not fit together.
    """
    network = problem.network
    content = {folder / MODEL: model_bytes(network)}
    named: dict[str, Any] = {"file": MODEL}
    if isinstance(network, GraphNetwork):
        content[folder / GRAPH] = graph_bytes(network.nodes, network.shape, network.output, network.input)
        named |= {"graph": GRAPH}
    else:
        named |= {"widths": list(network.widths), "activation": str(network.activation)}
    targets = problem.y if problem.labels is None else problem.labels.astype(np.int64)
    arrays = {FEATURES: problem.X} | ({} if targets is None else {TARGETS: targets})
    weights = None if problem.weights is None else problem.weights.as_fitted(problem)
    arrays |= {} if weights is None else {WEIGHTS: weights}
    own = None if groups is None else group_numbers(groups, problem.n)
    arrays |= {} if own is None else {GROUPS: own}
    content[folder / DATA] = _saved(arrays)
    right, said = targets is not None, tuple[str, ...]()
    if X_eval is not None:
        with warnings.catch_warnings(record=True) as warned:  # who reads the page has to know it
            warnings.simplefilter("always", UserWarning)
            points = points_of(problem, X_eval)
        said = tuple(f"of the rows to predict, {str(one.message).removeprefix('X_eval: ')}" for one in warned
                     if issubclass(one.category, UserWarning))
        labels = None if y_eval is None else _labels(problem, y_eval, len(points))
        right = labels is not None
        content[folder / EVALUATION] = _saved({FEATURES: points} | ({} if labels is None else {TARGETS: labels}))
    begin(folder, inputs, content)
    data = {"file": DATA, "features": FEATURES} | ({} if targets is None else {"targets": TARGETS})
    evaluated = {**data, "file": DATA if X_eval is None else EVALUATION}
    tables: dict[str, dict[str, Any]] = {"model": named, "data": data, "evaluation": evaluated}
    notes = (*_standing_before(problem, heard), *said, *weights_kept(problem))
    subject = Subject(model or "network", network, problem.X, problem.y, problem.labels, problem.loss,
                      problem.weight_decay, problem.bias_decay, problem.normalization, tables, folder,
                      problem.n if X_eval is None else len(points), X_eval is None, right, problem.names,
                      classes=problem.classes, notes=notes, weights=weights,
                      weighing="" if weights is None else WEIGHTS, grouping="" if own is None else GROUPS,
                      groups=0 if own is None else int(own.max()) + 1, stored=True, ended=problem.ended,
                      balanced=_followed(problem), by_label=_by_label(problem),
                      owners=None if own is None else owners_of("", own.tolist(), labels_of(groups, problem.n)),
                      behind=_behind(problem.prepare), kernel=getattr(problem.prepare, "of_rows", False),
                      mean=getattr(problem.prepare, "mean", ()), evaluated=None if X_eval is None else points)
    if isinstance(problem.prepare, Prepared) and not problem.prepare.of_rows:
        subject = replace(subject, names=problem.column_names)  # every column is scaled by itself, and keeps its name
        if problem.prepare.units is not None:
            subject = replace(subject, units=problem.prepare.units, roundings=problem.prepare.roundings(problem.X))
    if isinstance(problem.prepare, Front) and problem.prepare.rows is not None:
        front = problem.prepare
        subject = replace(subject, units=front.units, roundings=front.roundings(problem.X),
                          read=shown_by(front, problem.prepare.rows, front.names, subject.as_given.targets))
    threshold = problem.threshold if problem.threshold is not None else threshold_of(subject, None)
    return replace(subject, threshold=threshold)


def _standing_before(problem: Problem, heard: tuple[str, ...]) -> tuple[str, ...]:
    """What a reader has to know of what stands before the model: that it stays as fitted, and what it rounds."""
    if problem.prepare is None:
        return heard
    notes = heard or (f"{getattr(problem.prepare, 'words', 'something')} before the model stays as it was fitted, and "
                      "the claims are about the features behind it",)
    if getattr(problem.prepare, "of_rows", False):
        notes += ("these features are coordinates in the span of the training rows, as they were computed in float64: "
                  "what is proved is about them, and that rounding is not bounded",)
    return notes


def shown_by(front: Front, rows: Array, names: tuple[str, ...] | None, targets: Array | None) -> Given:
    """Training rows before a front, in the user's own columns."""
    order = None if names is None or front.names is None else [names.index(one) for one in front.names]
    return Given(rows, names, targets, sources=tuple(j if order is None else order[j] for j in front.sources))


def weights_kept(problem: Problem) -> tuple[str, ...]:
    """What a reader has to know of weights of rows after a change; nothing where there are none."""
    if problem.weights is None:
        return ()
    if not problem.weights.by_label:
        return (KEPT,)
    if _followed(problem):
        return ("class_weight='balanced' is followed where rows are left out or labels are wrong, and it is asked "
                "which predictions stay or how many until one changes: the rows are balanced anew, with the labels "
                "that they then have. In every other question a row keeps the weight that it has today",)
    if _by_label(problem):
        return ("class_weight is followed where labels are wrong: a row counts as its new label does",)
    return ("class_weight is taken as the weights that it gave the rows when the model was fitted: a row keeps its own "
            "where its label changes, or how many rows a label has, which a fit with class_weight anew would follow",)


def _by_label(problem: Problem) -> tuple[float, ...]:
    """What a row of every label counts, where it is proved of changed labels: of the logistic loss (D20)."""
    own = problem.weights
    known = own is not None and own.labels is not None and own.rows is None and Loss(problem.loss).one_output
    return tuple(own.labels.tolist()) if known and own is not None and own.labels is not None else ()


def _followed(problem: Problem) -> bool:
    """Whether what is proved of changed rows follows balanced weights: of the logistic loss, in a sum (D19, D20).

    Rows that carry weights of their own as well keep those of today, as no spec has both.
    """
    follows, own = Normalization(problem.normalization).follows, problem.weights
    return (own is not None and own.balanced and own.rows is None and not follows
            and Loss(problem.loss).one_output)


def _labels(problem: Problem, y_eval: Any, N: int) -> Array:
    """The labels of these rows as the data file has them."""
    given = np.asarray(y_eval)
    if given.ndim == 0 or len(given) != N:
        raise InputError("y_eval", f"shape {given.shape} for {N} rows", "give one label a row")
    numbers = None if problem.classes is None else numbered(problem.classes, given, "y_eval")
    if numbers is not None and problem.labels is None and problem.network.widths[-1] == 1:
        codes: Array = 2.0 * numbers.astype(np.float64) - 1.0 + (problem.threshold or 0.0)  # either side of it
        return codes
    if numbers is not None:
        return np.asarray(numbers, dtype=np.float64 if problem.labels is None else np.int64)
    found = given_numbers(given, "y_eval")
    if problem.labels is None:
        return less_mean(found, getattr(problem.prepare, "mean", ()))
    if (found != np.round(found)).any():
        raise InputError("y_eval", f"the label {found[found != np.round(found)][0]:g}", "give whole numbers, as y has")
    return found.astype(np.int64)


def _behind(prepare: Any) -> str:
    """What stands between the rows of the data and the features of the network, in a few words; "" where nothing."""
    if isinstance(prepare, Prepared | Front | SparseRows):
        return prepare.words or "a sparse matrix"
    return "" if prepare is None or hasattr(prepare, "shape") and not hasattr(prepare, "place") else LAYERS


def _saved(arrays: dict[str, Array]) -> bytes:
    from safetensors.numpy import save

    return save({name: np.ascontiguousarray(array) for name, array in arrays.items()})
