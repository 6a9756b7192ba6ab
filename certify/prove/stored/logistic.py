"""D14 for a logistic regression whose rows are read some at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.rigor.fp import RAISE, U
from certify.systems.head.rows.head import Head, Whole
from certify.systems.head.rows.stored.rows import Readers, Rows, Source
from certify.theorems.head.rows.lengths.answered import answered
from certify.theorems.head.rows.lengths.centre import scaled, settled
from certify.theorems.head.rows.lengths.reach import reach
from certify.theorems.head.rows.lengths.words import UNPARTED
from certify.theorems.head.rows.squared.streamed.deletions import FLIPS, OPEN


@dataclass(frozen=True, eq=False)
class Found:
    """What became of every evaluation row that is asked about.

    Attributes:
        status: STAYS, FLIPS or OPEN.
        rows: for those that flip, by place, rows whose change does it.
        reason: why some are open; "" where none is.
    """

    status: Whole
    rows: dict[int, tuple[int, ...]]
    reason: str


def by_lengths(source: Source, readers: Readers, head: Head, decay: float, at: Whole, count: int, relabels: bool,
               ) -> Found:
    """Every evaluation row by one bound for all choices.

    Args:
        source, readers: of the features.
        head: with targets ±1, and weights to begin from.
        decay: μ of the sum, within one rounding.
        at: numbers of the evaluation rows whose label is known.
        count: how many rows may change.
        relabels: whether they get the other label; else they are deleted.
    """
    rows = scaled(Rows(source, np.ones(source.shape[1]), readers), decay, head.decayed)
    squares = rows.scale * rows.scale
    mu = np.where(head.decayed, decay, 0.0) * squares
    c = settled(rows, rows.per_row(head.Y), mu, 2.0 * U * float(mu.max(initial=0.0)) * RAISE, head.V[0] / rows.scale)
    sign = np.where(head.today[at] > 0, 1.0, -1.0)[:, None]
    found = reach(c, count, relabels)
    if isinstance(found, str):
        return Found(np.full(len(at), OPEN), {}, found)
    answer = answered(c, found, head.points[at] * sign, count, relabels)
    status = answer.status
    why = UNPARTED if (status == OPEN).any() else ""
    return Found(status, {int(j): answer.rows[j] for j in np.flatnonzero(status == FLIPS)}, why)
