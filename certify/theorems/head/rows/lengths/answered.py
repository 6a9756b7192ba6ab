"""Which evaluation rows keep their label under every choice, and which lose it under one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.ridge import solve
from certify.theorems.head.rows.lengths.centre import Centre
from certify.theorems.head.rows.lengths.kept import bend_over
from certify.theorems.head.rows.lengths.reach import Reach
from certify.theorems.head.rows.lengths.taken import Taken
from certify.theorems.head.rows.squared.contrasts import Ints
from certify.theorems.head.rows.squared.streamed.deletions import FLIPS, OPEN, STAYS


@dataclass(frozen=True, eq=False)
class Answered:
    """What became of every evaluation row.

    Attributes:
        least: (N,) lower bounds of `e·w` after every choice.
        most: (N,) upper bounds of it after one choice, and `rows` which.
        lengths: (N,) of e in the norm of the inverse of H, from above.
    """

    least: Array
    most: Array
    rows: list[tuple[int, ...]]
    lengths: Array

    @property
    def status(self) -> Ints:
        """(N,) STAYS under every choice, FLIPS under one, or OPEN."""
        return self.beyond(np.zeros(len(self.least)))

    def beyond(self, room: Array) -> Ints:
        """(N,) the same, but OPEN where less is left to spare."""
        return np.where(self.least > room, STAYS, np.where(self.most < -room, FLIPS, OPEN))


def answered(c: Centre, found: Reach, points: Array, count: int, relabels: bool) -> Answered:
    """Every point by the sum of the most that single rows take from it.

    Args:
        c: the centre.
        found: how far the minimum moves.
        points: (N, p) rows e, of columns as they are, that are to stay with `e·w > 0`.
        count: how many rows may change.
        relabels: whether they get the other label; else they are deleted.
    """
    system, m = c.system, c.system.p
    solved, E = solve(system, points), points * system.scale
    lengths = fp.row_norms(E)
    seen = c.measure.of(E, lengths)
    margin = E @ c.w
    unsure = fp.dot_unit(m) * lengths * float(fp.row_norms(c.w[None, :])[0]) * RAISE
    taken = c.rows.tallied(Taken(*c.place, c.unsure, found.distance * found.counted, relabels, solved.u, count))
    each = (found.longest * solved.off + fp.dot_unit(m) * system.longest * solved.size) * RAISE
    # what linearising leaves, by the lengths of both sides or by Σ l''_jτ_j² ≤ distance² alone
    along = (taken.bent + each * float(bend_over(np.array([found.distance * found.longest]))[0])) * found.distance**2
    left = np.minimum(found.bent * seen, along * (1.0 + c.unsure) * (1.0 + c.unsure) * RAISE
                      + c.unsure * found.distance * seen) + c.residual * seen
    loose = (count * each + left + unsure + 4.0 * U * np.abs(margin)) * RAISE
    ends, rows = np.empty((2, len(points))), []
    for j, largest in enumerate(taken.largest):
        values, beside = largest.sorted()
        rows.append(tuple(sorted(beside[0].astype(int).tolist())))
        ends[:, j] = float(values.sum()) * fp.sum_up(count), float(beside[1].sum()) / fp.sum_up(count)
    room = 4.0 * U * (np.abs(margin) + loose + ends)
    return Answered(margin - (ends[0] + loose) - room[0], margin - (ends[1] - loose) + room[1], rows, seen)
