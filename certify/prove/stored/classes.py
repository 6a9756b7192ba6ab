"""D15 for a softmax regression whose rows are read some at a time."""

from __future__ import annotations

import numpy as np

from certify.format.errors import InputError
from certify.prove.stored.logistic import Found
from certify.rigor import fp
from certify.rigor.fp import RAISE, U
from certify.systems.head.rows.head import Head, Whole
from certify.systems.head.rows.stored.rows import Readers, Rows, Source
from certify.theorems.head.rows.classes.alone import alone, by_lengths
from certify.theorems.head.rows.classes.answered import Asked, asked
from certify.theorems.head.rows.classes.centre import Centre, Ground, settled
from certify.theorems.head.rows.classes.per_row import Each
from certify.theorems.head.rows.lengths.centre import scaled
from certify.theorems.head.rows.lengths.words import UNPARTED, too_hard, too_heavy
from certify.theorems.head.rows.squared.streamed.deletions import FLIPS, OPEN, STAYS

CLOSE = "the refits without one row are not known near enough to part these from a flip"


def by_classes(source: Source, readers: Readers, head: Head, decay: float, at: Whole, count: int, relabels: bool,
               ) -> Found:
    """Every evaluation row: single deleted rows one by one, more of them or labels by one bound for all choices.

    Args:
        source, readers: of the features.
        head: with the numbers of classes as labels, and weights to begin from.
        decay: μ of the sum, within one rounding.
        at: numbers of the evaluation rows whose label is known.
        count: how many rows may change.
        relabels: whether they get any other label; else they are deleted.
    """
    if head.label is None:
        raise InputError("y", "targets that are no labels", "give the labels")
    rows = scaled(Rows(source, np.ones(source.shape[1]), readers), decay, head.decayed)
    squares = rows.scale * rows.scale
    mu = np.where(head.decayed, decay, 0.0) * squares
    ground = Ground(rows, rows.per_row(head.label), mu, 2.0 * U * float(mu.max(initial=0.0)) * RAISE)
    c = settled(ground, (head.V[:-1] - head.V[-1]) / rows.scale)
    by = c.measure
    numbers = rows.tallied(Each(c.V, ground.label, by.R, by.size, by.gap)).numbers()
    points = asked(by, head.points[at] * rows.scale, head.today[at])
    if count == 1 and not relabels:
        return _single(c, numbers, points)
    return _any(c, numbers, points, count, relabels)


def _single(c: Centre, numbers: fp.Array, points: Asked) -> Found:
    found = alone(c, numbers, points)
    stays = (found.least > 0.0) & (found.stuck < 0)
    flips = found.flips >= 0
    status = np.where(flips, FLIPS, np.where(stays, STAYS, OPEN))
    why = "" if (status != OPEN).all() else CLOSE
    if found.stuck >= 0:
        why = f"row {found.stuck} pulls so hard that no step is proved to lead near the minimum without it"
    return Found(status, {int(j): (int(found.flips[j]),) for j in np.flatnonzero(flips)}, why)


def _any(c: Centre, numbers: fp.Array, points: Asked, count: int, relabels: bool) -> Found:
    pull = _most(numbers[2 if relabels else 1], count)
    lost = 0.0 if relabels else _most(numbers[3], count)
    if not lost < 1.0:
        return Found(np.full(len(points.points), OPEN), {}, too_heavy(count, lost))
    distance = by_lengths(c, numbers, pull, lost)
    if not np.isfinite(distance):
        return Found(np.full(len(points.points), OPEN), {}, too_hard(count, pull))
    status = np.where(points.margins(c.V[None], np.array([distance]))[0][:, 0] > 0.0, STAYS, OPEN)
    return Found(status, {}, UNPARTED if (status == OPEN).any() else "")


def _most(values: fp.Array, count: int) -> float:
    """Upper bound of the sum of the largest."""
    return float(np.sort(values)[::-1][:count].sum()) * fp.sum_up(count)
