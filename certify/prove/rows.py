"""Answers about whole rows of a head's training data: which predictions stay, and how many changes each survives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import replace as replaced
from typing import Any

import numpy as np

from certify.finders.head.unchanged import unchanged_refit
from certify.format.errors import InputError
from certify.format.words import Base, Map, Normalization, Parameter
from certify.inputs.given import given_rows, same_columns
from certify.inputs.prepared import Reads
from certify.network.network import Network
from certify.problem.problem import Problem
from certify.problem.progress import Progress, told, warn
from certify.prove.changed.accuracy import Accuracy, accuracy_of
from certify.prove.changed.group_labels import named
from certify.prove.changed.lost import tell_of_lost
from certify.prove.label_words import relabelled_as, turned, worded
from certify.prove.rows_asked import KINDS, PLAIN, asked_change, asked_new, labelled, require_penalty, tell_of_classes
from certify.prove.rows_shown import FLIPS, LABEL, STAYS, UNDECIDED, Prediction, as_frame, as_html, called, drawn
from certify.rigor.environment import require_sound
from certify.rigor.finder import proposed
from certify.rigor.fp import Array
from certify.systems.head.nearness import beside
from certify.systems.head.rows.change import DELETED, NONE
from certify.systems.head.rows.changes.base import Change
from certify.systems.head.rows.changes.groups import GroupChange
from certify.systems.head.rows.head import Head, Whole
from certify.systems.head.rows.of_problem import change_of_rows, given_base, head_of
from certify.theorems.head.rows.claims import advice, methods_of, plain
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.new_rows.survey import NewFlips
from certify.theorems.head.rows.searches.methods import CLASSES
from certify.theorems.head.rows.survey import Survey, survey
from certify.theorems.head.rows.tolerance.fewer_groups import SHARE, without_idle
from certify.theorems.jobs import among

VERBS = {"delete": "deleted", "relabel": "relabelled"}

LARGEST = 20_000
"""Weights of a head at most: a matrix of their square takes 3.2 GB."""


@dataclass(frozen=True, eq=False)
class Witness:
    """Rows whose change flips a prediction, proved by a refit.

    Attributes:
        rows: their numbers.
        targets: what their targets become, row by row, NaN where one is deleted; None: all are.
        before, after: the outputs of the evaluation row at the given weights, and about those of the refit.
        labels: what their labels become, in the words of y, None where one is deleted; None: all are, or there are no
            such words.
        new: rows that join: features, and label in the words of y, or target where there are none, row by row.
        groups: names of the groups that the rows are of, where groups were given.
    """

    rows: tuple[int, ...]
    targets: tuple[tuple[float, ...], ...] | None
    before: tuple[float, ...]
    after: tuple[float, ...]
    labels: tuple[Any, ...] | None = None
    new: tuple[tuple[tuple[float, ...], Any], ...] = ()
    groups: tuple[Any, ...] = ()


@dataclass(frozen=True, eq=False)
class StablePredictions:
    """Which predictions stay under every choice of changed rows.

    Attributes:
        change: what may happen to the rows.
        survey: what became of every evaluation row.
        head: the head.
        distance: the exact minimum of the unchanged data is proved to lie within it of the given weights.
        classes: what y calls the labels; None: numbers.
        mean: of every output, what real targets are more than those of the head; empty: nothing.
        held: whether there are layers before the last one, which stay as they are.
        groups: the group of every row as it was given; None: none were.
    """

    change: Change
    survey: Survey
    head: Head
    distance: float
    classes: tuple[Any, ...] | None = None
    mean: tuple[float, ...] = ()
    held: bool = False
    groups: Any = None

    @property
    def proved(self) -> Whole:
        """Numbers of the evaluation rows whose prediction is proved to stay."""
        return np.flatnonzero(self.survey.proved)

    @property
    def attacked(self) -> Whole:
        """Numbers of those that a change flips, proved."""
        return np.flatnonzero(self.survey.attacked)

    @property
    def undecided(self) -> Whole:
        """Numbers of the others."""
        return np.flatnonzero(self.survey.undecided)

    @property
    def already(self) -> Whole:
        """Numbers of those attacked that no change is needed for: the exact minimum of today's data flips them."""
        flips = self.survey.flips
        changed = (flips.rows != NONE).any(axis=1)
        if isinstance(flips, NewFlips):
            changed |= (flips.labels != NONE).any(axis=1)
        return np.flatnonzero(self.survey.attacked & (flips.point >= 0) & ~np.append(changed, True)[flips.point])

    @property
    def lower(self) -> int:
        """How many are proved to stay."""
        return len(self.proved)

    @property
    def upper(self) -> int:
        """How many can stay: all but those that are flipped."""
        return len(self.survey.status) - len(self.attacked)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why evaluation rows are undecided and what helps, in plain words; () where none is."""
        return (advice(self.survey, self.head, self.change), *plain(self.survey)) if len(self.undecided) else ()

    @property
    def methods(self) -> tuple[str, ...]:
        """What every method left open, or why it was not tried, by its name; () where no row is undecided."""
        return methods_of(self.survey)

    def witness(self, i: int) -> Witness | None:
        """The rows whose change flips evaluation row i; None where no such rows were found.

        Raises:
            InputError: there is no evaluation row of that number.
        """
        flips, N = self.survey.flips, len(self.survey.status)
        if not 0 <= i < N:
            raise InputError("witness", f"evaluation row {i}", f"give a number from 0 to {N - 1}")
        a = int(flips.point[i])
        if a < 0:
            return None
        there = flips.rows[a] != NONE
        rows, codes = flips.rows[a][there], flips.codes[a][there]
        targets = labels = None
        if (codes != DELETED).any():
            assert self.head.codes is not None
            new = np.where((codes == DELETED)[:, None], np.nan, self.head.codes[codes])
            targets = tuple(tuple(row) for row in new.tolist())
            labels = relabelled_as(self.classes, self.head, codes)
        x = self.head.points[i]
        joined: tuple[tuple[tuple[float, ...], Any], ...] = ()
        if isinstance(flips, NewFlips):
            assert self.head.codes is not None
            codes_of = flips.labels[a][flips.labels[a] != NONE]
            words = relabelled_as(self.classes, self.head, codes_of)
            called = self.head.codes[codes_of, 0].tolist() if words is None else words
            joined = tuple((tuple(row), label) for row, label in zip(
                flips.new[a][flips.labels[a] != NONE].tolist(), called, strict=True))
        every = tuple(rows.tolist())
        return Witness(every, targets, tuple((self.head.V @ x).tolist()), tuple((flips.weights[a] @ x).tolist()),
                       labels, joined, () if self.groups is None else named(self.groups, self.head.n, every))

    def accuracy(self, y_eval: Any) -> Accuracy:
        """How many evaluation rows have the right label today and keep it under every change: both ends.

        Args:
            y_eval: `(N,)` labels in the words of y, where the problem is of a classifier of scikit-learn; else numbers
                (of two labels 0 and 1 or -1 and 1; class numbers from 0 on; real targets, compared with the threshold),
                or `(N, k)` codes.

        Raises:
            InputError: labels that are none.
        """
        return accuracy_of(self.head, self.survey, y_eval, self.classes, self.mean)

    def __repr__(self) -> str:
        flipped, own = len(self.attacked), len(self.already)
        who = "already" if own == flipped == 1 else f"{'all' if own == flipped else own} of them already"
        today = f" ({who} when trained to the end on today's data)" if own else ""
        alone = ", last layer alone" if self.held else ""
        return (f"StablePredictions({self.change.words}{alone}: {len(self.proved)} of "
                f"{len(self.survey.status)} prediction{'' if len(self.survey.status) == 1 else 's'} proved to "
                f"{'stay' if called(self.head, self.classes) == LABEL else 'keep the same largest output'}, "
                f"{flipped} flipped{today}, {len(self.undecided)} undecided)")

    def __str__(self) -> str:
        """The same, and in plain words why predictions are undecided, and what helps."""
        if not len(self.undecided):
            return repr(self)
        helps, *others = self.reasons
        return "\n  ".join([repr(self), f"{len(self.undecided)} undecided: {helps}", *others])

    def _repr_html_(self) -> str:
        return as_html(self, called(self.head, self.classes))

    def to_frame(self) -> Any:
        """A pandas DataFrame, a line for each evaluation row: label, margin, status and the rows that flip it.

        Raises:
            InputError: pandas is not installed.
        """
        return as_frame(self, called(self.head, self.classes))

    def plot(self, axes: Any = None) -> Any:
        """A bar of the predictions that stay, are undecided and flip.

        Args:
            axes: of matplotlib; None: new ones.

        Returns:
            The axes.

        Raises:
            InputError: matplotlib is not installed.
        """
        return drawn(self, axes)

    def rows(self) -> list[Prediction]:
        """Every evaluation row with its label, margin, status and the training rows that flip it."""
        outputs = self.head.points @ self.head.V.T
        if self.head.k == 1:
            margins = np.abs(outputs[:, 0] - self.head.threshold)
        else:
            two = np.sort(outputs, axis=1)[:, -2:]
            margins = two[:, 1] - two[:, 0]
        found = []
        for i, (label, margin) in enumerate(zip(self.head.today.tolist(), margins.tolist(), strict=True)):
            witness, stays = self.witness(i), bool(self.survey.proved[i])
            status = STAYS if stays else UNDECIDED if witness is None else FLIPS
            rows, groups = ((), ()) if stays or witness is None else (witness.rows, witness.groups)
            found.append(Prediction(i, worded(self.classes, label), margin, status, rows, groups,
                                    () if stays or witness is None else turned(witness.rows, witness.targets)))
        return found


def stable_predictions(
    problem: Problem, X_eval: Any, *, delete: int | str | Sequence[int] | None = None,
    relabel: int | str | Mapping[int, Any] | None = None, groups: Any = None,
    relabel_pairs: Sequence[tuple[Any, Any]] | None = None, add: int | None = None, replace: int | None = None,
    within: Any = None, threshold: float | None = None, seconds: float = 60.0, jobs: int = 1,
    progress: Progress | None = None,
) -> StablePredictions:
    """Which predictions stay when any `delete` training rows are left out, or any `relabel` of them get another label.

    Numbers are of rows, whichever they are; both numbers together are of rows deleted and others relabelled at once. A
    list of rows, or a dictionary of rows and new labels, is that very change.

    The model is trained again to the exact minimum after each change; a prediction is the largest output, or of one
    output the side of the threshold on which it lies, and it is compared with that of the given weights.

    Args:
        problem: a problem with a convex head and weight decay. Of several layers the last is trained again and the
            others stay as they are, with a warning where its `layer` is "all".
        X_eval: `(N, d)` rows, an array or a table.
        delete: how many rows, or ``"1%"`` (no more than that share), or their numbers.
        relabel: how many rows, or ``"1%"``, or the new labels by number of row, e.g. ``{3: "spam"}``.
        groups: the group of every row, e.g. its user or source: all rows of `delete` groups are left out, or those of
            `relabel` groups get any labels; witnesses name their groups.
        relabel_pairs: pairs (a, b): with `relabel` a label a may become b, and nothing else.
        add, replace: how many new rows are added, or are added beside others that are left out (at most as many of
            each); with the logistic or the squared loss of one output and one layer.
        within: `(2, d)` the least and the largest value of every feature of a new row, which has any label; None: those
            of the training rows.
        threshold: of one output: log-odds of the logistic loss; the logarithm of what is predicted by a
            PoissonRegressor and its like; of a Gaussian process less the mean of y that it took away; None: 0, where
            targets say that this parts two labels.
        seconds: time; with less of it fewer are decided, and none of them wrongly.
        jobs: processes that share the work; −1: as many as there are processors. Where the time suffices the answer is
            the same for any number.
        progress: told the stage in words and the fraction done; None: a bar in a terminal or a notebook.

    Raises:
        InputError: what does not fit together.
        SpecError: no theorem answers.
        ProcessLost: one of several processes was ended.
    """
    if not seconds > 0:
        raise InputError("seconds", f"{seconds!r}", "give a number above 0")
    others = {"delete": delete, "relabel": relabel, "groups": groups, "relabel_pairs": relabel_pairs}
    members = asked_new(problem, add, replace, within, others) if add is not None or replace is not None else (
        asked_change(problem, delete, relabel, groups, relabel_pairs))
    if within is not None and members["fresh"] is None:
        raise InputError("within", "given without new rows", "give it with add or replace")
    asked = labelled(asked_of(problem, X_eval, members), threshold)
    head, change = head_of(asked), change_of_rows(asked)
    distance = distance_of(head, problem.ended)
    tell_of_lost(asked, change, numbers=False)
    tell_of_classes(problem, relabel is not None)
    with among(jobs), told(progress) as tell:
        began = Budget(seconds)
        found = survey(head, change, seconds, tell, tuple(CLASSES))
        if isinstance(change, GroupChange):
            found = without_idle(head, change, found, Budget(max(began.left(), SHARE * seconds)))
    return StablePredictions(change, found, head, distance, problem.classes, getattr(problem.prepare, "mean", ()),
                             _held(problem), groups)


def _held(problem: Problem) -> bool:
    """Whether layers stand before the last one, of a network or of the module that made the rows."""
    net = problem.network
    return not isinstance(net, Network) or net.depth > 1 or bool(getattr(problem.prepare, "held", False))


def distance_of(head: Head, ended: bool | None, centre: Array | None = None) -> float:
    """How near the given weights the refit of the unchanged data is proved; far off another training is warned of.

    Args:
        head: the head.
        ended: whether the given weights keep the rule by which their solver ends; None: nobody knows it.
        centre: `(k, m)` weights near that refit, where they are known; None: they are looked for.
    """
    centre = proposed(lambda: unchanged_refit(head)) if centre is None else centre
    distance = given_base(head, head.V if centre is None else centre)[1]
    length = float(np.linalg.norm(head.V))
    if words := beside(distance, length, head.loss.quadratic, ended):
        warn(words)
    return distance


def kind_of(**given: int | None) -> tuple[str, int]:
    """The kind of change that was asked about and its number of rows; the others are None.

    Raises:
        InputError: none or several, or a number that is none.
    """
    stated = [(kind, count) for kind, count in given.items() if count is not None]
    if len(stated) != 1:
        raise InputError("stable_predictions", f"{len(stated)} kinds of changes", "give delete or relabel, one of them")
    kind, count = stated[0]
    if not isinstance(count, int | np.integer) or isinstance(count, bool) or count < 1:
        raise InputError(kind, f"{count!r}", "give a whole number of rows from 1 on")
    return kind, int(count)


def asked_any(problem: Problem, X_eval: Any, kind: str, count: int) -> Problem:
    """The question about any `count` rows as a problem."""
    if count > len(problem.rows):
        raise InputError(kind, f"{count} of {len(problem.rows)} rows that may change",
                         f"give at most {len(problem.rows)}")
    return asked_of(problem, X_eval, {**PLAIN, "parameter": KINDS[kind], "count": count})


def asked_of(problem: Problem, X_eval: Any, members: Mapping[str, Any]) -> Problem:
    """The question as a problem, so that what refuses a spec refuses it too."""
    require_penalty(problem)
    points = points_of(problem, X_eval)
    net = problem.network
    inputs = net.widths[-2] if isinstance(net, Network) else int(net.last_arrays[0].shape[1])
    size = problem.outputs * (inputs + 1)
    if size > LARGEST:
        raise InputError("X", f"{size} weights of the head ({inputs} columns, {problem.outputs} outputs)",
                         f"give at most {LARGEST}, e.g. fewer columns: a refit solves a system of that size")
    leaves = Parameter(members["parameter"]).leaves  # as many rows are left where labels alone change
    plain = {"layer": _free_layer(problem), "radius": None, "scale": None, "map": Map.CRITICAL, "base": Base.NEARBY,
             "spec": None, "direction": None, "functionals": None,
             "normalization": problem.normalization if leaves else Normalization.FIXED}
    asked = replaced(problem, **{**plain, **members}, evaluation=points)
    require_sound(*asked.network.arrays, asked.X, asked.y, points)
    return asked


def _free_layer(problem: Problem) -> str | int:
    """The layer that is trained again: the last one, said where all of them were free."""
    net = problem.network
    if problem.layer != "all" or (isinstance(net, Network) and net.depth == 1):
        return problem.layer
    which = f"of the {net.depth} layers the last alone" if isinstance(net, Network) else "the last layer alone"
    warn(f"{which} is trained again, and the others stay as they are: of a training of all layers nothing is "
         "said here")
    return net.depth if isinstance(net, Network) else "last"


def points_of(problem: Problem, X_eval: Any) -> Array:
    """Evaluation rows as the network takes them, read and prepared as the training rows were.

    Raises:
        InputError: rows that are none, or of another shape or other columns than those.
    """
    if isinstance(problem.prepare, Reads):
        return problem.prepare.given(X_eval, "X_eval")
    points = given_rows(X_eval, "X_eval")
    if points.shape[1] != problem.columns:
        raise InputError("X_eval", f"{points.shape[1]} columns", f"give {problem.columns}, those of the training data")
    same_columns(X_eval, problem.column_names, "X_eval")
    return points if problem.prepare is None else np.ascontiguousarray(problem.prepare(points))
