"""How many evaluation rows are labelled rightly and stay so under every change of rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from certify.format.errors import InputError
from certify.inputs.given import given_numbers
from certify.inputs.numbers import first_index
from certify.rigor.fp import Array
from certify.systems.head.rows.head import Head, Whole
from certify.theorems.head.rows.survey import Survey

UNKNOWN = -1
"""In the place of a label: today's is too near a tie to tell."""


@dataclass(frozen=True, eq=False)
class Accuracy:
    """The share of evaluation rows whose label is right today and the same after every change.

    Row by row, as the literature counts certified accuracy: one change need not spoil all the rows that some change
    spoils.

    Attributes:
        rows: how many evaluation rows there are.
        today: numbers of those that the given weights label rightly, proved.
        kept: numbers of those that every change leaves right, proved.
        lost: numbers of those right today that some change makes wrong, proved.
        lower, upper: shares: proved to be kept, and all but those that are wrong today or lost.
    """

    rows: int
    today: Whole
    kept: Whole
    lost: Whole
    lower: float
    upper: float

    def __repr__(self) -> str:
        return (f"Accuracy(today {len(self.today)} of {self.rows} labels right; under every change {len(self.kept)} "
                f"proved to stay right, at most {round(self.upper * self.rows)}: {self.lower:.4f} to {self.upper:.4f})")


def accuracy_of(head: Head, survey: Survey, y_eval: Any) -> Accuracy:
    """Both ends of the accuracy under every change that was surveyed.

    Args:
        head: the head.
        survey: what became of every evaluation row.
        y_eval: the right labels (:func:`labels_of`).

    Raises:
        InputError: labels that are none.
    """
    right = labels_of(head, y_eval) == head.today
    N, unknown = len(head.today), head.today == UNKNOWN
    kept, lost = right & survey.proved, right & survey.attacked
    upper = int((right & ~survey.attacked).sum() + (unknown & ~survey.attacked).sum())
    numbers = (np.flatnonzero(which) for which in (right, kept, lost))
    return Accuracy(N, *numbers, lower=int(kept.sum()) / N, upper=upper / N)


def labels_of(head: Head, y_eval: Any) -> Whole:
    """Labels as `Head.today` counts them: of one output 1 above the threshold, else 0; otherwise class numbers.

    Args:
        head: the head.
        y_eval: `(N,)` labels or real targets, or `(N, k)` rows with the largest entry at the label.

    Raises:
        InputError: another number of rows, or entries that are no labels.
    """
    y, N = given_numbers(y_eval, "y_eval"), len(head.points)
    y = y.reshape(-1) if y.ndim == 2 and y.shape[1] == 1 else y
    if y.shape not in ((N,), (N, head.k)):
        raise InputError("y_eval", f"shape {y.shape} for {N} evaluation rows", "give one label a row")
    if head.k == 1:
        return _side(head, y)
    return _class(head, y)


def _side(head: Head, y: Array) -> Whole:
    """Two labels, or a real target on either side of the threshold."""
    if head.threshold == 0.0 and bool(np.isin(head.Y, (-1.0, 1.0)).all()):
        low = -1.0 if (y < 0).any() else 0.0
        _refuse(y, (y == low) | (y == 1.0), "labels are -1 and 1, or 0 and 1")
        return np.asarray((y > 0).astype(np.int64))
    _refuse(y, y != head.threshold, f"it lies on the threshold {head.threshold:g} itself, which is no label")
    return np.asarray((y > head.threshold).astype(np.int64))


def _class(head: Head, y: Array) -> Whole:
    """The number of a class, or the place of the largest entry."""
    if y.ndim == 1:
        _refuse(y, (y >= 0) & (y < head.k) & (y == np.floor(y)), f"labels are 0 … {head.k - 1}, one for each output")
        return np.asarray(y.astype(np.int64))
    two = np.sort(y, axis=1)[:, -2:]
    _refuse(y, np.broadcast_to((two[:, 1] > two[:, 0])[:, None], y.shape), "two entries of the row are the largest")
    return np.asarray(np.argmax(y, axis=1))


def _refuse(y: Array, good: np.ndarray[Any, Any], why: str) -> None:
    if not good.all():
        index = first_index(~good)
        raise InputError(f"y_eval, row {index[0]}", f"{y[index]:g}", why)
