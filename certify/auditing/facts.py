"""What the files beside a new spec say, and what they do not: activation and loss are never guessed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from certify.auditing.told import Told
from certify.format.errors import InputError

_TARGETS: Final = ("y", "Y", "target", "targets", "label", "labels")
_FEATURES: Final = ("X", "x", "features", "inputs")
SPARSE: Final = frozenset(("format", "shape", "data"))
"""Arrays of a file of scipy.sparse.save_npz, whatever the format."""


@dataclass(frozen=True)
class NetworkFacts:
    """What a model file says.

    Attributes:
        widths: of a fully connected network, or inputs and outputs of a graph; () where another network will do.
        activation: between the layers, where the file says it.
        graph: whether a graph file describes the network.
    """

    widths: tuple[int, ...]
    activation: str | None
    graph: bool = False

    @property
    def needs_activation(self) -> bool:
        """Whether somebody has to say the activation."""
        return len(self.widths) > 2 and not self.graph and self.activation is None


@dataclass(frozen=True)
class LossFacts:
    """Which loss targets allow.

    Attributes:
        word: the one loss that takes such targets; None where somebody has to say it.
        likely: a loss that fits, for the line to fill in.
        why: in words.
    """

    word: str | None
    likely: str
    why: str


@dataclass(frozen=True)
class DataFacts:
    """What a data file says.

    Attributes:
        features: name of the array, or names of the columns.
        targets: name of the targets; None where the file has none.
        y: the targets themselves, or None.
    """

    features: str | tuple[str, ...]
    targets: str | None
    y: np.ndarray[Any, Any] | None


def network_facts(model: Path, graph: Path | None, asked: str | None, any_network: bool) -> NetworkFacts:
    """Read what a model file says.

    Args:
        model: the file.
        graph: a graph file that describes the network, or None.
        asked: the activation that somebody named, or None.
        any_network: whether one that is no chain will do.

    Raises:
        InputError: it cannot be read, or says another activation than the one named.
    """
    from certify.inputs.model import chain_of

    if graph is not None:
        from certify.inputs.graph_file import read_graph

        return NetworkFacts(read_graph(graph, model).widths, None, True)
    try:
        widths, said = chain_of(model)
    except InputError:
        if any_network and model.is_file():
            return NetworkFacts((), None)
        raise
    if asked is not None and said not in (None, asked):
        raise InputError(f"init --activation {asked}", f"the layers of {model.name} are joined by {said}",
                         f"leave the option out, or give {said}")
    return NetworkFacts(tuple(widths), asked or said or ("identity" if len(widths) == 2 else None))


def data_facts(data: Path, targets: str | None = None, option: bool = False, aside: tuple[str | None, ...] = (),
               ) -> DataFacts:
    """Names of features and targets: the usual ones if they are there, else the first two arrays.

    Of a table the target is a column with a usual name or the last, and the features are all others.

    Args:
        data: the file.
        targets: the name of the targets, where somebody said it.
        option: whether `--targets` can name others.
        aside: columns that say something else of the rows, whose each is or what it counts: no target unless named so.

    Raises:
        InputError: the file cannot be read, or its targets are no numbers.
    """
    from certify.inputs.formats.table import open_archive
    from certify.spec.sources import read_source

    archive = open_archive(read_source(data, "data"), "data")
    names: tuple[str, ...] = archive.names
    if archive.table:
        free = [name for name in names if name not in aside] or list(names)
        target = targets or next((name for name in free if name in _TARGETS), free[-1])
        try:
            y = archive.read_words(target) if target in names else None
        except InputError as error:
            raise (of_target(error, target, targets) if option else error) from None
        return DataFacts(tuple(name for name in names if name != target), target, y)
    if SPARSE <= set(names):
        raise InputError(f"data file {data.name}", "a sparse matrix of scipy", "save its rows with numpy.savez(file, "
                         "X=matrix.toarray(), y=labels), if they fit into memory")
    free = [name for name in names if name not in aside]
    usual = [name for name in free if name in _FEATURES]
    wanted = [name for name in free if name in _TARGETS] if targets is None else [targets]
    features = next((name for name in (*usual, *free) if name not in wanted), "X")
    found = next((name for name in (*wanted, *free) if name != features), None)
    y = archive.read_words(found) if found in names else None
    return DataFacts(features, found, y)


def guessed(targets: str | None, features: str, told: Told) -> tuple[str, ...]:
    """What a reader has to know of names that nobody said and that are not the usual ones.

    >>> guessed("price", "", Told()), guessed("y", "X", Told())
    (("targets are 'price': --targets names others",), ())
    """
    found = []
    if targets is not None and told.targets is None and targets not in _TARGETS:
        found.append(f"targets are {targets!r}: --targets names others")
    if features and not told.features and features not in _FEATURES:
        found.append(f"features are {features!r}: --features names others")
    return tuple(found)


def of_target(error: InputError, targets: str | None, said: str | None) -> InputError:
    """The error, which says what was taken as the target where it is about that and nobody named it.

    Args:
        error: about anything.
        targets: name of what was taken.
        said: name of the targets, where somebody said it.

    >>> print(of_target(InputError("y, entry 3", "nan", "give the targets"), "age", None))
    'age', taken as the target, entry 3: nan; give the targets, or name another column with --targets NAME
    >>> print(of_target(InputError("X", "3 columns", "give 4"), "age", None))
    X: 3 columns; give 4
    """
    own = None if targets is None else re.match(rf"y\b|(?:column|array) '{re.escape(targets)}'", error.asked)
    if own is None or said is not None:
        return error
    return InputError(f"{targets!r}, taken as the target{error.asked[own.end():]}", error.found,
                      f"{error.remedy}, or name another column with --targets NAME")


def of_file(error: InputError, file: str, name: str = "X") -> InputError:
    """The error, which says of which file it is where it is about the features.

    Args:
        error: about anything.
        file: in words.
        name: of the features where they are no file.

    >>> print(of_file(InputError("X, row 3", "7 columns", "give 4"), "data file d.npz"))
    X in data file d.npz, row 3: 7 columns; give 4
    >>> print(of_file(InputError("X_eval", "no rows", "give some"), "evaluation file e.npz", "X_eval"))
    X in evaluation file e.npz: no rows; give some
    """
    own = re.match(rf"{name}\b", error.asked)
    return error if own is None else InputError(f"X in {file}{error.asked[own.end():]}", error.found, error.remedy)


def loss_facts(y: np.ndarray[Any, Any] | None, outputs: int) -> LossFacts:
    """Which of the losses take such targets.

    Args:
        y: targets, or None.
        outputs: of the network; 0 where they are not known.

    >>> loss_facts(np.array([0, 1, 1]), 1).why
    'targets 0 and 1 with one output fit logistic; squared takes them as numbers'
    >>> loss_facts(np.array([0.5, 1.5]), 1).word, loss_facts(np.arange(6), 10).word
    ('squared', None)
    """
    if y is None:
        return LossFacts(None, "squared", "the data file has no targets: add them, or leave loss and targets out")
    if y.dtype.kind == "U":
        return LossFacts(None, "cross_entropy", "labels are words: store class numbers, from 0 in the order of the "
                         "outputs")
    column = y.ndim == 1 or y.shape[1:] == (1,)
    values = y.ravel()
    whole = y.dtype.kind in "iub"
    if column and len(values) and (np.isin(values, (0, 1)).all() or np.isin(values, (-1, 1)).all()):
        pair = "-1 and 1" if (values < 0).any() else "0 and 1"
        if outputs == 1:
            return LossFacts(None, "logistic", f"targets {pair} with one output fit logistic; squared takes them as "
                             "numbers")
        if whole:
            return LossFacts(None, "cross_entropy", f"targets {pair} fit cross_entropy (0 and 1, an output each) or "
                             "logistic (one output)")
    if column and whole:
        if outputs == 1:
            return LossFacts(None, "squared", "whole numbers with one output fit squared if they are amounts; classes "
                             "need an output each")
        return LossFacts(None, "cross_entropy", "class numbers fit cross_entropy, from 0, with an output each")
    if column and outputs > 1:
        return LossFacts(None, "cross_entropy", f"one number a row for {outputs} outputs: class numbers have to be "
                         "integers")
    if not column and (y >= 0).all() and np.allclose(y.sum(axis=1), 1.0, rtol=0.0, atol=1e-6):
        return LossFacts(None, "cross_entropy", "rows of probabilities fit cross_entropy; squared takes them as "
                         "numbers")
    return LossFacts("squared", "squared", "the one loss here that takes real targets: ½|f − y|², half of torch's "
                     "MSELoss of one output")
