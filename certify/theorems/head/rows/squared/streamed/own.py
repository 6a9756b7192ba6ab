"""What every row shows by itself: its place on the diagonal of the hat matrix, and the widest contrast of residuals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import Array
from certify.systems.head.rows.stored.tally import PerRow, Told, most


@dataclass(frozen=True, eq=False)
class Own:
    """`|Rφ_i|²` and the widest residual of a contrast, of every row.

    Attributes:
        R: the factor.
        fit: `(k, p)` weights near the refit, for the scaled columns.
        Y: `(n, k)` targets.
    """

    R: Array
    fit: Array
    Y: PerRow

    @property
    def beside(self) -> int:
        """A stretched row."""
        return len(self.R)

    def tally(self) -> OwnFound:
        """Nothing yet."""
        return OwnFound(self)


class OwnFound:
    """Of the parts so far.

    Attributes:
        residual: `(k,)` the largest residual of each output.
    """

    def __init__(self, task: Own) -> None:
        self._task, self._parts = task, [np.empty((2, 0))]
        self.residual = np.zeros(len(task.fit))

    def rows(self) -> tuple[Array, Array]:
        """`(n,)` of the diagonal, and of residuals; as they were computed."""
        found = np.concatenate(self._parts, axis=1)
        return found[0], found[1]

    def take(self, number: int, start: int, part: Array) -> None:
        """Another part."""
        task = self._task
        stretched = fp.require_finite(part @ task.R.T, "hat matrix")
        values = fp.require_finite(task.Y.at(start, len(part)) - part @ task.fit.T, "residuals")
        self.residual = most(self.residual, np.abs(values).max(axis=0))
        widest = values.max(axis=1) - values.min(axis=1) if values.shape[1] > 1 else np.abs(values[:, 0])
        self._parts.append(np.array([np.einsum("ij,ij->i", stretched, stretched), widest]))

    def told(self) -> Told:
        """As arrays."""
        return {"residual": self.residual, "rows": np.concatenate(self._parts, axis=1)}

    def add(self, told: Told) -> None:
        """Of the parts that follow."""
        self.residual = most(self.residual, told["residual"])
        self._parts.append(told["rows"])
