"""The changes of the data that a strongly convex last layer may meet: a budget, and the rows that it moves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from certify.problem.perturbations.moving import Moving
from certify.problem.perturbations.parameters import MOVING
from certify.systems.head.last_layer import LastLayer


@dataclass(frozen=True)
class Change:
    """A budget of changes of the training data; every one of them is star-shaped about no change.

    Attributes:
        parameter: ``"sample_weights"`` (`1 + u_i`, −1 deletes a row), ``"targets"`` (squared loss), ``"labels"`` (a
            label becomes any other) or ``"features"``.
        radius: size of one row's change (`total`: of all); no meaning for labels.
        count: most rows that change at once; None: all of them.
        total: whether the radius is for all rows together.
        rows: rows that may change; None: all.
        down: whether sample weights only fall, `−radius ≤ u_i ≤ 0`.
    """

    parameter: str
    radius: float = 1.0
    count: int | None = None
    total: bool = False
    rows: tuple[int, ...] | None = None
    down: bool = False

    @property
    def moving(self) -> Moving:
        """What of the data moves."""
        return MOVING[self.parameter]


def moving_rows(layer: LastLayer, change: Change) -> NDArray[np.intp]:
    """Numbers of the rows that may change."""
    return np.arange(layer.n) if change.rows is None else np.array(change.rows)
