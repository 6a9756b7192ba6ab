"""D27: which sums of two steps from a centre leave evaluation rows open."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.head import Whole
from certify.theorems.head.rows.softmax_by_choice.candidates import Lines
from certify.theorems.head.rows.softmax_three_labels.sums import Sums

FAR = 0.99
"""Share of the distances of all sums up to which those of a step with later ones are judged by the largest."""

AT_ONCE = 256
"""Sums whose gradients are formed together."""


@dataclass(frozen=True, eq=False)
class Open:
    """Choices that leave evaluation rows open.

    Attributes:
        line: `(o,)` which of the lines; `first`, `second` `(o,)` the steps, the second −1 where there is none.
    """

    line: Whole
    first: Whole
    second: Whole


def opened(sums: Sums, lines: Lines, rows: Whole, W: Array) -> Open:
    """The steps, and sums of two of different rows, that are not proved to keep the label of an evaluation row.

    Args:
        sums: what steps from a centre do.
        lines: the evaluation rows.
        rows: `(f,)` the rows whose labels the steps change.
        W: `(f, k, p)` weights after the steps.
    """
    f, K = len(W), lines.other.size
    one, two = sums.distances()
    two[rows[:, None] == rows] = -1.0  # no choice
    margins, off = lines.margins(np.concatenate([W, sums.m.c.V[None]]))
    slack = (off + 16.0 * U * np.abs(margins)) * RAISE
    length = (lines.lengths(sums.m) * RAISE).ravel()
    low, high = (margins - slack)[:-1].reshape(f, K), (margins + slack)[-1].ravel()
    line = np.repeat(np.arange(len(lines.at)), lines.other.shape[1])
    alone = np.argwhere(~(length * one[:, None] < low))
    found = [Open(line[alone[:, 1]], alone[:, 0], np.full(len(alone), -1))]
    gain = low - high
    later = np.minimum.accumulate(gain[::-1], axis=0)[::-1]  # the least from a step on
    later = np.concatenate([later[1:], np.full((1, K), np.inf)])
    upper = np.triu(np.ones((f, f), dtype=bool), 1)
    known = two[upper & (two < np.inf)]
    cut = float(np.quantile(known, FAR)) if len(known) else 0.0
    near = np.where(upper & (two <= cut), two, -1.0).max(axis=1, initial=-1.0)
    left: list[tuple[Whole, Whole]] = [tuple(np.argwhere(upper & ~(two <= cut)).T)]
    for v in np.flatnonzero((~(length * near[:, None] < low + later)).any(axis=1)):
        some = np.flatnonzero(~(length * near[v] < low[v] + later[v]))
        w = v + 1 + np.flatnonzero((two[v, v + 1 :] <= cut) & (two[v, v + 1 :] >= 0.0))
        open_ = (~(two[v, w, None] * length[some] < low[v, some] + gain[np.ix_(w, some)])).any(axis=1)
        left.append((np.full(int(open_.sum()), v), w[open_]))
    first, second = (np.concatenate(part) for part in zip(*left, strict=True))
    for at in range(0, len(first), AT_ONCE):
        v, w = first[at : at + AT_ONCE], second[at : at + AT_ONCE]
        margin = low[v] + gain[w]
        still = np.flatnonzero((~(two[v, w, None] * length < margin)).any(axis=1))
        if len(still):
            v, w, margin = v[still], w[still], margin[still]
            open_ = np.argwhere(~(sums.formed(v, w)[:, None] * length < margin))
            found.append(Open(line[open_[:, 1]], v[open_[:, 0]], w[open_[:, 0]]))
    return Open(*(np.concatenate([getattr(one, name) for one in found]) for name in ("line", "first", "second")))

