"""D14 for a logistic regression whose rows are read some at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.head import Head, Whole
from certify.systems.head.rows.stored.rows import Readers, Rows, Source
from certify.theorems.head.rows.lengths.answered import Answered, answered
from certify.theorems.head.rows.lengths.centre import Centre, scaled, settled
from certify.theorems.head.rows.lengths.reach import SLACK, plainly, reach
from certify.theorems.head.rows.lengths.words import UNPARTED
from certify.theorems.head.rows.squared.streamed.deletions import FLIPS, OPEN

NEAR, WORTH = 2.0**-19, 2.0**-32
"""What the curvature in floats may err by, as a part of it in any direction, for a certificate: `certify check` asks
for 2^−17. And the part of a penalty below which it scales no squares of a column."""

ALIKE = ("for a certificate columns depend on each other too nearly: the curvature in floats is not near enough to the "
         "exact one; more weight decay may do")
"""Why then no evaluation row is certified."""


@dataclass(frozen=True, eq=False)
class Found:
    """What became of every evaluation row that is asked about.

    Attributes:
        status: STAYS, FLIPS or OPEN.
        rows: for those that flip, by place, rows whose change does it.
        reason: why some are open; "" where none is.
        witness: by name the arrays that a certificate starts from.
    """

    status: Whole
    rows: dict[int, tuple[int, ...]]
    reason: str
    witness: Mapping[str, Array] = field(default_factory=dict)


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
    c = _centre(source, readers, head, decay)
    found = reach(c, count, relabels)
    if isinstance(found, str):
        return Found(np.full(len(at), OPEN), {}, found)
    answer = answered(c, found, _turned(head, at), count, relabels)
    return _found(answer.status, answer)


def with_witness(source: Source, readers: Readers, head: Head, decay: float, at: Whole, count: int, relabels: bool,
                 ) -> Found:
    """The same as far as `certify check` derives it again from what is found here; arguments as of `by_lengths`.

    What has so little to spare that other roundings may not prove it stays open.
    """
    c = _centre(source, readers, head, decay)
    if not _told_by_floats(c):
        return Found(np.full(len(at), OPEN), {}, ALIKE)
    found = plainly(c, count, relabels)
    if isinstance(found, str):
        return Found(np.full(len(at), OPEN), {}, f"{found}; for a certificate every row counts as the longest one")
    answer = answered(c, found, _turned(head, at), count, relabels)
    scale, room = c.rows.scale, SLACK * found.distance * answer.lengths
    return _found(answer.beyond(room), answer, {
        "centre": c.w * scale, "curvature": c.system.H / scale[:, None] / scale,
        "distance": np.array([found.distance])})


def _centre(source: Source, readers: Readers, head: Head, decay: float) -> Centre:
    """Weights near the minimum, and what is known there."""
    rows = scaled(Rows(source, np.ones(source.shape[1]), readers), decay, head.decayed)
    squares = rows.scale * rows.scale
    mu = np.where(head.decayed, decay, 0.0) * squares
    return settled(rows, rows.per_row(head.Y), mu, 2.0 * U * float(mu.max(initial=0.0)) * RAISE,
                   head.V[0] / rows.scale)


def _told_by_floats(c: Centre) -> bool:
    """Whether the curvature in floats is near the exact one in every direction: also in columns as the checker scales.

    It divides by the largest entries, of which squares are about n-th parts of sums, and weighs all roundings alike.
    Nothing is proved of that here; where it is guessed too well the certificate is refused.
    """
    H = c.system.H
    squares = np.maximum(16.0 * (np.diagonal(H) - c.mu) / len(c.rows), WORTH * c.mu)
    if not (c.system.delta < NEAR and (squares > 2.0**-100).all()):
        return False
    lengths = np.sqrt(squares)
    S = H / lengths[:, None] / lengths
    least = float(np.linalg.eigvalsh(S)[0])
    return bool(U * float(np.diagonal(S).max()) < NEAR * least)


def _turned(head: Head, at: Whole) -> Array:
    """Evaluation rows, turned so that their label is that of positive outputs."""
    return np.asarray(head.points[at] * np.where(head.today[at] > 0, 1.0, -1.0)[:, None])


def _found(status: Whole, answer: Answered, witness: Mapping[str, Array] | None = None) -> Found:
    why = UNPARTED if (status == OPEN).any() else ""
    return Found(status, {int(j): answer.rows[j] for j in np.flatnonzero(status == FLIPS)}, why, witness or {})
