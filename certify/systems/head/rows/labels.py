"""The right labels of evaluation rows, as a file or a caller gives them, counted as the labels of today are."""

from __future__ import annotations

from typing import Any

import numpy as np

from certify.format.errors import InputError
from certify.inputs.numbers import first_index
from certify.rigor.fp import Array
from certify.systems.head.rows.head import Head, Whole


def labels_of(head: Head, y: Array, name: str) -> Whole:
    """Labels as `Head.today` counts them: of one output 1 above the threshold, else 0; otherwise class numbers.

    Args:
        head: the head.
        y: `(N,)` labels or real targets, or `(N, k)` rows with the largest entry at the label.
        name: what to call them in messages.

    Raises:
        InputError: another number of rows, or entries that are no labels.
    """
    N = len(head.points)
    y = y.reshape(-1) if y.ndim == 2 and y.shape[1] == 1 else y
    if y.shape not in ((N,), (N, head.k)):
        raise InputError(name, f"shape {y.shape} for {N} evaluation rows", "give one label a row")
    if head.k == 1:
        return _side(head, y, name)
    return _class(head, y, name)


def _side(head: Head, y: Array, name: str) -> Whole:
    """Two labels where the training targets are -1 and 1; else a real target on either side of the threshold.

    The threshold parts outputs, log-odds for one, and not these labels: 0 is the first of them whatever it is.
    """
    if bool(np.isin(head.Y, (-1.0, 1.0)).all()):
        low = -1.0 if (y < 0).any() else 0.0
        if head.threshold == 0.0 or bool(((y == low) | (y == 1.0)).all()):
            _refuse(name, y, (y == low) | (y == 1.0), "labels are -1 and 1, or 0 and 1")
            return np.asarray((y > 0).astype(np.int64))
    _refuse(name, y, y != head.threshold, f"it lies on the threshold {head.threshold:g} itself, which is no label")
    return np.asarray((y > head.threshold).astype(np.int64))


def _class(head: Head, y: Array, name: str) -> Whole:
    """The number of a class, or the place of the largest entry."""
    if y.ndim == 1:
        good = (y >= 0) & (y < head.k) & (y == np.floor(y))
        _refuse(name, y, good, f"labels are 0 … {head.k - 1}, one for each output")
        return np.asarray(y.astype(np.int64))
    two = np.sort(y, axis=1)[:, -2:]
    one = np.broadcast_to((two[:, 1] > two[:, 0])[:, None], y.shape)
    _refuse(name, y, one, "two entries of the row are the largest")
    return np.asarray(np.argmax(y, axis=1))


def _refuse(name: str, y: Array, good: np.ndarray[Any, Any], why: str) -> None:
    if not good.all():
        index = first_index(~good)
        raise InputError(f"{name}, row {index[0]}", f"{y[index]:g}", why)
