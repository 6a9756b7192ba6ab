"""D18 for changed labels: which evaluation rows keep their label at the refit that a candidate is near.

All choices share a few matrices below the curvature: a changed label adds a linear term, so that every row stays, and
only what outputs move by takes from its curvature. Rows count for the part that most refits leave of theirs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.rigor.fp import Array
from certify.systems.head.rows.change import Choices
from certify.systems.head.rows.head import Head, Whole
from certify.theorems.head.rows.method import Mask
from certify.theorems.head.rows.softmax.centre import Centre
from certify.theorems.head.rows.softmax_by_choice.candidates import Lines, lines_of, look
from certify.theorems.head.rows.softmax_by_choice.metric import Metric, as_it_is, metric
from certify.theorems.head.rows.softmax_by_choice.sums import Base, Found, at_weights, base_of

SPARE = 1.01
"""Times lengths of evaluation rows: what is proved is to hold with a little to spare, for a checker's own roundings."""

PARTS = (0.05, 0.5), (0.02, 0.1)
"""Of what refits leave of a row's curvature: the share of them that leave less, and how much of it counts. Of the first
matrix distances are shorter, the second one knows some of nearly every refit."""


@dataclass(frozen=True, eq=False)
class Judge:
    """The matrices, largest first, with the lengths of evaluation rows in the norms of their inverses.

    Attributes:
        head: the head.
        base: outputs at the centre, which all matrices share.
        metrics: the matrices; `lengths` `(N, k − 1)` for each, with room.
        lines: all evaluation rows.
    """

    head: Head
    base: Base
    metrics: tuple[Metric, ...]
    lengths: tuple[Array, ...]
    lines: Lines

    def parts(self) -> Array:
        """`(M, n)` what of each row's curvature is in each of the matrices, exactly."""
        return np.array([m.h for m in self.metrics])

    def look(self, choices: Choices, W: Array, live: Whole) -> tuple[Mask, Array]:
        """What candidates leave open of some evaluation rows.

        Args:
            choices: B changes of one label each.
            W: `(B, k, m)` candidates for their refits, any floats.
            live: `(L,)` the evaluation rows.

        Returns:
            `(B, L)` those that are not proved to keep their label, and lower bounds of margins at the candidates.
        """
        lines, rest = self.lines.part(live), np.arange(len(W))
        at = found_of(self.base, choices, W)
        open_, low = np.ones((len(W), len(live)), dtype=bool), np.full((len(W), len(live)), -np.inf)
        for m, lengths in zip(self.metrics, self.lengths, strict=True):
            part = Found(at.gradient[rest], at.error[rest], at.e[:, rest])
            one = look(m, part, np.zeros((len(rest), 0), np.int64), W[rest], lines, lengths[live])
            open_[rest] &= one.open
            low[rest] = np.maximum(low[rest], one.low)
            rest = rest[one.open.any(axis=1)]
            if not len(rest):
                break
        return open_, low


def found_of(base: Base, choices: Choices, W: Array) -> Found:
    """What candidates leave of the gradient after changes of labels, and of the curvature."""
    codes = base.head.codes
    assert codes is not None
    return at_weights(base, choices.rows, W, codes[choices.codes])


def judge_of(head: Head, c: Centre, V: Array, choices: Choices, step: int = 64) -> Judge | None:
    """The matrices by some refits, of which nothing is trusted; None where no matrix is proved to be one.

    Args:
        head: a softmax head whose inputs are known.
        c: the unchanged head.
        V: `(B, k, m)` weights near some refits.
        choices: of which changes.
        step: how many of them are looked at together.
    """
    c = as_it_is(c)
    if (first := metric(c, np.ones(head.n))) is None or (base := base_of(first, c.V)) is None:
        return None
    some = [slice(start, start + step) for start in range(0, len(V), step)]
    e = np.clip(np.concatenate([found_of(base, choices.part(part), V[part]).e for part in some], axis=1), 0.0, 1.0)
    made = [metric(c, part * np.quantile(e, share, axis=1)) for share, part in PARTS]
    metrics = tuple(m for m in made if m is not None)
    lines = lines_of(head, np.arange(len(head.points)))
    return Judge(head, base, metrics, tuple(SPARE * lines.lengths(m) for m in metrics), lines) if metrics else None
