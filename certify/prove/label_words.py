"""Labels in the words of y: what a classifier calls them, for the numbers that a head counts them by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from certify.format.errors import InputError
from certify.systems.head.rows.change import DELETED
from certify.systems.head.rows.head import Head, Whole


def worded(classes: Sequence[Any] | None, number: int) -> Any:
    """What y calls a label; its number where y has no words, −1 where it is too near a tie to tell.

    >>> worded(("ham", "spam"), 1), worded(None, 1), worded(("ham", "spam"), -1)
    ('spam', 1, -1)
    """
    return number if classes is None or number < 0 else classes[number]


def numbered(classes: Sequence[Any], y: Any, name: str) -> Whole | None:
    """The numbers of labels in the words of y; None where they are no list of labels, but codes.

    Raises:
        InputError: a label that is not one of the classes.

    >>> numbered((3, 8), [8, 3, 8.0], "y_eval").tolist()
    [1, 0, 1]
    """
    given = np.asarray(y)
    if given.ndim == 2 and given.shape[1] == 1:
        given = given[:, 0]
    if given.ndim != 1:
        return None
    known = {label: number for number, label in enumerate(classes)}
    found = np.empty(len(given), dtype=np.int64)
    for row, label in enumerate(given.tolist()):
        if label not in known:
            raise InputError(f"{name}, row {row}", f"label {label!r}",
                             f"the labels are {', '.join(map(repr, classes))}")
        found[row] = known[label]
    return found


def turned(rows: Sequence[int], targets: Sequence[Sequence[float]] | None) -> tuple[int, ...]:
    """The rows of a change that get another label; the others are left out.

    Args:
        rows: those that change.
        targets: what their targets become, NaN where a row is left out; None: all are.

    >>> turned((3, 17), ((float("nan"),), (1.0,))), turned((3, 17), None)
    ((17,), ())
    """
    return tuple(row for row, y in zip(rows, targets or (), strict=False) if not np.isnan(y).any())


def relabelled_as(classes: Sequence[Any] | None, head: Head, codes: Whole) -> tuple[Any, ...] | None:
    """What y calls the labels of codes, None where a row is deleted."""
    if classes is None or head.codes is None or len(head.codes) != len(classes):
        return None
    one = head.codes.shape[1] == 1
    order = np.argsort(head.codes[:, 0]).argsort() if one else np.argmax(head.codes, axis=1)
    return tuple(None if code == DELETED else classes[int(order[code])] for code in codes.tolist())
