"""Which evaluation rows keep their label at all weights within a distance of some."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.head import Whole
from certify.theorems.head.rows.classes.lengths import Measure
from certify.theorems.head.rows.classes.slopes import largest_norm

AT_ONCE = 2**21
"""Numbers of outputs that are held at once, about."""


@dataclass(frozen=True, eq=False)
class Asked:
    """Evaluation rows, in columns as they are scaled.

    Attributes:
        points: (N, p).
        label: (N,) today's classes.
        lengths: (N, k) upper bounds of the length of `x ⊗ (e_label − e_b)`.
        norms: (N,) of the rows.
    """

    points: Array
    label: Whole
    lengths: Array
    norms: Array

    def margins(self, W: Array, distance: Array) -> tuple[Array, Array]:
        """Bounds of the least margin of each label over all other classes, at weights within distances of some.

        Args:
            W: (B, q, p) weights.
            distance: (B,) in the norm of H.

        Returns:
            (N, B) lower bounds of the least margin, and upper bounds of it.
        """
        (N, p), (B, q, _) = self.points.shape, W.shape
        low, high = np.empty((N, B)), np.empty((N, B))
        sizes = np.array([largest_norm(one) for one in W])
        step = max(1, AT_ONCE // (B * (q + 1)))
        for start in range(0, N, step):
            some = slice(start, start + step)
            Z = np.zeros((len(self.points[some]), B, q + 1))
            Z[:, :, :q] = (self.points[some] @ W.reshape(B * q, p).T).reshape(-1, B, q)
            label, rows = self.label[some], np.arange(len(Z))
            gaps = Z[rows, :, label][:, :, None] - Z
            off = 2.0 * fp.dot_unit(p) * self.norms[some][:, None] * sizes * RAISE
            loose = self.lengths[some][:, None, :] * distance[:, None] + off[:, :, None] + 4.0 * U * np.abs(gaps)
            loose *= RAISE
            for ends, out in ((gaps - loose, low), (gaps + loose, high)):
                ends[rows, :, label] = np.inf
                out[some] = ends.min(axis=2)
        return low, high


def asked(measure: Measure, points: Array, label: Whole) -> Asked:
    """With their lengths."""
    lengths = measure.of(fp.require_finite(points, "evaluation rows")).pairs()
    return Asked(points, label, lengths[np.arange(len(points)), label], fp.row_norms(points))
