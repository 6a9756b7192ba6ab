"""What an audit is about: a model with its training data as they were understood, and the spec tables that say so."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from certify.auditing.shown.given import Given, in_coordinates
from certify.auditing.shown.owners import Owners
from certify.auditing.told import probability_of
from certify.format.errors import InputError
from certify.format.words import BALANCED, Loss, Normalization
from certify.network.graph.graph import GraphNetwork
from certify.network.loss.losses import loss_named
from certify.network.network import Network
from certify.problem.fit import Fit
from certify.problem.fitting import fit
from certify.rigor.fp import Array
from certify.spec.text.paths import relative

Tables = Mapping[str, Mapping[str, Any]]

PATHS: Final = ("file", "graph")
"""Keys of the tables that name files."""

HALF: Final = 0.5
"""What parts targets 0 and 1 of the squared loss."""

LAYERS: Final = "the layers before the last"
"""What stands before the features of a last layer of a module."""

START: Final = "today's exact minimum"
"""From where the motion of outputs and weights is counted: training stops near it, and the given weights are there."""

LEAST_SQUARES: Final = (
    "fit Ridge with an alpha above 0, and say it with --weight-decay where no file does; of plain least squares Python "
    "proves how far predictions move without any few rows (certify.prediction_change), and how many the sign of a "
    "coefficient survives (certify.sign_survives)")
"""What helps where questions about whole rows have no answer."""

LARGEST: Final = 20_000
"""Weights of a head at most, as of the questions about rows in Python."""


@dataclass(frozen=True, eq=False)
class Subject:
    """A model with its data.

    Attributes:
        model: what it is, in a few words, e.g. ``"LogisticRegression"``.
        network: the function.
        X: `(n, d)` training features.
        y: `(n, k)` real targets, or None.
        labels: `(n,)` class labels, or None.
        loss: the loss of one row.
        weight_decay, bias_decay, normalization: what else the training loss is.
        tables: of the spec: `model`, `data`, `evaluation`; paths are relative to `root`.
        root: the folder of the spec.
        points: number of evaluation rows.
        own: whether these are the training rows, as no others were given.
        right: whether the evaluation file has their labels.
        names: names of the features, or None.
        threshold: of one real output: what parts two labels; None: nothing does, or the loss says it.
        classes: what the labels are called, in the order of their numbers, or None.
        units: how far each of them moves, at most, where its column before moves by 1; inf: not known; None: as far.
        roundings: and beyond that, by rounding alone.
        given: of each file that somebody named its role, its name and its SHA-256 when the audit began.
        weights: `(n,)` what every row counts in the training loss; None: all 1.
        weighing: their name in the data file, for questions about whole rows; "" where there are none.
        grouping: their name in the data file of numbers of groups, one a row; "" where nobody named one.
        groups: how many groups there are.
        owners: whose each row is, in words; None where nobody said it.
        balanced: whether the class weights of a fit to the rows that are left are known, where they are balanced.
        by_label: what a row of every label counts, also as its new one, where that is known; else empty.
        anew: whether a question is about such a fit, and rows do not keep their weights.
        lost: whether a question is about changes that may leave one of several labels without rows.
        notes: what a reader has to know of how it was understood.
        mean: of every output, what targets and predictions are more than here; empty: nothing.
        behind: what stands before the features of the network, e.g. ``"StandardScaler"``, or `LAYERS`; "" where
            these are the features of the data.
        kernel: whether these features are made by a kernel from all training rows, so that none belongs to a column.
        stored: whether the files of the tables were written by this audit.
        ended: whether the weights keep the rule by which the solver of their fit ends; None: nobody knows it.
        evaluated: `(N, d)` evaluation rows as the network takes them; None: the training rows.
        read: the training rows as a data file has them, where these are others.
        beside: files of the tables that this audit writes before its questions, with what is in them.
    """

    model: str
    network: Network | GraphNetwork
    X: Array
    y: Array | None
    labels: Array | None
    loss: str
    weight_decay: float
    bias_decay: bool
    normalization: str
    tables: Tables
    root: Path
    points: int
    own: bool
    right: bool
    names: tuple[str, ...] | None = None
    threshold: float | None = None
    classes: tuple[Any, ...] | None = None
    units: tuple[float, ...] | None = None
    roundings: tuple[float, ...] = ()
    given: tuple[tuple[str, str, str], ...] = ()
    weights: Array | None = None
    weighing: str = ""
    grouping: str = ""
    groups: int = 0
    owners: Owners | None = None
    balanced: bool = False
    by_label: tuple[float, ...] = ()
    anew: bool = False
    lost: bool = False
    notes: tuple[str, ...] = ()
    mean: tuple[float, ...] = ()
    behind: str = ""
    kernel: bool = False
    stored: bool = False
    ended: bool | None = None
    evaluated: Array | None = None
    read: Given | None = None
    beside: Mapping[Path, bytes] = field(default_factory=dict)

    def files(self) -> tuple[Path, ...]:
        """The files that the tables name and somebody else wrote."""
        named = (self.root / str(entry) for table in self.tables.values() for key, entry in table.items()
                 if key in PATHS)
        ours = {path.resolve() for path in self.beside}
        return tuple(path for path in named if path.resolve() not in ours)

    def at(self, folder: Path) -> Subject:
        """The same for a spec in another folder."""
        return self if folder.resolve() == self.root.resolve() else self.seen_from(folder)

    def seen_from(self, folder: Path) -> Subject:
        """The same, paths as they are seen from a folder."""
        tables = {name: {key: relative(self.root / str(entry), folder) if key in PATHS else entry
                         for key, entry in table.items()} for name, table in self.tables.items()}
        return replace(self, tables=tables, root=folder)

    @property
    def n(self) -> int:
        """Number of training rows."""
        return len(self.X)

    @property
    def to_predict(self) -> Array:
        """`(N, d)` evaluation rows as the network takes them."""
        return self.X if self.evaluated is None else self.evaluated

    @cached_property
    def as_given(self) -> Given:
        """The training rows as somebody gave them."""
        return self.read or Given(self.X, self.names, self._targets_in_words(), self.behind)

    @property
    def columns_apart(self) -> bool:
        """Whether the model makes features of columns first, not one of each, so that these have names of their own."""
        return self.read is not None and self.read.sources is not None

    def _targets_in_words(self) -> Array | None:
        """Targets, labels as they are called where that is known."""
        found = self.y if self.labels is None else self.labels
        if found is None or self.classes is None:
            return found
        if self.labels is None and found.shape[1] > 1:
            number = np.argmax(found, axis=1)
        else:
            above = found.reshape(-1) > (self.threshold or 0.0)
            number = above.astype(np.int64) if self.network.widths[-1] == 1 else found.reshape(-1).astype(np.int64)
        words: Array = np.asarray(self.classes, dtype=object)[number]
        return words

    @cached_property
    def fit(self) -> Fit:
        """Training loss and accuracy of this network, every row counted alike."""
        return fit(self.network, self.X, self.loss, self.y, self.labels)

    @cached_property
    def fit_as_trained(self) -> Fit:
        """The same, with the weights of the rows, and labels parted where it was said."""
        same = self.weights is None and self.threshold is None
        return self.fit if same else fit(self.network, self.X, self.loss, self.y, self.labels, weights=self.weights,
                                         threshold=self.threshold)

    @property
    def plain(self) -> bool:
        """Whether it is a fully connected network."""
        return isinstance(self.network, Network)

    @property
    def last(self) -> Mapping[str, Any]:
        """The key that lets the last layer alone move; none where there is one layer."""
        if isinstance(self.network, GraphNetwork):
            return {"layer": "last"}
        return {} if self.network.depth == 1 else {"layer": self.network.depth}

    @property
    def about(self) -> dict[str, Any]:
        """The table `about`: of files that this audit wrote what their columns and labels are called, and from what."""
        if not self.stored:
            return {}
        words = None if self.classes is None else [str(word) for word in self.classes]
        named = self.names is not None and len(self.names) == self.network.widths[0] and all(self.names)
        worded = words is not None and len(words) == max(self.network.widths[-1], 2) and all(words)
        return {**({"names": list(self.names or ())} if named else {}), **({"labels": words} if worded else {}),
                **({"behind": in_coordinates(self.behind) if self.kernel else self.behind} if self.behind else {}),
                **{role: {"name": name, "sha256": digest} for role, name, digest in self.given}}

    @property
    def classifies(self) -> bool:
        """Whether outputs stand for labels."""
        if not loss_named(self.loss).slides or self.threshold is not None:
            return True
        return self.y is not None and is_code(self.y)

    @property
    def logarithmic(self) -> bool:
        """Whether an output is the logarithm of what is predicted, so that no label of a target can be right."""
        return bool(loss_named(self.loss).output)

    @property
    def outputs(self) -> str:
        """What the outputs of a row are, in words, where their changes are told."""
        if self.network.widths[-1] > 1:
            return "the outputs of a row together (root of the sum of squares)"
        return "an output, the logarithm of what is predicted," if self.logarithmic else "an output"

    @property
    def mean_loss(self) -> str:
        """The loss of the questions about these weights, in words: without the penalty, and without weights of rows."""
        return "mean training loss" + ("" if self.weights is None else ", where every row counts alike,")

    @property
    def again(self) -> str:
        """What happens after rows change, e.g. ``"and the model trained again"``."""
        alone = self.behind == LAYERS or isinstance(self.network, GraphNetwork) or self.network.depth > 1
        kept = "" if self.weights is None else " (every row with the weight it has today)" if not self.anew else (
            " (class weights balanced anew)" if self.balanced else (
                " (every row with the class weight of its label then)"))
        held = " (every layer before it held as it is)" if isinstance(self.network, GraphNetwork) else ""
        outputs = " (with an output for each of today's labels, also for one without a row)" if self.lost else ""
        mean = " (the mean that targets are kept without stays as it is)" if self.mean else ""
        return f"and the {'last layer alone' if alone else 'model'} trained again{kept}{held}{outputs}{mean}"

    @property
    def rebalanced(self) -> Subject:
        """The same for a question about rows that are left out: class weights are balanced anew where that is known."""
        return replace(self, anew=True) if self.balanced else self

    @property
    def reweighed(self) -> Subject:
        """The same for a question about labels: class weights follow them where that is known."""
        return replace(self, anew=True) if self.balanced or self.by_label else self

    @property
    def against_head(self) -> str:
        """Why questions about whole rows cannot be asked; "" where they can."""
        if isinstance(self.network, GraphNetwork) and self._against_last:
            return self._against_last
        if self.y is None and self.labels is None:
            return "the data has no targets: name them with --targets"
        if self.weight_decay == 0:
            return "the loss has no weight decay, so that its minimum need not be one point: " + (
                LEAST_SQUARES if self._least_squares else
                "train the last layer with a penalty (certify polish finishes it), and say it with --weight-decay")
        size = self.network.parameters("last" if isinstance(self.network, GraphNetwork) else self.network.depth)
        if size > LARGEST:
            return f"the last layer has {size} weights, and a refit solves a system of that size: at most {LARGEST}"
        return ""

    @property
    def _least_squares(self) -> bool:
        """Whether it is one linear output that is fitted by squares."""
        return isinstance(self.network, Network) and self.network.widths[1:] == (1,) and Loss(self.loss).least_squares

    @cached_property
    def _against_last(self) -> str:
        """Why the last layer of a graph is no head; "" where it is one."""
        assert isinstance(self.network, GraphNetwork)
        try:
            _ = self.network.last
        except InputError as error:
            return (f"questions about whole rows are for a last linear layer with weights of its own, and of this "
                    f"graph {error.found}")
        return ""

    def words(self) -> str:
        """The network and its loss in a line."""
        shape = "-".join(map(str, self.network.widths))
        joined = f", {self.network.activation}" if isinstance(self.network, Network) and self.network.depth > 1 else ""
        decay = "no weight decay" if self.weight_decay == 0 else f"weight decay {self.weight_decay:.6g}" + (
            "" if self.bias_decay else ", none of it on biases") + (
            "" if self.normalization == Normalization.FIXED else ", a mean over the rows that are left")
        weighed = "" if self.weights is None else f", with weights from {self.weights.min():.4g} to " + (
            f"{self.weights.max():.4g}")
        return f"{self.model} {shape}{joined}; loss {self.loss}, {decay}; {self.n} training rows{weighed}"

    def training(self, fewer: bool = False) -> dict[str, Any]:
        """The table `training`, with its weight decay.

        Args:
            fewer: whether rows are left out, so that it matters what the losses are divided by.
        """
        divided = fewer and self.normalization != Normalization.FIXED
        return {"loss": self.loss, "weight_decay": float(self.weight_decay),
                **({} if self.bias_decay else {"bias_decay": False}),
                **({"normalization": str(self.normalization)} if divided else {}),
                **({"class_weight": BALANCED if self.balanced else list(self.by_label)} if self.anew else {})}


def is_code(y: Array) -> bool:
    """Whether real targets are codes of classes: -1 and 1 in one column, or one column above the others alike.

    >>> is_code(np.array([[1.0], [-1.0]])), is_code(np.eye(3)), is_code(np.array([[0.5], [1.0]]))
    (True, True, False)
    """
    if y.shape[1] == 1:
        return bool(np.isin(y, (-1.0, 1.0)).all() and len(np.unique(y)) == 2)
    rows = np.sort(np.unique(y, axis=0), axis=1)
    low, high = rows[:, 0], rows[:, -1]
    return bool(len(rows) <= y.shape[1] and (rows[:, :-1] == low[:, None]).all() and len(set(low)) == 1
                and len(set(high)) == 1 and low[0] < high[0])


def threshold_of(subject: Subject, told: float | None, probability: float | None = None) -> float | None:
    """What parts two labels of one real output: what was said, and a half where targets are 0 and 1.

    Args:
        subject: what it is about.
        told: the output, or what has it as its logarithm; of outputs without the mean what is predicted.
        probability: the same where an output is log-odds.

    Raises:
        InputError: outputs are logarithms, and what was said has none; or they are no log-odds.
    """
    if probability is not None:
        if not log_odds(subject):
            raise InputError(f"--probability {probability:g}", *_no_probability(subject))
        return math.log(probability) - math.log1p(-probability)
    if subject.logarithmic:
        if told is not None and not 0 < told < math.inf:
            raise InputError(f"--threshold {told:g}", f"the loss {subject.loss} predicts what is above 0",
                             "give an amount above 0")
        return None if told is None else math.log(told)
    if told is not None and len(subject.mean) == 1:
        return told - subject.mean[0]
    if told is not None or not loss_named(subject.loss).slides or subject.y is None or subject.y.shape[1] != 1:
        return told
    return HALF if set(np.unique(subject.y).tolist()) == {0.0, 1.0} else None


def _no_probability(subject: Subject) -> tuple[str, str]:
    """Why no probability parts the labels of a model, and what to say in its place."""
    outputs = subject.network.widths[-1]
    if outputs > 1:
        return (f"the model has {outputs} outputs, and the label is the largest of them, whichever its probability",
                "leave it out; a class against all others is asked about in a model of two labels" if subject.classifies
                and (subject.classes is not None or subject.labels is not None) else "leave it out")
    codes = subject.y is None or is_code(subject.y)
    return (f"an output of the loss {subject.loss} is no log-odds", "leave it out, as the sign of the output is the "
            "label; --threshold parts labels at another output" if codes else
            "give --threshold, an amount as the targets are")


def log_odds(subject: Subject) -> bool:
    """Whether the one output is the log-odds of the second class."""
    return bool(loss_named(subject.loss).unit) and subject.network.widths[-1] == 1


def threshold_notes(subject: Subject, told: float | None, probability: float | None = None) -> tuple[str, ...]:
    """Which two labels what was said parts, and in what unit it is where an output has one of its own."""
    if told is None and probability is None:
        return ()
    if log_odds(subject):
        parted = threshold_of(subject, told, probability)
        assert parted is not None
        share = probability_of(parted) if probability is None else probability
        other = "" if told is None or not 0 < told < 1 else f"; a probability of {told:g} is --probability {told:g}"
        return (f"outputs are log-odds: labels part at {parted:.4g}, that is probability {share:.3g}{other}",)
    assert told is not None
    if len(subject.mean) == 1:
        return (f"outputs are without the mean {subject.mean[0]:g} of y: {told:g} parts them at "
                f"{threshold_of(subject, told)!r}",)
    if not subject.logarithmic:
        return (f"a label says whether an output is above {told:g}: a prediction stays where it stays on its side",)
    return (f"outputs are logarithms of what is predicted: {told:g} parts them at {math.log(told)!r}, its logarithm "
            "rounded, and which labels are right is not asked",)
