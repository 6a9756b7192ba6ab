"""One reading for the gradient at several weights, each without one row, and for what rows keep of their curvature."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.rigor import fp
from certify.rigor.activation.elementary import exp
from certify.rigor.fp import RAISE, Array
from certify.systems.head.rows.head import Whole
from certify.systems.head.rows.stored import rows as parts
from certify.systems.head.rows.stored.normal import some
from certify.systems.head.rows.stored.tally import PerRow, Told
from certify.systems.head.rows.stored.tree import Tree
from certify.theorems.head.rows.classes.slopes import FARTHEST_OFF, WIDEST, largest_norm, off_of
from certify.theorems.head.rows.pair_tree.curves import EVEN

LEFT = (0.97, 0.88, 0.7, 0.45, 0.2, 0.1, 0.05, 0.02, 0.01, 0.003)
"""Parts of their curvature that rows are asked to keep; what some of them lack is counted by their leverage."""


@dataclass(frozen=True, eq=False)
class Stepped:
    """Gradients of the loss at the weights `W_i`, each without the row `without_i`.

    Attributes:
        V: (q, p) the centre, in columns as they are scaled.
        W: (B, q, p).
        without: (B,) numbers of rows, −1: none.
        label: (n,) numbers of classes.
        leverage: (n,) as of `measured`.
    """

    V: Array
    W: Array
    without: Whole
    label: PerRow
    leverage: Array

    @property
    def beside(self) -> int:
        """Outputs at all weights, a few times over."""
        return 4 * int(self.W.shape[0]) * (int(self.W.shape[1]) + 1)

    def tally(self) -> SteppedFound:
        """Nothing yet."""
        return SteppedFound(self)


class SteppedFound:
    """Of the parts so far.

    Attributes:
        known: (B,) whether outputs of all rows are near enough to each other, and known.
    """

    def __init__(self, task: Stepped) -> None:
        B, q, p = task.W.shape
        # all weights of a class side by side, so that what is done to a row goes along them
        self._task, self._flat = task, np.ascontiguousarray(task.W.transpose(1, 0, 2).reshape(q * B, p))
        self._sizes = np.array([largest_norm(W) for W in task.W])
        self._size = largest_norm(task.V)
        self.known = np.ones(B, dtype=bool)
        self._gradients, self._lacks = Tree(), Tree()

    def take(self, number: int, start: int, part: Array) -> None:
        """Another part."""
        (B, q, p), b = self._task.W.shape, len(part)
        stop = start + b
        Z = (part @ self._flat.T).reshape(b, q, B)
        moved = Z - (part @ self._task.V.T)[:, :, None]
        off = off_of(fp.row_norms(fp.require_finite(part, "rows"))[:, None], self._sizes[None, :] + self._size, p)
        ranges = np.maximum(moved.max(axis=1), 0.0) - np.minimum(moved.min(axis=1), 0.0) + 2.0 * off
        top = np.maximum(Z.max(axis=1), 0.0)
        fine = (top - np.minimum(Z.min(axis=1), 0.0) <= WIDEST) & (ranges <= WIDEST) & (off <= FARTHEST_OFF)
        self.known &= fine.all(axis=0)
        if not fine.all():
            Z, top, ranges = np.where(fine[:, None], Z, 0.0), np.where(fine, top, 0.0), np.where(fine, ranges, 0.0)
        Z -= top[:, None]
        E = exp(Z.reshape(b, q * B)).reshape(b, q, B)
        E /= (E.sum(axis=1) + exp(-top))[:, None]
        label = self._task.label.at(start, b)
        inner = np.flatnonzero(label < q)
        E[inner, label[inner]] -= 1.0
        own = np.flatnonzero((self._task.without >= start) & (self._task.without < stop))
        at = self._task.without[own].astype(np.int64) - start
        E[at, :, own] = 0.0
        ranges[at, own] = 0.0
        self._gradients.take(number, _sums(E.reshape(b, q * B), part))
        kept = exp(-ranges * RAISE) / EVEN
        leverage = self._task.leverage[start:stop]
        lacks = [leverage @ np.maximum(share - kept, 0.0) for share in LEFT]
        self._lacks.take(number, np.stack(lacks))

    def gradients(self) -> Array:
        """(B, q, p) about `Σ_j (σ_j − y_j) ⊗ x_j` at each of the weights, over all rows but one."""
        B, q, p = self._task.W.shape
        return np.ascontiguousarray(some(self._gradients).reshape(q, B, p).transpose(1, 0, 2))

    def lacks(self) -> Array:
        """(share, B) about what rows lack of each share of their curvature, by their leverages."""
        return some(self._lacks)

    def told(self) -> Told:
        """As arrays."""
        return {"known": self.known.astype(np.float64), **self._gradients.told("gradients"),
                **self._lacks.told("lacks")}

    def add(self, told: Told) -> None:
        """Of the parts that follow."""
        self.known &= told["known"] > 0.0
        self._gradients.add(told, "gradients")
        self._lacks.add(told, "lacks")


def _sums(G: Array, part: Array) -> Array:
    """`Σ_j G_j ⊗ x_j`, block by block."""
    total = np.zeros((G.shape[1], part.shape[1]))
    for at in range(0, len(part), parts.BLOCK):
        total += G[at : at + parts.BLOCK].T @ part[at : at + parts.BLOCK]
    return total
