"""Gradients of a head at very many weights, its labels changed, that err by a known small length."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from certify.rigor import fp
from certify.rigor.activation.sigmoid import values
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.change import DELETED, Choices
from certify.systems.head.rows.head import Head

CELL, LAST = 13, 16
"""Negative binary logarithm of a cell's width, and the largest margin that the table knows, on both sides."""

BEYOND = 2.0**-22
"""More than slopes or curvatures of rows beyond the table's ends may err by."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Gradients of a batch.

    Attributes:
        gradient: `(m, B)` in floats.
        error: the true ones lie within that Euclidean distance.
        curvature: `(n,)` every row's, from below, at all weights of the batch.
    """

    gradient: Array
    error: float
    curvature: Array


class Table:
    """A logistic head whose inputs are known exactly: its slopes from a table.

    Args:
        head: the head.
    """

    def __init__(self, head: Head) -> None:
        self.head = head
        self.S = np.asarray(head.phi * head.Y)
        self._cells = np.hstack([self.S * 2.0**CELL, np.full((head.n, 1), float(LAST << CELL))])
        middles = np.asarray((np.arange(2 * LAST << CELL) + 0.5) * 2.0**-CELL - LAST, dtype=np.float64)
        self._slopes = values(-middles)[0]
        self._mu, self._wrong = head.mu()
        self._held = np.where(head.decayed, self._mu, 0.0)

    @cached_property
    def stretch(self) -> float:
        """An upper bound of the spectral norm of the inputs: `|M⁴|^(1/8)` in the Frobenius norm, `M = φᵀφ`."""
        M = self.head.phi.T @ self.head.phi
        scale = float(np.abs(M).max()) or 1.0
        power = M / scale
        power = power @ power
        return float(np.sqrt(scale * np.linalg.norm(power @ power) ** 0.25) * (1 + 2.0**-20)) + fp.FLOOR

    def at(self, V: Array, choices: Choices) -> Batch | None:
        """At `(m, B)` weights; None where numbers are too large.

        The slope of a row with another label becomes `p − 1`, and that of a deleted one 0; a row that one change of the
        batch deletes has no curvature in any of them.

        The middle of a margin's cell lies within w of it, and slopes have `p'² ≤ p'/4 ≤ p/4`; so all errors together
        are at most `(w/2)e^(w/2)√(Σ p)` and what lies beyond the table.
        """
        head, B = self.head, V.shape[1]
        longest = float(np.sqrt(np.einsum("mb,mb->b", V, V).max(initial=0.0)) * RAISE)
        farthest = float(head.phi_norm.max()) * longest + LAST
        if not farthest * 2.0**CELL < 2.0**30:  # or it is not a number
            return None
        places = (self._cells @ np.vstack([V, np.ones((1, B))])).astype(np.int32)
        p = self._slopes.take(places, mode="clip")
        low, high = p.min(axis=1), p.max(axis=1)
        every = np.arange(B)
        for rows, codes in zip(choices.rows.T, choices.codes.T, strict=True):
            p[rows, every] = np.where(codes == DELETED, 0.0, p[rows, every] - 1.0)
        gradient = self._held[:, None] * V - self.S.T @ p
        wide = 2.0 ** -(CELL + 1) + 4 * fp.dot_unit(head.m + 1) * farthest
        off = wide / 2 * (1 + wide) * np.sqrt(high.sum()) + np.sqrt(head.n) * BEYOND
        rounding = 4 * fp.dot_unit(head.n + 1) * float(head.phi_norm.sum()) + (self._wrong + 4 * U * self._mu) * longest
        ends = np.minimum(low * (1 - low), high * (1 - high))
        ends[choices.rows[choices.codes == DELETED]] = 0.0
        error = float((self.stretch * off + rounding) * RAISE) + fp.FLOOR
        return Batch(gradient, error, np.maximum(ends * (1 - 2 * wide) - BEYOND, 0.0))
