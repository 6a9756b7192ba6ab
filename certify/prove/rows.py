"""Answers about whole rows of a head's training data: which predictions stay, and how many changes each survives."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from certify.finders.head.refits import Refitter
from certify.format.errors import InputError
from certify.format.words import Base, Map, Normalization, Parameter, Set
from certify.inputs.given import given_rows, same_columns
from certify.network.network import Network
from certify.problem.problem import Problem
from certify.problem.progress import Progress, silent
from certify.prove.rows_shown import FLIPS, STAYS, UNDECIDED, Prediction, as_frame, as_html, drawn
from certify.rigor.environment import require_sound
from certify.rigor.finder import proposed
from certify.rigor.fp import Array
from certify.systems.head.rows.change import DELETED, NONE, RowChange, choices_of
from certify.systems.head.rows.head import Head, Whole
from certify.systems.head.rows.of_problem import change_of_rows, given_base, head_of
from certify.systems.head.rows.refit import enclose_refits
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.survey import Survey, survey

KINDS = {"delete": Parameter.DELETIONS, "relabel": Parameter.LABELS}
"""What users call the parameters."""

ANOTHER = 0.1
"""Share of the length of the given weights beyond which their minimum is likely that of another training."""

LARGEST = 20_000
"""Weights of a head at most: a matrix of their square takes 3.2 GB."""

VERBS = {"delete": "deleted", "relabel": "relabelled"}


@dataclass(frozen=True, eq=False)
class Witness:
    """Rows whose change flips a prediction, proved by a refit.

    Attributes:
        rows: their numbers.
        targets: what their targets become, row by row; None: they are deleted.
        before, after: the outputs of the evaluation row at the given weights, and about those of the refit.
    """

    rows: tuple[int, ...]
    targets: tuple[tuple[float, ...], ...] | None
    before: tuple[float, ...]
    after: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class StablePredictions:
    """Which predictions stay under every choice of at most `count` changed rows.

    Attributes:
        kind: ``"delete"`` or ``"relabel"``.
        count: the number of rows.
        survey: what became of every evaluation row.
        head: the head.
        distance: the exact minimum of the unchanged data is proved to lie within it of the given weights.
    """

    kind: str
    count: int
    survey: Survey
    head: Head
    distance: float

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
    def lower(self) -> int:
        """How many are proved to stay."""
        return len(self.proved)

    @property
    def upper(self) -> int:
        """How many can stay: all but those that are flipped."""
        return len(self.survey.status) - len(self.attacked)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why evaluation rows are undecided."""
        return self.survey.reasons

    def witness(self, i: int) -> Witness | None:
        """The rows whose change flips evaluation row i; None where no such rows were found."""
        flips = self.survey.flips
        a = int(flips.point[i])
        if a < 0:
            return None
        there = flips.rows[a] != NONE
        rows, codes = flips.rows[a][there], flips.codes[a][there]
        targets = None
        if (codes != DELETED).any():
            assert self.head.codes is not None
            targets = tuple(tuple(row) for row in self.head.codes[codes].tolist())
        x = self.head.points[i]
        return Witness(tuple(rows.tolist()), targets, tuple((self.head.V @ x).tolist()),
                       tuple((flips.weights[a] @ x).tolist()))

    def __repr__(self) -> str:
        rows = "row" if self.count == 1 else "rows"
        return (f"StablePredictions(any {self.count} {rows} {VERBS[self.kind]}: {len(self.proved)} of "
                f"{len(self.survey.status)} predictions proved to stay, {len(self.attacked)} flipped, "
                f"{len(self.undecided)} undecided)")

    def _repr_html_(self) -> str:
        return as_html(self)

    def to_frame(self) -> Any:
        """A pandas DataFrame, a line for each evaluation row: label, margin, status and the rows that flip it.

        Raises:
            InputError: pandas is not installed.
        """
        return as_frame(self)

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
            found.append(Prediction(i, label, margin, status, () if stays or witness is None else witness.rows))
        return found


def stable_predictions(
    problem: Problem, X_eval: Any, *, delete: int | None = None, relabel: int | None = None,
    threshold: float | None = None, seconds: float = 60.0, progress: Progress | None = None,
) -> StablePredictions:
    """Which predictions stay when any `delete` training rows are left out, or any `relabel` of them get another label.

    The model is trained again to the exact minimum after each change; a prediction is the largest output, or of one
    output the side of the threshold on which it lies, and it is compared with that of the given weights.

    Args:
        problem: a problem with a convex head: one layer, or the last layer alone, and weight decay.
        X_eval: `(N, d)` rows, an array or a table.
        delete, relabel: one of them.
        threshold: of one output; None: 0, where the targets say that this parts two labels.
        seconds: time; with less of it fewer are decided, and none of them wrongly.
        progress: told the stage in words and the fraction done.

    Raises:
        InputError: what does not fit together.
        SpecError: no theorem answers.
    """
    kind, count = _kind(delete=delete, relabel=relabel)
    asked = _labelled(_asked(problem, X_eval, kind, count), threshold)
    head = head_of(asked)
    distance = distance_of(head)
    _tell_of_lost(head, asked.rows, kind, count)
    found = survey(head, change_of_rows(asked), seconds, progress or silent)
    return StablePredictions(kind, count, found, head, distance)


def _tell_of_lost(head: Head, rows: tuple[int, ...], kind: str, count: int) -> None:
    """Warn where the changes may leave a label without rows, which many programs refuse to train on."""
    codes, label = np.unique(head.Y, axis=0, return_inverse=True)
    if len(codes) > max(head.k, 2) or len(codes) < 2:
        return
    label = label.reshape(-1)
    for c in range(len(codes)):
        of = np.flatnonzero(label == c)
        if len(of) <= count and set(of.tolist()) <= set(rows):
            warnings.warn(f"a label has {len(of)} rows, and any {count} may be {VERBS[kind]}: scikit-learn refuses to "
                          "fit without it, and answers are about the minimum of the loss of what is left", stacklevel=3)


def distance_of(head: Head) -> float:
    """How near the given weights the refit of the unchanged data is proved; far off another training is warned of."""
    centre = proposed(lambda: Refitter(head).V0)
    distance = given_base(head, head.V if centre is None else centre)[1]
    length = float(np.linalg.norm(head.V))
    if not distance <= ANOTHER * length:
        warnings.warn(f"the exact minimum of the stated loss is proved only within {distance:.2g} of the given "
                      f"weights, of length {length:.2g}: were they fitted with sample weights, to other data, or "
                      "stopped early? Answers are about that minimum", stacklevel=3)
    return distance


@dataclass(frozen=True, eq=False)
class ToleratedChanges:
    """How many changed rows each prediction survives.

    Attributes:
        lower, upper: `(N,)` whole numbers; −1: exact training of the unchanged data gives another label already.
    """

    lower: Whole
    upper: Whole

    def __repr__(self) -> str:
        same = int((self.lower == self.upper).sum())
        return (f"ToleratedChanges(median {np.median(self.lower):g} to {np.median(self.upper):g}, exact for {same} of "
                f"{len(self.lower)} predictions)")


def tolerated_changes(
    problem: Problem, X_eval: Any, kind: str, *, most: int = 10, threshold: float | None = None,
    seconds: float = 60.0, progress: Progress | None = None,
) -> ToleratedChanges:
    """How many deleted or relabelled rows each prediction survives, from both sides.

    Args:
        problem, X_eval, threshold, progress: as of :func:`stable_predictions`.
        kind: ``"delete"`` or ``"relabel"``.
        most: numbers up to it are asked one after another, where no theorem answers all at once.
        seconds: time.
    """
    if kind not in KINDS:
        raise InputError("kind", f"{kind!r}", "use 'delete' or 'relabel'")
    if most < 1:
        raise InputError("most", f"{most!r}", "give 1 or more")
    asked = _labelled(_asked(problem, X_eval, kind, 1), threshold)
    head = head_of(asked)
    N = len(head.points)
    lower, upper = np.full(N, -1, dtype=np.int64), np.full(N, len(asked.rows), dtype=np.int64)
    limit = Budget(seconds)
    for count in range(1, min(most, len(asked.rows)) + 1):
        found = survey(head, RowChange(Parameter(asked.parameter).relabels, count, tuple(asked.rows)),
                       limit.left(), progress or silent)
        for part in found.parts.values():
            if part.tolerated is not None:
                return ToleratedChanges(*part.tolerated)
        upper = np.where(found.attacked, np.minimum(upper, count - 1), upper)
        lower = np.where(found.proved, count, lower)
        if limit.left() <= 0 or not found.proved.any():
            break
    return ToleratedChanges(np.minimum(lower, upper), upper)


@dataclass(frozen=True, eq=False)
class LeaveOneOut:
    """The outputs of every evaluation row after each row alone is left out: `lower ≤ output ≤ upper`.

    With the cross-entropy and an intercept without decay the outputs of one evaluation row are determined up to one
    number that is added to all of them; they are then those of one of the refits.

    Attributes:
        lower, upper: `(r, N, k)`, one for each row that the problem lets change, all n as a rule; infinite where
            nothing is proved.
    """

    lower: Array
    upper: Array

    @cached_property
    def middle(self) -> Array:
        """`(n, N, k)` midpoints."""
        return np.asarray((self.lower + self.upper) / 2)


def leave_one_out(problem: Problem, X_eval: Any, *, progress: Progress | None = None) -> LeaveOneOut:
    """The outputs of every evaluation row after the model is trained again without each row in turn, enclosed.

    Args:
        problem, X_eval, progress: as of :func:`stable_predictions`.
    """
    asked = _asked(problem, X_eval, "delete", 1)
    head = head_of(asked)
    refitter, tell = Refitter(head), progress or silent
    low, high, done = [], [], 0
    for choices in choices_of(head, change_of_rows(asked), 1, at_once=max(1, (1 << 21) // (head.k * head.m))):
        tell("leaving each row out", done / head.n)
        V = refitter.solve(choices)
        F, off = head.outputs(V, enclose_refits(head, choices, V))
        low.append(F - off)
        high.append(F + off)
        done += len(choices)
    return LeaveOneOut(np.concatenate(low), np.concatenate(high))


def _kind(**given: int | None) -> tuple[str, int]:
    stated = [(kind, count) for kind, count in given.items() if count is not None]
    if len(stated) != 1:
        raise InputError("stable_predictions", f"{len(stated)} kinds of changes", "give delete or relabel, one of them")
    kind, count = stated[0]
    if not isinstance(count, int | np.integer) or isinstance(count, bool) or count < 1:
        raise InputError(kind, f"{count!r}", "give a whole number of rows from 1 on")
    return kind, int(count)


def _asked(problem: Problem, X_eval: Any, kind: str, count: int) -> Problem:
    """The question as a problem, so that what refuses a spec refuses it too."""
    points, inputs = given_rows(X_eval, "X_eval"), problem.network.widths[0]
    if points.shape[1] != inputs:
        raise InputError("X_eval", f"{points.shape[1]} columns", f"give {inputs}, those of the training data")
    same_columns(X_eval, problem.names, "X_eval")
    if problem.prepare is not None:
        points = np.ascontiguousarray(problem.prepare(points))
    size = problem.outputs * (inputs + 1)
    if size > LARGEST:
        raise InputError("X", f"{size} weights of the head ({inputs} columns, {problem.outputs} outputs)",
                         f"give at most {LARGEST}, e.g. fewer columns: a refit solves a system of that size")
    if count > len(problem.rows):
        raise InputError(kind, f"{count} of {len(problem.rows)} rows that may change",
                         f"give at most {len(problem.rows)}")
    asked = replace(problem, parameter=KINDS[kind], set=Set.SPARSE, count=count,
                    normalization=_normalization(problem, kind), radius=None, change=None, scale=None,
                    map=Map.CRITICAL, base=Base.NEARBY, evaluation=points, spec=None, direction=None)
    assert isinstance(asked.network, Network)  # a head is the last layer of a chain
    require_sound(*asked.network.arrays, asked.X, asked.y, points)
    return asked


def _normalization(problem: Problem, kind: str) -> str:
    """That of the problem where rows are left out; as many rows are left where labels change."""
    return problem.normalization if Parameter(KINDS[kind]).leaves else Normalization.FIXED


def _labelled(problem: Problem, threshold: float | None) -> Problem:
    """The question with the threshold of its labels.

    Raises:
        InputError: nothing says what the label of one real output is.
    """
    if threshold is not None:
        return replace(problem, threshold=float(threshold))
    targets = problem.y if problem.y is not None else problem.labels
    if problem.threshold is None and problem.outputs == 1 and problem.row_loss.slides and not (
            targets is not None and np.isin(targets, (-1, 1)).all()):
        told = problem.row_loss.output
        hint = f"; the output is {told}" if told else ", e.g. 0.5 for targets 0 and 1"
        raise InputError("threshold", "none, and the targets of the one output are not all -1 and 1",
                         f"give the threshold that parts the two labels{hint}")
    return problem
