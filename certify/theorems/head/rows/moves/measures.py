"""How far refits lie from today's, measured between proved weights: Euclidean distance, or outputs at points."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from certify.format.errors import EnclosureError
from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.changes.base import Change
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.plainly import norms_of
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.motions import bent
from certify.theorems.head.rows.motions.relabelled import outputs_summed
from certify.theorems.head.rows.motions.summed import Summed, weights_summed
from certify.theorems.head.rows.moves.boxed import distance_boxed, outputs_boxed
from certify.theorems.head.rows.moves.deleted import Ends, able, ends_of


class Measure(ABC):
    """What of a motion `V − V_0` is measured: a seminorm of it.

    Args:
        head: the head.
        today: `(k, m)` weights near the refit of the unchanged data.
        near: that refit lies within it of them.
    """

    def __init__(self, head: Head, today: Array, near: float) -> None:
        self.head, self.today, self.near = head, today, near

    def ends(self, V: Array, radius: Array) -> tuple[Array, Array]:
        """Bounds `(B,)` of the measure of `w − w_0` for all w within a radius of each V, and w_0 within `near`.

        Args:
            V: `(B, k, m)` weights.
            radius: `(B,)`, infinite where nothing is known.
        """
        with np.errstate(all="ignore"):
            D = V - self.today
            size = norms_of(D)
            # one rounded difference an entry, and both balls
            off = (2 * U * (norms_of(V) + fp.frobenius(self.today)) + radius + self.near) * RAISE
            low, high = self._of(D, size, np.where(np.isfinite(off), off, np.inf))
        good = np.isfinite(size) & np.isfinite(off)
        return np.where(good, np.fmax(low, 0.0), 0.0), np.where(good & ~np.isnan(high), high, np.inf)

    def seen(self, most: float) -> float:
        """An upper bound of the measure of any motion of at most that length."""
        return float(most * self._steepest() * RAISE)

    @abstractmethod
    def boxed(self, change: RowChange, low: float, V: Array, budget: Budget) -> tuple[float, dict[str, Array]] | None:
        """An upper end by a tree of boxes, with what a checker needs; None: none was proved.

        Args:
            change: what may happen to the rows.
            low: the lower end, and V the weights that reach it.
            V: see low.
            budget: the time.
        """

    def deleted(self, change: Change, budget: Budget) -> Ends | None:
        """Both ends by trees of deletions (D23); None where they say nothing of this measure or change."""
        return None

    @abstractmethod
    def summed(self, change: Change, budget: Budget) -> Summed | None:
        """An upper end by sums of few vectors (D3, D31); None where they say nothing of this head or change."""

    @abstractmethod
    def bent(self, change: Change, budget: Budget) -> tuple[float, dict[str, Array]] | None:
        """An upper end by one box of all choices (D24), with what a checker needs; None: none was proved."""

    @abstractmethod
    def _of(self, D: Array, size: Array, off: Array) -> tuple[Array, Array]:
        """Ends for the motions D, of upper norms `size`, each known up to a distance `off`."""

    @abstractmethod
    def _steepest(self) -> float:
        """The measure of a motion of length 1, at most."""


class Distance(Measure):
    """`|V − V_0|`."""

    def boxed(self, change: RowChange, low: float, V: Array, budget: Budget) -> tuple[float, dict[str, Array]] | None:
        """Along a basis."""
        return distance_boxed(self.head, change, self.today, self.near, V, budget)

    def summed(self, change: Change, budget: Budget) -> Summed | None:
        """Of squared-loss heads."""
        return weights_summed(self.head, change, budget)

    def bent(self, change: Change, budget: Budget) -> tuple[float, dict[str, Array]] | None:
        """By the pulls of changed rows."""
        return bent.stated(self.head, change, None, budget.left)

    def _of(self, D: Array, size: Array, off: Array) -> tuple[Array, Array]:
        least = size / (fp.sum_up(D[0].size) ** 2 * RAISE) - fp.FLOOR
        return (least - off) * (1 - 4 * U), (size + off) * RAISE

    def _steepest(self) -> float:
        return 1.0


class Outputs(Measure):
    """The largest `|(V − V_0)x|` at an evaluation row x."""

    def boxed(self, change: RowChange, low: float, V: Array, budget: Budget) -> tuple[float, dict[str, Array]] | None:
        """Row by row, both ways."""
        return outputs_boxed(self.head, change, self.today, self.near, low, budget)

    def deleted(self, change: Change, budget: Budget) -> Ends | None:
        """Of squared-loss heads."""
        if not isinstance(change, RowChange) or able(self.head, change) or not len(self.head.points):
            return None
        try:
            found = ends_of(self.head, change, budget, largest=True)
        except EnclosureError:
            return None
        return None if isinstance(found, str) else found

    def summed(self, change: Change, budget: Budget) -> Summed | None:
        """Of squared-loss heads with other labels."""
        return outputs_summed(self.head, change, budget)

    def bent(self, change: Change, budget: Budget) -> tuple[float, dict[str, Array]] | None:
        """Row by row, both ways."""
        return bent.stated(self.head, change, self.head.points, budget.left)

    def _of(self, D: Array, size: Array, off: Array) -> tuple[Array, Array]:
        head, (B, k, m) = self.head, D.shape
        F = (head.points @ D.reshape(B * k, m).T).reshape(len(head.points), B, k)
        length = np.sqrt(np.einsum("nbk,nbk->nb", F, F))
        wrong = (fp.dot_unit(m) * head.points_norm + head.points_rad)[:, None] * size * (np.sqrt(k) * RAISE)
        wrong = (wrong + head.points_norm[:, None] * off) * RAISE + 2 * fp.dot_unit(k) * length + fp.FLOOR
        return (length - wrong).max(axis=0) * (1 - 4 * U), (length + wrong).max(axis=0) * RAISE

    def _steepest(self) -> float:
        return float(self.head.points_norm.max(initial=0.0))
