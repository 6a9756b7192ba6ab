"""Finder: sets that flip, fitted closely enough for a proof. Nothing is trusted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.finders.head.floats import Array
from certify.finders.head.newton import Newton, Sets

CLOSE = 1e-10
"""Newton decrement of the weights that are handed on."""


@dataclass(frozen=True, eq=False)
class Flips:
    """What was found.

    Attributes:
        found: `(N,)` the place in `sets` of the set that flips an evaluation row; -1: none was found.
        rows: `(S, m)` changed rows of each set, ascending, empty places -1 first.
        codes: `(S, m)` the places of their new targets; -1: deleted, or an empty place.
        weights: `(S, k, m)` the refitted weights.
    """

    found: Array
    rows: Array
    codes: Array
    weights: Array


def polished(newton: Newton, sets: Sets, V: Array, found: Array) -> Flips:
    """The sets at closer weights, without the flips that these do not show.

    Args:
        newton: of the head.
        sets, V: sets, and weights near their refits.
        found: `(N,)` which set flips an evaluation row; -1: none.
    """
    head = newton.head
    if len(sets):
        closer, ok = newton.refit(sets, V, CLOSE)
        V = np.where(ok[:, None, None], closer, V)
        z = (V.reshape(-1, V.shape[2]) @ head.points.T).reshape(*V.shape[:2], -1)
        label = (z[:, 0] > head.threshold).astype(int) if head.k == 1 else np.argmax(z, axis=1)
        same = label[found, np.arange(len(found))] == head.today
        found = np.where(same, -1, found)
    return Flips(found, sets.rows, sets.codes, V)
