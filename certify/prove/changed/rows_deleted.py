"""How far each prediction moves when any few rows are left out, or get other labels, and the model is trained again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from certify.format.errors import EnclosureError, InputError
from certify.format.quantities import PREDICTION_CHANGE
from certify.format.support import applying
from certify.format.words import Parameter
from certify.problem.closeness import solved
from certify.problem.perturbations.codes import codes_of
from certify.problem.problem import Problem
from certify.problem.progress import Progress, told, warn
from certify.problem.question import question_of
from certify.prove.changed.group_labels import named
from certify.prove.changed.lost import tell_of_lost
from certify.prove.label_words import relabelled_as
from certify.prove.moved import groups as by_groups
from certify.prove.moved.outputs import able, ends_of
from certify.prove.rows import asked_of, distance_of, points_of
from certify.prove.rows_asked import asked_change, is_plain
from certify.rigor.environment import require_sound
from certify.rigor.finder import proposed
from certify.rigor.fp import Array
from certify.spec.nearest import refusal
from certify.systems.head.rows.change import NONE, RowChange
from certify.systems.head.rows.changes.base import Change
from certify.systems.head.rows.changes.groups import GroupChange
from certify.systems.head.rows.head import Head, Whole
from certify.systems.head.rows.of_problem import change_of_rows, head_of
from certify.theorems.head.rows.method import Budget


@dataclass(frozen=True, eq=False)
class PredictionChange:
    """`lower ≤ the largest change of a prediction ≤ upper`, one of each for every row of X_eval.

    Attributes:
        change: what may happen to the rows.
        lower, upper: `(N,)` in the units of the targets; leaving out some rows moves the prediction by `lower`, and
            none of the choices moves it by more than `upper`. Of several outputs all of a row together (root of the sum
            of squares). Infinite where nothing was proved in the time.
        falls, rises: `(N, k)` upper bounds of how far each output goes down, and up.
        rows: `(N, m)` numbers of training rows: their change moves the prediction by `lower`; −1 in the place of none.
        groups: for each prediction the names of the groups of these rows, where whole groups are left out; else None.
        labels: for each prediction what the labels of these become, in the words of y, where it has such words and
            labels change; else None.
    """

    change: Change
    lower: Array
    upper: Array
    falls: Array
    rises: Array
    rows: Whole
    labels: tuple[tuple[Any, ...], ...] | None = None
    groups: tuple[tuple[Any, ...], ...] | None = None

    def __repr__(self) -> str:
        upper, lower = float(self.upper.max()), float(self.lower.max())
        most = f"at most {upper:.6g}" if np.isfinite(upper) else "open how far at most"
        reached = f"{lower:.6g} is reached" if lower else "nothing is proved from below"
        return f"PredictionChange({self.change.words}: {len(self.upper)} predictions, {most}, {reached})"


def prediction_change(
    problem: Problem, X_eval: Any, *, delete: int | str | None = None, relabel: int | str | None = None,
    groups: Any = None, seconds: float = 60.0, progress: Progress | None = None,
) -> PredictionChange:
    """How far every prediction may move when any few rows are left out, or labels change, and it is trained again.

    With the squared loss: deletions (D23) of Ridge, a last layer with a weight decay, and LinearRegression, which has
    no certificate; and labels (D3, D31), where the targets are labels, two numbers or rows that mark one of several
    outputs. Of a LogisticRegression of two labels either (D24, D6), the raw output, where a box holds all refits.
    Changes are between the exact minimum on all rows as they are and that on the changed ones.

    Args:
        problem: from :func:`certify.from_sklearn` and its like.
        X_eval: `(N, d)` rows to predict, as the model takes them.
        delete: how many rows are left out, or ``"1%"`` (no more than that share).
        relabel: how many rows get other labels, likewise; one of both.
        groups: the group of every row, e.g. its user or source: `delete` is then how many groups are left out, each
            with all its rows. Every choice of groups is refitted (D1), of the squared loss with a weight decay and of
            the logistic loss with one output.
        seconds: time; with less of it upper ends are larger, and none of them is wrong.
        progress: told the stage in words and the fraction done.

    Raises:
        InputError: another loss, weights of rows, a decay that follows the number of rows, targets kept without their
            mean, or rows that are named.
        EnclosureError: no one minimum is proved, as of dependent columns without a penalty.

    >>> import certify, numpy as np
    >>> from sklearn.linear_model import Ridge
    >>> X, y = np.array([[-1.0], [0.0], [1.0]]), np.array([0.0, 3.0, 0.0])
    >>> problem = certify.from_sklearn(Ridge(alpha=2.0).fit(X, y), X, y)
    >>> found = certify.prediction_change(problem, [[0.0]], delete=1)  # 1 today; without row 1 it is 0
    >>> round(float(found.lower[0]), 9), round(float(found.upper[0]), 9), found.rows[0].tolist()
    (1.0, 1.0, [1])
    >>> of_users = certify.prediction_change(problem, [[0.0]], delete=1, groups=["a", "b", "a"])
    >>> round(float(of_users.upper[0]), 9), of_users.groups
    (2.0, (('a',),))
    """
    if not seconds > 0:
        raise InputError("seconds", f"{seconds!r}", "give a number above 0")
    if (delete is None) == (relabel is None):
        raise InputError("delete and relabel", "none, or both",
                         'give one of them, delete or relabel, as a number of rows or a share like "1%"')
    if getattr(problem.prepare, "mean", ()):
        raise InputError("prediction_change", "targets that are kept without their mean, which a fit to fewer rows "
                         "takes anew", "fit with normalize_y=False")
    members = asked_change(problem, delete, relabel, groups, None)
    if groups is not None:
        return _grouped(problem, asked_of(problem, X_eval, members), groups, seconds, progress)
    head, change = _plain(problem, X_eval, members) if is_plain(problem) else _penalised(problem, X_eval, members)
    if words := able(head, change):
        raise InputError("prediction_change", words, _instead(members["count"], relabel is not None))
    assert isinstance(change, RowChange)
    with told(progress) as tell:
        tell("how far predictions move", 0.0)
        found = ends_of(head, change, Budget(seconds))
    if isinstance(found, str):
        raise EnclosureError("prediction_change", found, "give more weight decay, fewer columns or more time")
    labels = [relabelled_as(problem.classes, head, codes[rows != NONE]) for rows, codes in zip(
        found.rows, found.codes, strict=True)] if change.relabels else []
    known = tuple(one for one in labels if one is not None)
    return PredictionChange(change, found.lower, found.upper, found.falls, found.rises, found.rows,
                            known if known and len(known) == len(labels) else None)


def _grouped(problem: Problem, asked: Problem, groups: Any, seconds: float, progress: Progress | None,
             ) -> PredictionChange:
    """The same of whole groups.

    Raises:
        InputError: labels change, another loss, or too many choices.
    """
    head, change = head_of(asked), change_of_rows(asked)
    assert isinstance(change, GroupChange)
    if words := by_groups.able(head, change):
        raise InputError("prediction_change", words, "ask certify.stable_predictions(problem, X_new, delete=1, "
                         "groups=users) which labels stay, or certify.leave_one_out(problem, X_new, groups=users)")
    tell_of_lost(asked, change)
    distance_of(head, problem.ended)
    with told(progress) as tell:
        found = by_groups.groups_moved(head, change, Budget(seconds), tell)
    names = tuple(named(groups, problem.n, tuple(rows[rows != NONE].tolist())) for rows in found.rows)
    return PredictionChange(change, found.lower, found.upper, found.falls, found.rises, found.rows, groups=names)


def _instead(count: int | None, relabels: bool) -> str:
    """What to call where each prediction by itself is not bounded."""
    what, named = (f"relabel={count}", "labels wrong") if relabels else (f"delete={count}", "rows deleted")
    whole = f'certify.audit(problem, X_new, {what}, ask="{named}")'
    if count == 1 and not relabels:
        return ("ask certify.leave_one_out(problem, X_new), which encloses every output without each row, or for one "
                f"bound of all predictions {whole}")
    return f"for what is proved of all predictions together ask {whole}"


def _penalised(problem: Problem, X_eval: Any, members: Mapping[str, Any]) -> tuple[Head, Change]:
    """The head and the change of a problem with a weight decay; a warning where the weights are far from the minimum.

    Raises:
        InputError: no theorem is about it.
    """
    asked = asked_of(problem, X_eval, members)
    why = None if applying(question := question_of(asked, PREDICTION_CHANGE.name)) else refusal(question)
    if why is not None:
        raise InputError("prediction_change", why.found, why.remedy)
    head, change = head_of(asked), change_of_rows(asked)
    distance_of(head, problem.ended)
    tell_of_lost(asked, change)
    return head, change


def _plain(problem: Problem, X_eval: Any, members: Mapping[str, Any]) -> tuple[Head, Change]:
    """The same of plain least squares, such as LinearRegression: columns of full rank are needed, and proved.

    Raises:
        InputError: rows that are named, or evaluation rows of another shape.
    """
    points = points_of(problem, X_eval)
    require_sound(*problem.network.arrays, problem.X, problem.y, points)
    head = head_of(replace(problem, evaluation=points))
    relabels = Parameter(members["parameter"]).relabels
    if relabels:
        found = codes_of(problem)
        head = replace(head, codes=found.codes, label=found.label)
    fit = proposed(lambda: np.linalg.lstsq(head.phi, head.Y, rcond=None)[0])
    if fit is not None and problem.weights is None:
        today, exact = head.points @ head.V.T, head.points @ fit
        if not np.abs(today - exact).max() <= solved(head.V) * np.abs(exact).max():
            warn("predictions of the given weights are not those of least squares of these rows: were they "
                 "fitted with sample weights, or to other data? Answers are about least squares")
    count = members["count"]
    if count is None:
        raise InputError("delete", "rows that are named", "give a number of rows")
    return head, RowChange(relabels, int(count), tuple(range(problem.n)))
