"""Weights of the rows of a head: `G_M(V) = Σ_i c_i ℓ(Vφ_i; y_i) + …`, by row and by the label that a row has."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.change import DELETED, NONE, Choices, RowChange
from certify.systems.head.rows.changes.base import Change
from certify.systems.head.rows.head import Head

UNIT = 8 * U
"""Relative error of a weight as it is computed: two quotients and a product, and as much again."""


@dataclass(frozen=True, eq=False)
class RowWeights:
    """`c_i = s_i·t(y_i)`, above 0.

    Attributes:
        rows: `(n,)` the `s_i`, which stay with a row whatever label it gets; exact floats.
        labels: `(c,)` the `t` of every label, exact floats; None: all 1.
        balanced: whether `t(y) = n'/(c·n'_y)` of the rows that are left and their labels, as in scikit-learn's
            `class_weight="balanced"`: then every change of rows changes the weights of all. `labels` is None.
    """

    rows: Array
    labels: Array | None = None
    balanced: bool = False

    @property
    def numbers(self) -> Array:
        """What stays with rows, and what goes by labels."""
        return self.rows if self.labels is None else np.concatenate([self.rows, self.labels])

    @property
    def by_label(self) -> bool:
        """Whether a row that gets another label may count differently, or others do when rows change."""
        return self.labels is not None or self.balanced

    def of(self, head: Head, choices: Choices) -> Array:
        """`(n, B)` floats within `UNIT` of the weights, relatively; not finite where a label has no row left.

        Rows that are left out have some weight: they have no slope.
        """
        weight = np.repeat(self.rows[:, None], len(choices), axis=1)
        if self.labels is None and not self.balanced:
            return weight
        assert head.label is not None and head.codes is not None
        label = np.repeat(head.label[:, None], len(choices), axis=1)
        for column in range(choices.rows.shape[1]):
            rows, codes = choices.rows[:, column], choices.codes[:, column]
            new = np.flatnonzero((rows != NONE) & (codes != DELETED))
            label[rows[new], new] = codes[new]
        if self.labels is not None:
            return np.asarray(weight * self.labels[label])
        return np.asarray(weight * np.take_along_axis(self._shares(head, choices), label, axis=0))

    def _shares(self, head: Head, choices: Choices) -> Array:
        """`(c, B)` the `n'/(c·n'_y)`, each rounded twice."""
        assert head.label is not None and head.codes is not None
        c = len(head.codes)
        counts = np.repeat(np.bincount(head.label, minlength=c)[:, None], len(choices), axis=1).astype(np.float64)
        for column in range(choices.rows.shape[1]):
            rows, codes = choices.rows[:, column], choices.codes[:, column]
            there = np.flatnonzero(rows != NONE)
            np.subtract.at(counts, (head.label[rows[there]], there), 1.0)
            new = there[codes[there] != DELETED]
            np.add.at(counts, (codes[new], new), 1.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            shares = counts.sum(axis=0) / (c * counts)
        return np.where((counts > 0).all(axis=0), shares, np.nan)

    def weighed(
        self, head: Head, choices: Choices, g: Array, left: Array, slack: Array
    ) -> tuple[Array, Array, Array]:
        """Slopes times weights, what every row counts from below, and the slack of the former.

        Args:
            head: the head.
            choices: B changes.
            g: `(n, B, k)` slopes.
            left: `(n, B)` 1 for a row that is left.
            slack: `(n, B)` bounds of the errors of the slopes.
        """
        c = self.of(head, choices)
        size = np.sqrt(np.einsum("nbk,nbk->nb", g, g)) * (1 + (g.shape[-1] + 8) * U) * RAISE
        off = (c * slack * (1 + UNIT) + 2 * UNIT * c * size) * RAISE + left * 2.0**-1000
        return g * c[..., None], left * c * (1 - 2 * UNIT), off


def settled(head: Head, change: Change) -> Head:
    """The head with weights of labels as those of its rows, where rows are left out and no label changes.

    Where a product is rounded, and where weights are balanced, it stays as it is.
    """
    own = head.weights
    if not isinstance(own, RowWeights) or own.labels is None or head.label is None or (
            not isinstance(change, RowChange) or change.relabels):
        return head
    factors = own.labels[head.label]
    pairs = np.unique(np.stack([own.rows, factors]), axis=1).T.tolist()
    kept = all(s * t > 0.0 and Fraction(s) * Fraction(t) == Fraction(s * t) for s, t in pairs)
    return replace(head, weights=RowWeights(own.rows * factors)) if kept else head
