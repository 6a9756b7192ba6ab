"""D12: a column that is 0 in every row and has weight decay holds no weight at any minimiser: trees work without it.

A point may have entries there, which no margin depends on. They are kept as one entry as long as all of them, so that
lengths of points, and with them what is proved, stay what they are for a checker, which has all columns.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import Array
from certify.systems.head.rows.boxes.slabs import Rows
from certify.systems.head.rows.boxes.sums import Sums
from certify.theorems.head.rows.boxes.turns import Turns


@dataclass(frozen=True, eq=False)
class Columns:
    """The sum and the points without such columns.

    Attributes:
        sums, points: what a tree works with.
        whole: the sum with all columns.
        kept: the columns that are kept.
    """

    sums: Sums
    points: Array
    whole: Sums
    kept: Rows

    def widen(self, tree: Turns) -> None:
        """Put the zeros back into what a tree has found."""
        tree.sums = self.whole
        for node in tree.nodes:
            node.w = self._wide(node.w)
            if node.leaves is not None:
                node.leaves = node.leaves[0], self._wide(node.leaves[1])
        tree.flips = {point: (rows, self._wide(w)) for point, (rows, w) in tree.flips.items()}

    def _wide(self, w: Array) -> Array:
        found = np.zeros((*w.shape[:-1], self.whole.S.shape[1]))
        found[..., self.kept] = w
        return found


def columns(s: Sums, points: Array) -> Columns:
    """The same sum and points without columns of zeros; of small tables with them, as they take no time there.

    The last column is never touched: it holds the threshold and the sides of points (`Sums.level`).
    """
    empty = ~s.S.any(axis=0) & (s.decay > s.decay_off) & np.full(s.S.shape[1], s.vast)
    empty[-1] = False
    zeros = np.flatnonzero(empty)
    if not len(zeros):
        return Columns(s, points, s, np.arange(len(empty)))
    if points[:, zeros].any():  # one of them stays, with the length of all
        points = points.copy()
        points[:, zeros[0]] = np.where(points[:, zeros].any(axis=1), fp.row_norms(points[:, zeros]), 0.0)
        empty[zeros[0]] = False
    kept = np.flatnonzero(~empty)
    some = replace(s, S=np.ascontiguousarray(s.S[:, kept]), decay=s.decay[kept])
    return Columns(some, np.ascontiguousarray(points[:, kept]), s, kept)
